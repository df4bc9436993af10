import type {
  Contract,
  ServerRequestName,
  ServerRequestPayload,
  ServerRequestResponse,
} from './contract.js';
import { CORE } from './core.js';
import type { RealtimeClient } from './realtime-client.js';
import { ServerRequests, type RequestHandler } from './server-requests.js';

/**
 * Answers the server's requests for `event` with what the handler returns or resolves with. Returns
 * the function that removes the handler. The signal aborts when the server does not wait any longer
 * or the connection ends; what the handler returns then is dropped. At most 100 run at a time.
 *
 * A handler that throws a `RealtimeClientError` refuses with its code; anything else it throws
 * refuses with `rejected` and goes to `reportError`. Messages stay here. Requests for events
 * without a handler are refused with `unknown-event`.
 *
 * A function of its own, so that pages which do not use it do not carry it.
 *
 * Security note: nothing has checked the payload against the contract.
 *
 * @throws RealtimeClientError with code `duplicate-handler` when the event has one.
 */
export function handle<C extends Contract, E extends ServerRequestName<C>>(
  client: RealtimeClient<C>,
  event: E,
  handler: (
    payload: ServerRequestPayload<C, E>,
    context: { readonly signal: AbortSignal },
  ) => ServerRequestResponse<C, E> | Promise<ServerRequestResponse<C, E>>,
): () => void {
  const core = client[CORE];
  const { link, settings } = core;
  const requests =
    core.requestTaker instanceof ServerRequests
      ? core.requestTaker
      : new ServerRequests(link, settings);
  core.requestTaker = requests;
  return requests.handle(event, handler as RequestHandler);
}
