import { createElement, useEffect, useState, type ReactNode } from 'react';
import type {
  Contract,
  RealtimeClient,
  RealtimeClientOptions,
  TokenSource,
  UntypedContract,
} from '../client/index.js';
import { ClientContext } from './context.js';
import { useKeyed } from './use-keyed.js';
import { useLatest } from './use-latest.js';

/**
 * What a provider gives to the function that makes its client, to be passed on: `autoConnect` is
 * `false`, because rendering must not connect; `token` reads the provider's newest `token`.
 */
export type OwnedClientOptions = Pick<RealtimeClientOptions, 'autoConnect' | 'token'>;

/** Makes a provider's client. Called while rendering, also for renders that are thrown away. */
export type CreateClient<C extends Contract = UntypedContract> = (
  options: OwnedClientOptions,
) => RealtimeClient<C>;

/** What {@link RealtimeProvider} takes. */
export type RealtimeProviderProps<C extends Contract = UntypedContract> = {
  readonly children?: ReactNode;
} & (
  | {
      /** A client that was made elsewhere. The provider neither connects nor closes it. */
      readonly client: RealtimeClient<C>;
      readonly token?: never;
    }
  | {
      /**
       * Makes the client: `(options) => new RealtimeClient(url, options)`. The provider connects it
       * when it is mounted and closes it when it is gone; on a server it does neither. May be a new
       * function at each render: it is called again only when there is a new client to be made. For
       * another URL or another user give the provider another `key`.
       */
      readonly client: CreateClient<C>;
      /**
       * The client's credentials. A new value is used from the next time on that the client needs
       * one, without a new connection. `undefined` means none; going from none to one, or back,
       * makes a new client, because that is another identity.
       */
      readonly token?: TokenSource | undefined;
    }
);

/** Gives a client to the hooks of all components below. */
export function RealtimeProvider<C extends Contract = UntypedContract>({
  client,
  token,
  children,
}: RealtimeProviderProps<C>): ReactNode {
  // The hooks are typed by what they are asked for, not by the context.
  if (typeof client === 'function') {
    return createElement(
      OwningProvider,
      { client: client as unknown as CreateClient, token },
      children,
    );
  }
  const value = client as unknown as RealtimeClient;
  return createElement(ClientContext.Provider, { value }, children);
}

interface OwningProviderProps {
  readonly client: CreateClient;
  readonly token: TokenSource | undefined;
  readonly children?: ReactNode;
}

/** A client of a provider's own. */
interface Ownership {
  readonly client: RealtimeClient;
  isHeld: boolean;
  /** The client was closed because nobody held it. */
  isOver: boolean;
}

function OwningProvider({ client: create, token, children }: OwningProviderProps): ReactNode {
  const latest = useLatest(token);
  const [generation, setGeneration] = useState(0);
  const isAnonymous = token === undefined;
  const ownership = useKeyed<Ownership>(
    () => {
      const read = () => (typeof latest.current === 'function' ? latest.current() : latest.current);
      const options = { autoConnect: false, token: isAnonymous ? undefined : read };
      return { client: create(options), isHeld: false, isOver: false };
    },
    isAnonymous,
    generation,
  );
  useEffect(() => {
    // Shown again after it was hidden for a while: a closed client stays closed.
    if (ownership.isOver) setGeneration((before) => before + 1);
    return hold(ownership);
  }, [ownership]);
  return createElement(ClientContext.Provider, { value: ownership.client }, children);
}

/** Connects the client. Returns what closes it, unless it is held again at once, as by strict mode. */
function hold(ownership: Ownership): () => void {
  ownership.isHeld = true;
  // That a client closed for good is told by its state and its `error` event.
  void ownership.client.connect();
  return () => {
    ownership.isHeld = false;
    queueMicrotask(() => {
      if (ownership.isHeld) return;
      ownership.isOver = true;
      ownership.client.close();
    });
  };
}
