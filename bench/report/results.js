/** The results of a folder: figures as JSON lines, tables, charts, and what they were measured on. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { format } from 'prettier';

import { CASES } from '../cases/index.js';
import { chart } from './chart.js';
import { benchTable } from './markdown.js';

/** Writes a benchmark's figures. */
export async function writeResults(folder, bench, figures, machine) {
  mkdirSync(folder, { recursive: true });
  const { title } = CASES.get(bench);
  const put = (name, content) => writeFileSync(join(folder, name), content);
  put(`${bench}.jsonl`, jsonLines(figures));
  put(`${bench}.md`, await markdown(`# ${title}\n\n${benchTable(figures)}`));
  put(`${bench}.svg`, chart(bench, title, figures));
  put('machine.json', `${JSON.stringify(machine, undefined, 2)}\n`);
}

/** What a folder holds: figures of each benchmark that was measured, in the benchmarks' order. */
export function readResults(folder) {
  const results = new Map();
  for (const bench of CASES.keys()) {
    const path = join(folder, `${bench}.jsonl`);
    if (!existsSync(path)) continue;
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    results.set(
      bench,
      lines.map((line) => JSON.parse(line)),
    );
  }
  return results;
}

/** The machine of a folder's results. */
export function readMachine(folder) {
  return JSON.parse(readFileSync(join(folder, 'machine.json'), 'utf8'));
}

/** What a folder holds of the rolling deploy; `undefined` if it was not measured. */
export function readDeploy(folder) {
  const path = join(folder, 'deploy.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** Figures, one JSON object a line. */
export function jsonLines(figures) {
  return figures.map((figure) => `${JSON.stringify(figure)}\n`).join('');
}

/** Markdown as the repository's formatter has it. */
export function markdown(text) {
  return format(text, { parser: 'markdown', singleQuote: true, printWidth: 100 });
}
