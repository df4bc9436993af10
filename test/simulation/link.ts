import type { WebSocketLike } from '../../lib/client/index.js';
import type { MessageBundle, Transport, TransportListener } from '../../lib/core/index.js';
import { Lane, type Scheduling } from './scheduling.js';

type Handler<E> = ((event: E) => void) | null;

/** What travels: a message, or the end of the link. */
type Travelling = string | { readonly code: number; readonly reason: string };

const decoder = new TextDecoder();

/** Who stands beside the client and sees what it sees. */
export interface Onlooker {
  /** A message reaches the client. */
  heard(text: string): void;
  /** The client has nothing to expect of the link any more. */
  lost(): void;
}

/** Where a link leads to: accepts it, or `undefined` while nobody is there. */
export type Accept = (transport: Transport) => TransportListener | undefined;

/**
 * One connection through a network that delays as long as it likes, keeps the order of each
 * direction, and may be cut: then what is on its way is lost, and each end notices in its own time.
 */
export class Link implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly bufferedAmount = 0;
  readonly #up: Lane<Travelling>;
  readonly #down: Lane<Travelling>;
  readonly #held: Travelling[] = [];
  #server: TransportListener | undefined;
  #isOpen = false;
  #isClosing = false;
  #isPaused = false;
  #buffered = 0;
  /** What was taken and may become more. */
  #bundle: MessageBundle | undefined;

  constructor(
    private readonly scheduling: Scheduling,
    private readonly name: string,
    accept: Accept,
    private readonly onlooker: Onlooker,
  ) {
    this.#up = new Lane(scheduling, `${name} up`, (item) => {
      this.#arriveAtServer(item);
    });
    this.#down = new Lane(scheduling, `${name} down`, (item) => {
      this.#arriveAtClient(item);
    });
    scheduling.later(`${name} connects`, () => {
      this.#server = accept(this.#transport());
      if (this.#server === undefined) this.#endAtClient(1006, '');
      else this.#down.push('');
    });
  }

  // The client's end.

  send(text: string): void {
    this.#up.push(text);
  }

  close(code = 1005, reason = ''): void {
    this.#isOpen = false;
    this.onlooker.lost();
    this.#up.push({ code, reason });
    this.#down.stop();
  }

  // The network.

  /** Breaks the link. */
  cut(): void {
    this.#up.stop();
    this.#down.stop();
    this.scheduling.later(`${this.name} is gone for the client`, () => {
      this.#endAtClient(1006, '');
    });
    this.scheduling.later(`${this.name} is gone for the server`, () => {
      this.#endAtServer(1006, '');
    });
  }

  /** The server's end: apart, because both ends have a `send` and a `close`. */
  #transport(): Transport {
    const bufferedBytes = (): number => this.#buffered + (this.#bundle?.bytes ?? 0);
    return {
      send: (message) => {
        if (this.#isClosing) return;
        this.#writeBundle();
        this.#send(message);
      },
      take: (bundle) => {
        if (this.#isClosing) return false;
        this.#writeBundle();
        this.#bundle = bundle;
        this.scheduling.later(`${this.name} writes`, () => {
          if (this.#bundle === bundle) this.#writeBundle();
        });
        return true;
      },
      close: (code, reason) => {
        if (this.#isClosing) return;
        this.#writeBundle();
        this.#isClosing = true;
        this.#down.push({ code, reason });
      },
      terminate: () => {
        this.cut();
      },
      pause: () => {
        this.#isPaused = true;
      },
      resume: () => {
        this.#isPaused = false;
        for (const item of this.#held.splice(0)) this.#arriveAtServer(item);
      },
      get bufferedBytes() {
        return bufferedBytes();
      },
    };
  }

  #writeBundle(): void {
    const bundle = this.#bundle;
    this.#bundle = undefined;
    bundle?.close();
    for (const message of bundle?.messages ?? []) this.#send(message);
  }

  #send(message: string | Uint8Array): void {
    const text = typeof message === 'string' ? message : decoder.decode(message);
    this.#buffered += text.length;
    this.#down.push(text);
  }

  #arriveAtServer(item: Travelling): void {
    if (this.#isPaused) this.#held.push(item);
    else if (typeof item === 'string') this.#server?.message(item, item.length);
    else this.#endAtServer(item.code, item.reason);
  }

  #arriveAtClient(item: Travelling): void {
    if (typeof item !== 'string') {
      this.#endAtClient(item.code, item.reason);
      this.#endAtServer(item.code, item.reason);
    } else if (item === '') {
      this.#isOpen = true;
      (this.onopen as Handler<object>)?.({});
    } else {
      this.#buffered -= item.length;
      if (this.#isOpen) this.onlooker.heard(item);
      if (this.#isOpen) (this.onmessage as Handler<{ data: string }>)?.({ data: item });
      if (this.#buffered === 0) this.#server?.drained();
    }
  }

  #endAtClient(code: number, reason: string): void {
    const onclose = this.onclose as Handler<{ code: number; reason: string }>;
    this.#isOpen = false;
    this.onlooker.lost();
    this.onclose = null;
    this.#up.stop();
    onclose?.({ code, reason });
  }

  #endAtServer(code: number, reason: string): void {
    const server = this.#server;
    this.#server = undefined;
    this.#isClosing = true;
    this.#buffered = 0;
    this.#down.stop();
    server?.closed(code, reason);
  }
}
