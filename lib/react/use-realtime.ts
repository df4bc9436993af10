import { useCallback, useSyncExternalStore } from 'react';
import type { ClientState, Contract, RealtimeClient, UntypedContract } from '../client/index.js';
import { useClient } from './context.js';
import { useKeyed } from './use-keyed.js';

/** The client and where it is. */
export interface Realtime<C extends Contract = UntypedContract> {
  readonly client: RealtimeClient<C>;
  /** `idle` on the server and while hydrating, so that both render the same. */
  readonly state: ClientState;
  /** Whether requests go out now, rather than wait. */
  readonly isConnected: boolean;
  /** Whether messages are late because the servers cannot reach each other; see the client's event `delayed`. */
  readonly isDelayed: boolean;
  /** The client's `request`. The same function as long as the client is the same. */
  readonly send: RealtimeClient<C>['request'];
  /**
   * The client's `close`: for good, for every component that uses the client. The same function as
   * long as the client is the same.
   */
  readonly disconnect: () => void;
}

/**
 * The client of the nearest provider and its state; renders again when the state changes.
 *
 * @throws Error when there is no provider above.
 */
export function useRealtime(): Realtime {
  const client = useClient();
  const onState = useCallback((onChange: () => void) => client.on('state', onChange), [client]);
  const onDelay = useCallback((onChange: () => void) => client.on('delayed', onChange), [client]);
  const state = useSyncExternalStore(onState, () => client.state, idle);
  const isDelayed = useSyncExternalStore(onDelay, () => client.isDelayed, never);
  const actions = useKeyed<Pick<Realtime, 'send' | 'disconnect'>>(
    () => ({
      send: (event, ...args) => client.request(event, ...args),
      disconnect: () => {
        client.close();
      },
    }),
    client,
  );
  return { client, state, isConnected: state === 'connected', isDelayed, ...actions };
}

const idle = (): ClientState => 'idle';
const never = (): boolean => false;
