import type { Clock, ControlCommand, HistoryPolicy, Publication, Random } from '../core/index.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisPublisher } from './redis-publisher.js';

/** Commands a node that was away for a moment still gets. What is older would come as a surprise. */
export const COMMANDS: HistoryPolicy = { size: 1_000, ttlMs: 60_000, bytes: 4_194_304 };

/** Revocations a node still gets, however long it was away; one that starts gets all of them. */
export const REVOCATIONS: HistoryPolicy = { size: 10_000, ttlMs: 86_400_000, bytes: 4_194_304 };

/** What commands are given by. */
export interface ControlWriterSetup {
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Pick<Random, 'id'>;
  readonly publisher: RedisPublisher;
}

/** Gives commands to every node: revocations in one stream, the rest in another. */
export class ControlWriter {
  constructor(private readonly setup: ControlWriterSetup) {}

  /**
   * Has every node do something.
   *
   * @throws RealtimeError `unavailable` if it has not taken effect, `timeout` if that is not known.
   */
  async command(command: ControlCommand): Promise<void> {
    const { clock, keys, publisher, random } = this.setup;
    const isRevocation = command.kind === 'revoke';
    const publication: Publication = {
      id: random.id(),
      event: 'command',
      timestamp: clock.now(),
      payload: JSON.stringify(command),
    };
    const stream = keys.control(isRevocation ? 'revocations' : 'commands');
    const history = isRevocation ? REVOCATIONS : COMMANDS;
    await publisher.publish(stream, publication, { history });
  }
}
