import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, it } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../../scripts/fuzz.js', import.meta.url));

// A short run of `npm run fuzz`, with a seed of its own each time. It works on the built package.
it('P-18 survives mutated frames, in the decoders and on a live server', async () => {
  const { stdout } = await promisify(execFile)('node', [SCRIPT, '--quick'], { timeout: 60_000 });

  expect(stdout).toMatch(/decoders: 20000 frames, \d+ accepted, 0 thrown, 0 slower than 5 ms/);
  expect(stdout).toMatch(/server: 2\d\d\d frames on \d+ connections, witness answered \d+ times/);
  expect(stdout).toContain('no violations');
}, 65_000);
