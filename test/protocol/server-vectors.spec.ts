import { afterEach, describe, expect, it } from '@jest/globals';

import { ReferenceApplication } from './support/reference-application.js';
import { ServerPeer } from './support/server-peer.js';
import {
  fill,
  loadVectors,
  type ApplicationStep,
  type Bindings,
  type CloseStep,
  type FrameStep,
  type RawStep,
  type Step,
  type Vector,
} from './support/vectors.js';

/** Plays the client of a dialogue to a real application over a real socket. */
class ServerReplay {
  readonly #bindings: Bindings = new Map();
  readonly peers: ServerPeer[] = [];

  constructor(private readonly application: ReferenceApplication) {}

  async play({ steps }: Vector): Promise<void> {
    for (const [index, step] of steps.entries()) {
      try {
        await this.#step(step);
      } catch (cause) {
        const what = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`step ${index + 1}: ${what}`, { cause });
      }
      const next = steps[index + 1];
      if ('connect' in step && next !== undefined && !('refused' in next)) {
        await this.#peer.opened(step.connect.protocol);
      }
    }
  }

  get #peer(): ServerPeer {
    const peer = this.peers.at(-1);
    if (peer === undefined) throw new Error('no connection yet');
    return peer;
  }

  async #step(step: Step): Promise<void> {
    if ('connect' in step) this.peers.push(new ServerPeer(this.application.origin, step));
    else if ('refused' in step) await this.#peer.refused(step, this.#bindings);
    else if ('unordered' in step) await this.#peer.frames(step.unordered, this.#bindings);
    else if ('close' in step) await this.#close(step);
    else if ('application' in step) await this.#act(step);
    else if ('elapse' in step) this.application.elapse(step);
    else if (step.from === 'client') this.#send(step);
    else await this.#peer.frames([step], this.#bindings);
  }

  async #act(step: ApplicationStep): Promise<void> {
    const peer = this.peers.at(-1);
    await peer?.flush();
    await this.application.act(fill(step, this.#bindings) as ApplicationStep, peer?.connectionId);
  }

  #send(step: FrameStep | RawStep): void {
    if ('frame' in step) this.#peer.send(JSON.stringify(fill(step.frame, this.#bindings)));
    else this.#peer.send(step.text ?? Buffer.from(step.binary ?? '', 'base64'));
  }

  async #close({ close: { code, by, reason } }: CloseStep): Promise<void> {
    if (by === 'server') return this.#peer.closed(code, reason);
    // Whatever the server still has to say, it says before the answer.
    await this.#peer.flush();
    return by === 'network' ? this.#peer.cut() : this.#peer.close(code);
  }
}

describe('a server', () => {
  let application: ReferenceApplication | undefined;
  let replay: ServerReplay | undefined;

  afterEach(async () => {
    for (const peer of replay?.peers ?? []) peer.abandon();
    await application?.close();
    application = replay = undefined;
  });

  it.each(loadVectors('server').map((vector) => [vector.title, vector] as const))(
    'keeps its side: %s',
    async (_title, vector) => {
      application = await ReferenceApplication.start(vector.server);
      replay = new ServerReplay(application);
      await replay.play(vector);
      expect(replay.peers.filter(({ isSpent }) => !isSpent)).toEqual([]);
      const mayFail = vector.server.handlers.includes('fail');
      expect(application.failures.map(({ where }) => where)).toEqual(
        mayFail ? ['request handler'] : [],
      );
    },
  );
});
