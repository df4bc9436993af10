import { createContext, useContext } from 'react';
import type { RealtimeClient } from '../client/index.js';

/** The client of the nearest provider. */
export const ClientContext = createContext<RealtimeClient | undefined>(undefined);

/**
 * The client of the nearest provider.
 *
 * @throws Error when there is no provider above.
 */
export function useClient(): RealtimeClient {
  const client = useContext(ClientContext);
  if (client === undefined) {
    throw new Error('realtime hooks: expected a RealtimeProvider above, found none');
  }
  return client;
}
