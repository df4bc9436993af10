import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it } from '@jest/globals';

import { root } from '../architecture/sources.js';

const run = promisify(execFile);

describe('the bench of a deploy', () => {
  it('replaces every node under load and has the checker find nothing', async () => {
    const bench = join(root, 'bench', 'run.js');
    const options = ['deploy', '--smallest', '--json'];
    const { stdout } = await run(process.execPath, [bench, ...options], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const figures = JSON.parse(stdout) as Record<string, unknown>;
    expect(figures).toMatchObject({
      broken: [],
      told: 0,
      uncertain: 0,
      nodes: [{ code: 0 }, { code: 0 }, { code: 0 }],
      asked: { failed: [] },
    });
    expect(figures['deliveries']).toBeGreaterThan(100);
    expect(figures['gaps']).toMatchObject({ p99: expect.any(Number) });
  }, 120_000);
});
