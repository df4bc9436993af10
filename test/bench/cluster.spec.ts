import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { root } from '../architecture/sources.js';

interface Figure {
  readonly case: string;
  readonly server: string;
  readonly metric: string;
  readonly ratio_to?: string;
  readonly median: number;
}

const PEERS = ['redis-adapter', 'sharded-adapter', 'streams-adapter'];

const run = promisify(execFile);
const bench = join(root, 'bench', 'run.js');
const folder = mkdtempSync(join(tmpdir(), 'nestjs-realtime-bench-'));
let figures: Figure[] = [];

beforeAll(async () => {
  const options = ['--smallest', '--json', '--out', folder];
  const { stdout } = await run(process.execPath, [bench, 'cluster', 'outage', ...options]);
  figures = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Figure);
}, 120_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function find(wanted: Partial<Figure>): number | undefined {
  return figures.find((figure) =>
    Object.entries({ ratio_to: undefined, ...wanted }).every(
      ([key, value]) => figure[key as keyof Figure] === value,
    ),
  )?.median;
}

describe('the benchmark of several nodes', () => {
  it.each(['ours', ...PEERS])('measures nodes and Redis with %s', (server) => {
    for (const each of ['bursts-of-100', 'steady-3000']) {
      for (const metric of ['cpu', 'p99', 'redisCpu', 'commands', 'bytesIn', 'bytesOut']) {
        expect(find({ server, case: each, metric })).toBeGreaterThan(0);
      }
    }
  });

  it.each(PEERS)('says how ours compares with %s', (peer) => {
    const redis = { case: 'bursts-of-100', metric: 'redisCpu' };
    const ours = find({ ...redis, server: 'ours' }) ?? 0;
    const theirs = find({ ...redis, server: peer }) ?? 1;
    expect(find({ ...redis, server: 'ours', ratio_to: peer })).toBeCloseTo(ours / theirs, 1);
    expect(find({ case: 'steady-3000', metric: 'p99', ratio_to: peer })).toBeGreaterThan(0);
  });

  it('compares messages with ids, which only ours can take once, with the others’ without', () => {
    const named = { case: 'bursts-of-100-with-ids', metric: 'cpu' };
    const ours = find({ ...named, server: 'ours' }) ?? 0;
    const theirs = find({ case: 'bursts-of-100', metric: 'cpu', server: 'redis-adapter' }) ?? 1;
    const ratio = find({ ...named, server: 'ours', ratio_to: 'redis-adapter' });
    expect(ratio).toBeCloseTo(ours / theirs, 1);
  });

  it('counts what nodes get from Redis for rooms that nobody on them is in', () => {
    const waste = { case: 'in-1000-rooms', server: 'ours' };
    expect(find({ ...waste, metric: 'received' })).toBeGreaterThan(0);
    expect(find({ ...waste, metric: 'wasted' })).toBeLessThan(1);
  });

  it.each(['redis-back', 'redis-and-all-clients-back'])(
    'T-04 measures what a publish takes against before, %s',
    (name) => {
      for (const metric of ['beforeP99', 'p99', 'p99ToBefore', 'allMissedSeconds']) {
        expect(find({ server: 'ours', case: name, metric })).toBeGreaterThan(0);
      }
    },
  );

  it('runs only when it is named', async () => {
    const { stdout } = await run(process.execPath, [bench, '--help']);
    const usual = /^Without a name: (.*?)\. /m.exec(stdout)?.[1]?.split(', ') ?? [];

    expect(usual).toContain('cores');
    expect(usual).not.toContain('cluster');
  });
});
