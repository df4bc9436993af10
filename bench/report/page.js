/** Puts tables and charts into docs/performance.md, each between its markers. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { CASES } from '../cases/index.js';
import { deployTable } from '../deploy/report.js';
import { chart } from './chart.js';
import { machineTable, otherWork } from './machine.js';
import { benchTable } from './markdown.js';
import { markdown, readDeploy, readMachine, readResults } from './results.js';
import { targetsTable } from './targets.js';

const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const CHARTS = new URL('../../docs/performance/', import.meta.url);

/** Benchmarks without which a folder does not tell on what the rest of the page was measured. */
const MAIN = ['fanout', 'requests'];

/**
 * Renders the results of a folder into the page. What the folder knows nothing of stays as it is.
 *
 * @throws Error if the page lacks a pair of markers.
 */
export async function writePage(folder) {
  const results = readResults(folder);
  mkdirSync(CHARTS, { recursive: true });
  let page = readFileSync(PAGE, 'utf8');
  const all = [...results.values()].flat();
  if (MAIN.every((bench) => results.has(bench))) {
    page = between(page, 'machine', machineTable(readMachine(folder), otherWork(all)));
  }
  page = between(page, 'targets', withOlder(targetsTable(all), contentOf(page, 'targets')));
  for (const [bench, figures] of results) {
    const { title } = CASES.get(bench);
    writeFileSync(new URL(`${bench}.svg`, CHARTS), chart(bench, title, figures));
    const picture = `![${title}](performance/${bench}.svg)`;
    page = between(page, bench, `${picture}\n\n${benchTable(figures)}`);
  }
  const deployed = readDeploy(folder);
  if (deployed !== undefined) page = between(page, 'deploy', deployTable(deployed));
  writeFileSync(PAGE, await markdown(page));
}

function between(page, name, content) {
  const [from, to] = placeOf(page, name);
  return `${page.slice(0, from)}\n\n${content}\n${page.slice(to)}`;
}

function contentOf(page, name) {
  return page.slice(...placeOf(page, name));
}

function placeOf(page, name) {
  const begin = `<!-- begin ${name} -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(`<!-- end ${name} -->`)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md: no place for ${name}`);
  return [from + begin.length, to];
}

/** A table of targets with those lines of the older one that it has no newer ones for, in its order. */
function withOlder(newer, older) {
  const fresh = new Map(linesOf(newer));
  const kept = linesOf(older).map(([key, text]) => {
    const line = fresh.get(key) ?? text;
    fresh.delete(key);
    return line;
  });
  return [...kept, ...fresh.values()].join('\n') + '\n';
}

/** The lines of a table by what they are about: their first two cells. */
function linesOf(markdownTable) {
  const lines = markdownTable.split('\n').filter((each) => each.startsWith('|'));
  return lines.map((text, index) => {
    const [, what = '', against = ''] = text.split('|').map((cell) => cell.trim());
    // Head and rule are the same in each.
    return [index < 2 ? String(index) : `${what}|${against}`, text];
  });
}
