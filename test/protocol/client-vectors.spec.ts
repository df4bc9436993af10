import { describe, expect, it } from '@jest/globals';

import { ClientReplay } from './support/client-replay.js';
import { loadVectors } from './support/vectors.js';

const vectors = loadVectors('client');

/** Dialogues in which the client has something to tell that no call was told about, and the codes. */
const RAISED: ReadonlyMap<string, readonly string[]> = new Map([
  ['credentials-run-out', ['token-failed']],
  ['another-user', ['forbidden']],
  ['disconnected', ['closed']],
  ['replaced', ['closed']],
]);

describe('the SDK', () => {
  it.each(vectors.map((vector) => [vector.title, vector] as const))(
    'keeps its side: %s',
    async (_title, vector) => {
      const replay = new ClientReplay(vector);
      await replay.play();
      expect(replay.raised.map(({ code }) => code)).toEqual(RAISED.get(vector.name) ?? []);
      expect(replay.reported).toEqual([]);
    },
  );

  it.each(
    vectors
      .filter(({ steps }) => steps.some((step) => 'unordered' in step))
      .map((vector) => [vector.title, vector] as const),
  )(
    'keeps its side when what has no order comes the other way round: %s',
    async (_title, vector) => {
      await new ClientReplay(vector, true).play();
    },
  );
});
