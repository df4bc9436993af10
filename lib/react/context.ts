import { createContext, createElement, useContext, type ReactNode } from 'react';
import type { RealtimeClient } from '../client/index.js';

const ClientContext = createContext<RealtimeClient | undefined>(undefined);

/** What {@link RealtimeProvider} takes. */
export interface RealtimeProviderProps {
  /**
   * The client that the hooks below use. Make it once, outside of rendering; with server-side
   * rendering give it `autoConnect: false` and call `connect()` in an effect. The provider neither
   * connects nor closes it.
   */
  readonly client: RealtimeClient;
  readonly children?: ReactNode;
}

/** Gives a client to the hooks of all components below. */
export function RealtimeProvider({ client, children }: RealtimeProviderProps): ReactNode {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/**
 * The client of the nearest provider.
 *
 * @throws Error when there is no provider above.
 */
export function useClient(): RealtimeClient {
  const client = useContext(ClientContext);
  if (client === undefined) {
    throw new Error('useRealtime and useRoom: expected a RealtimeProvider above, found none');
  }
  return client;
}
