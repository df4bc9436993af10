import type { CallOptions, PayloadArguments, RealtimeClientError } from '../client/index.js';
import { useClient } from './context.js';
import { createStore, useStore } from './store.js';
import { useKeyed } from './use-keyed.js';

/** What the latest call has come to. */
export type RequestState<Response = unknown> =
  | {
      /** `idle`: not called yet. `pending`: the answer is awaited, for a connection if need be. */
      readonly status: 'idle';
      /** The last answer that came; `undefined` before the first. */
      readonly data: undefined;
      /** Why the latest call failed; `undefined` unless it did. */
      readonly error: undefined;
    }
  | { readonly status: 'pending'; readonly data: Response | undefined; readonly error: undefined }
  | { readonly status: 'success'; readonly data: Response; readonly error: undefined }
  | {
      readonly status: 'error';
      readonly data: Response | undefined;
      readonly error: RealtimeClientError;
    };

/** Calls a handler of the server's. */
export interface RequestCall<Payload = unknown, Response = unknown> {
  /**
   * The client's `request` for this event. The same function as long as client and event are the
   * same. The promise may be left alone: `error` tells a failure as well. A later call does not cancel
   * an earlier one, nor does unmounting, because what they ask for may be half done; only their
   * answers are not shown any more.
   */
  readonly call: (...args: PayloadArguments<Payload, CallOptions>) => Promise<Response>;
}

/** The latest call, and the function that makes the next. */
export type RequestView<Payload = unknown, Response = unknown> = RequestState<Response> &
  RequestCall<Payload, Response>;

/**
 * Requests of one event: nothing is sent until `call` is called. With another event, or another
 * client, it is `idle` again.
 *
 * @param event the name of the server's handler.
 * @throws Error when there is no provider above.
 */
export function useRequest(event: string): RequestView {
  const client = useClient();
  const { store, call } = useKeyed(
    () => {
      const requests = createStore<RequestState>({
        status: 'idle',
        data: undefined,
        error: undefined,
      });
      let latest: Promise<unknown> | undefined;
      return {
        store: requests,
        call: (...args: PayloadArguments<unknown, CallOptions>) => {
          const answer = client.request(event, ...args);
          const show = (state: RequestState) => {
            if (latest === answer) requests.set(state);
          };
          latest = answer;
          show({ status: 'pending', data: requests.get().data, error: undefined });
          answer.then(
            (data) => {
              show({ status: 'success', data, error: undefined });
            },
            (error: unknown) => {
              // The client's calls fail with nothing else.
              const known = error as RealtimeClientError;
              show({ status: 'error', data: requests.get().data, error: known });
            },
          );
          return answer;
        },
      };
    },
    client,
    event,
  );
  return { ...useStore(store), call };
}
