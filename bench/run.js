/**
 * The benchmark: this package beside what a Nest developer could take instead. See README.md, or
 *
 *   node bench/run.js --help
 *
 * Progress goes to standard error, figures to standard output.
 */
import { CASES } from './cases/index.js';
import { deploy } from './deploy/run.js';
import { endJobs, runJob } from './load/job.js';
import { CAN_PIN } from './load/pinning.js';
import { readOptions, USAGE } from './options.js';
import { installPackage, removePackage } from './packed.js';
import { figuresOf } from './report/figures.js';
import { machine, otherWork } from './report/machine.js';
import { benchTable } from './report/markdown.js';
import { writePage } from './report/page.js';
import { jsonLines, markdown, readResults, writeResults } from './report/results.js';
import { targetsTable } from './report/targets.js';
import { missingUWebSockets, uwebsocketsVersion } from './servers/uwebsockets-package.js';

// Several nodes and no competitor: it has a program of its own.
if (process.argv[2] === 'deploy') process.exit(await deploy(process.argv.slice(3)));

const options = readOptions(process.argv.slice(2));
const startedAt = Date.now();
let folder;

function say(text) {
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  process.stderr.write(`[${String(seconds).padStart(4)} s] ${text}\n`);
}

/** Ends what was started and leaves nothing behind, however the program ends. */
function cleanUp() {
  endJobs();
  if (folder !== undefined) removePackage(folder);
}
process.on('exit', cleanUp);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => process.exit(code));
}

/** The servers that take part, in the benchmark's order. */
function serversOf(bench, missing) {
  const isWanted = (name) => options.only?.includes(name) ?? true;
  const isThere = (name) => name !== 'uwebsockets' || missing === undefined;
  return CASES.get(bench).servers.filter((name) => isWanted(name) && isThere(name));
}

/** Measures a benchmark: run by run all servers, so that a slow minute hits all of them. */
async function measure(bench, missing) {
  const servers = serversOf(bench, missing);
  const runs = [];
  for (let run = 1; run <= options.runs; run += 1) {
    const jobs = CASES.get(bench).plan({ servers, size: options.size });
    const earlier = [];
    for (const [index, job] of jobs.entries()) {
      const of = `run ${run}/${options.runs}, ${index + 1}/${jobs.length}`;
      say(`${bench} ${of}: ${job.server}${job.suffix ?? ''}`);
      try {
        earlier.push(...(await runJob({ ...job, earlier }, folder)));
      } catch (error) {
        // The figures of the others are still worth having.
        say(`FAILED: ${bench} ${job.server}: ${error.message}`);
        process.exitCode = 1;
      }
    }
    runs.push(earlier);
  }
  return figuresOf(bench, runs);
}

/** Measures what was asked for; prints and writes each benchmark as soon as it is done. */
async function measureAll() {
  const missing = missingUWebSockets();
  if (missing !== undefined) say(`uwebsockets is left out: ${missing} (see bench/README.md)`);
  if (!CAN_PIN) say('processes are not pinned to cores: no taskset, or a single core');
  folder = installPackage(options.dist);
  const uwebsockets = missing === undefined ? uwebsocketsVersion() : undefined;
  const measuredOn = machine({ isPinned: CAN_PIN, ...options, uwebsockets });
  for (const bench of options.benches) {
    const figures = await measure(bench, missing);
    const others = otherWork(figures);
    if (others !== undefined) say(`${bench}: work of others meanwhile: ${others}`);
    process.stdout.write(jsonLines(figures));
    await writeResults(options.out, bench, figures, measuredOn);
  }
}

/** Prints the tables of what was asked for, and whether the targets are met. */
async function printTables() {
  const results = readResults(options.out);
  const asked = options.benches.flatMap((bench) => results.get(bench) ?? []);
  const tables = options.benches.flatMap((bench) => {
    const figures = results.get(bench);
    return figures === undefined ? [] : [`## ${CASES.get(bench).title}`, benchTable(figures)];
  });
  const parts = [...tables, '## Targets', targetsTable(asked)];
  process.stdout.write(`\n${await markdown(parts.join('\n\n'))}`);
}

if (options.help) {
  process.stdout.write(USAGE);
} else {
  if (!options.isReport) await measureAll();
  if (!options.json) await printTables();
  if (options.writeDocs) await writePage(options.out);
}
