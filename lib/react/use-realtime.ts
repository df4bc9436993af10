import { useCallback, useSyncExternalStore } from 'react';
import type { ClientState, RealtimeClient } from '../client/index.js';
import { useClient } from './context.js';

/** The client and where it is. */
export interface Realtime {
  readonly client: RealtimeClient;
  /** `idle` on the server and while hydrating, so that both render the same. */
  readonly state: ClientState;
  /** Whether requests go out now, rather than wait. */
  readonly isConnected: boolean;
}

/** The client of the nearest provider and its state; renders again when the state changes. */
export function useRealtime(): Realtime {
  const client = useClient();
  const subscribe = useCallback((onChange: () => void) => client.on('state', onChange), [client]);
  const state = useSyncExternalStore(subscribe, () => client.state, idle);
  return { client, state, isConnected: state === 'connected' };
}

const idle = (): ClientState => 'idle';
