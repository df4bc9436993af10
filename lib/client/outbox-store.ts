/** The outbox on disk: who the client is, and what it has to send. */
import { clientError } from './errors.js';
import type { ClientIdentity } from './identity.js';

/** A request that is kept. */
export interface OutboxEntry {
  /** Its id. They rise in the order of the requests. */
  readonly id: number;
  readonly event: string;
  /** JSON text; absent when there is no payload. */
  readonly payload: string | undefined;
  /** When it may have been sent for the first time, in milliseconds since 1970; absent when it never was. */
  readonly sentAt: number | undefined;
  /** The client key under which the server may know it since; absent when it was never sent. */
  readonly sentAs: string | undefined;
}

interface StoredIdentity {
  readonly clientKey: string;
  /** How often it was opened. */
  readonly opened: number;
}

/** Numbers of one opening: what counts up there does not reach those of the next. */
const NUMBERS = 1_000_000_000;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error('no reason'));
    };
  });
}

/** Resolves when what was written will be found again. */
function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => {
      resolve();
    };
    transaction.onabort = () => {
      reject(transaction.error ?? new Error('no reason'));
    };
  });
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw clientError('outbox-failed', { cause });
  }
}

/** See the head of this file. Everything rejects with `outbox-failed` when the disk does not obey. */
export class OutboxStore {
  private constructor(private readonly database: IDBDatabase) {}

  static open(factory: IDBFactory, name: string): Promise<OutboxStore> {
    return onDisk(async () => {
      const request = factory.open(name, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore('entries', { keyPath: 'id' });
        request.result.createObjectStore('identity');
      };
      return new OutboxStore(await settled(request));
    });
  }

  /** Who the client is from now on: numbers begin above all that were used. */
  identity(randomKey: () => string): Promise<ClientIdentity> {
    return onDisk(async () => {
      const transaction = this.database.transaction('identity', 'readwrite');
      const store = transaction.objectStore('identity');
      const known = await settled(store.get('self') as IDBRequest<StoredIdentity | undefined>);
      const clientKey = known?.clientKey ?? randomKey();
      const opened = (known?.opened ?? 0) + 1;
      store.put({ clientKey, opened } satisfies StoredIdentity, 'self');
      await committed(transaction);
      return { clientKey, attempt: opened * NUMBERS, lastId: opened * NUMBERS };
    });
  }

  /** What has to be sent, in order. */
  entries(): Promise<OutboxEntry[]> {
    return onDisk(() => {
      const store = this.database.transaction('entries').objectStore('entries');
      return settled(store.getAll() as IDBRequest<OutboxEntry[]>);
    });
  }

  put(entries: readonly OutboxEntry[]): Promise<void> {
    return this.#write((store) => {
      for (const entry of entries) store.put(entry);
    });
  }

  remove(id: number): Promise<void> {
    return this.#write((store) => store.delete(id));
  }

  close(): void {
    this.database.close();
  }

  #write(write: (store: IDBObjectStore) => unknown): Promise<void> {
    return onDisk(() => {
      const transaction = this.database.transaction('entries', 'readwrite');
      write(transaction.objectStore('entries'));
      return committed(transaction);
    });
  }
}
