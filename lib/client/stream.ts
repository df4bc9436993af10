import type { Caller } from './call.js';
import type {
  Contract,
  PayloadArguments,
  StreamItem,
  StreamName,
  StreamPayload,
} from './contract.js';
import type { StreamOptions } from './client-api.js';
import { CORE } from './core.js';
import { DEFAULT_CREDIT, ItemStream, type StreamCall } from './item-stream.js';
import { atLeast } from './option-checks.js';
import type { RealtimeClient } from './realtime-client.js';

/**
 * Asks a handler that answers with many items. Nothing is sent until a loop begins; each loop is a
 * request of its own, and leaving the loop cancels it. Items come in order. The server sends as many
 * as the options' `credit` ahead of the loop, and waits then. A stream does not survive its connection.
 *
 * A function of its own, so that pages which do not use it do not carry it.
 *
 * @throws RealtimeClientError (from the loop) as `client.request`, after the items that came before;
 * at once with the code `invalid-option`.
 */
export function stream<C extends Contract, E extends StreamName<C>>(
  client: RealtimeClient<C>,
  event: E,
  ...args: PayloadArguments<StreamPayload<C, E>, StreamOptions>
): AsyncIterable<StreamItem<C, E>> {
  const [payload, { signal, ...options } = {}] = args as [unknown?, StreamOptions?];
  const credit = atLeast(1, 'credit', options.credit ?? DEFAULT_CREDIT);
  const { calls, link } = client[CORE];
  const question = { type: 'request', event, payload, credit } as const;
  const begin = (caller: Caller): StreamCall => {
    const call = calls.start(question, caller, { signal });
    return {
      stop: () => {
        if (call) calls.withdraw(call);
      },
      grant: (count) => {
        if (call) link.send({ type: 'credit', id: call.id, count });
      },
    };
  };
  return {
    [Symbol.asyncIterator]: () => new ItemStream<StreamItem<C, E>>(credit, begin),
  };
}
