import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { root } from '../architecture/sources.js';

interface Figure {
  readonly bench: string;
  readonly case: string;
  readonly server: string;
  readonly metric: string;
  readonly unit: string;
  readonly ratio_to?: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'nestjs-realtime-bench-'));
const bench = join(root, 'bench', 'run.js');
let pid: number | undefined;
let output = '';
let progress = '';
let figures: Figure[] = [];

beforeAll(async () => {
  const names = ['fanout', 'requests', 'storm', 'cores'];
  const options = ['--smallest', '--only', 'ours,ws', '--json', '--out', folder];
  const running = run(process.execPath, [bench, ...names, ...options]);
  pid = running.child.pid;
  ({ stdout: output, stderr: progress } = await running);
  figures = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Figure);
}, 60_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function find(wanted: Partial<Figure>): Figure | undefined {
  return figures.find((figure) =>
    Object.entries({ ratio_to: undefined, ...wanted }).every(
      ([key, value]) => figure[key as keyof Figure] === value,
    ),
  );
}

describe('the benchmark', () => {
  it('prints one JSON line a figure, each with median, range and number of runs', () => {
    expect(figures.length).toBeGreaterThan(40);
    for (const figure of figures) {
      expect(Object.values(figure)).not.toContain(null);
      expect(figure.min).toBeLessThanOrEqual(figure.median);
      expect(figure.median).toBeLessThanOrEqual(figure.max);
      expect(figure.runs).toBe(1);
    }
  });

  it.each([
    ['fanout', 'single'],
    ['fanout', 'half-load'],
    ['fanout', 'bursts-of-10'],
    ['fanout', 'bursts-of-100'],
    ['requests', 'one-in-flight'],
    ['requests', 'sixteen-in-flight'],
  ])('measures %s, %s, on both servers and says how they compare', (name, of) => {
    const line = { bench: name, case: of, metric: 'cpu' };
    const ours = find({ ...line, server: 'ours', unit: 'us' });
    const peer = find({ ...line, server: 'ws', unit: 'us' });
    const ratio = find({ ...line, server: 'ours', unit: 'x', ratio_to: 'ws' });
    expect(ours?.median).toBeGreaterThan(0);
    expect(peer?.median).toBeGreaterThan(0);
    expect(ratio?.median).toBeCloseTo((ours?.median ?? 0) / (peer?.median ?? 0), 1);
    expect(find({ ...line, metric: 'p99', server: 'ours' })?.median).toBeGreaterThan(0);
  });

  it.each(['requests', 'bursts-of-10'])(
    'compares two processes behind one port with one, in %s',
    (of) => {
      const line = { bench: 'cores', server: 'ours' };
      const [one, two] = [1, 2].map((count) => {
        return find({ ...line, case: `${of}-in-${String(count)}`, metric: 'cpu' })?.median ?? 0;
      });
      const ratio = find({ ...line, case: `${of}-in-2`, metric: 'cpuToOne' });
      expect(one).toBeGreaterThan(0);
      expect(ratio?.median).toBeCloseTo((two ?? 0) / (one ?? 1), 1);
      expect(find({ ...line, case: `${of}-in-2`, metric: 'rateToOne' })?.median).toBeGreaterThan(0);
      expect(find({ ...line, case: `${of}-in-2`, metric: 'share' })?.median).toBeLessThanOrEqual(
        0.5,
      );
    },
  );

  it('finds every connection authenticated and recovered after a storm', () => {
    expect(find({ bench: 'storm', server: 'ours', metric: 'recovered' })?.median).toBe(1);
  });

  it('tells its progress beside the figures', () => {
    expect(progress).toContain('fanout run 1/1, 1/2: ws');
    expect(output).not.toContain('run 1/1');
  });

  it('leaves figures, tables and charts in the folder it was given, and nothing in its own', () => {
    expect(readFileSync(join(folder, 'fanout.jsonl'), 'utf8')).toContain('"case":"half-load"');
    expect(readFileSync(join(folder, 'requests.md'), 'utf8')).toMatch(
      /\| one in flight +\| bare `ws`/,
    );
    expect(readFileSync(join(folder, 'storm.svg'), 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    const left = readdirSync(join(root, 'bench', 'node_modules'));
    expect(left.filter((name) => name.startsWith(`.run-${String(pid)}-`))).toEqual([]);
  });

  it.each([
    [['sideways'], 'unknown benchmark "sideways"'],
    [['fanout', '--runs', '0'], '--runs: expected a whole number from 1'],
    [['fanout', '--only', 'ours,nobody'], '--only: no server "nobody"'],
  ])('refuses %j', async (commandLine, message) => {
    await expect(run(process.execPath, [bench, ...commandLine])).rejects.toThrow(message);
  });
});
