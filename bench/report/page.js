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

/**
 * Renders the results of a folder into the page.
 *
 * @throws Error if the page lacks a pair of markers.
 */
export async function writePage(folder) {
  const results = readResults(folder);
  mkdirSync(CHARTS, { recursive: true });
  let page = readFileSync(PAGE, 'utf8');
  const all = [...results.values()].flat();
  page = between(page, 'machine', machineTable(readMachine(folder), otherWork(all)));
  page = between(page, 'targets', targetsTable(all));
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
  const begin = `<!-- begin ${name} -->`;
  const end = `<!-- end ${name} -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md: no place for ${name}`);
  return `${page.slice(0, from + begin.length)}\n\n${content}\n${page.slice(to)}`;
}
