import { readFileSync } from 'node:fs';
import { arch, cpus, totalmem } from 'node:os';

import { table } from './markdown.js';

const PEERS = [
  'ws',
  'socket.io',
  '@nestjs/core',
  '@nestjs/platform-ws',
  '@nestjs/platform-socket.io',
  '@socket.io/redis-adapter',
  '@socket.io/redis-streams-adapter',
  'ioredis',
];
const GIB = 2 ** 30;

/**
 * What the figures were measured on, without names of machines.
 *
 * @param {{ isPinned: boolean, runs: number, size: string, uwebsockets: string | undefined }} how
 */
export function machine({ isPinned, runs, size, uwebsockets }) {
  const [first, ...others] = cpus();
  return {
    day: new Date().toISOString().slice(0, 10),
    cores: others.length + 1,
    processor: `${first.model.trim()}, ${arch()}`,
    memory: `${Math.round(totalmem() / GIB)} GiB`,
    system: systemName(),
    node: process.versions.node,
    versions: Object.fromEntries(PEERS.map((name) => [name, versionOf(name)])),
    uwebsockets: uwebsockets ?? 'left out',
    pinned: isPinned ? 'server on core 0, load on core 1' : 'no',
    runs: size === 'full' ? String(runs) : `${runs}, ${size}`,
  };
}

/**
 * How many cores others kept busy while the figures were taken: in the median and at most, as a sentence.
 * Undefined if nothing tells.
 */
export function otherWork(figures) {
  const cores = figures.filter(({ metric }) => metric === 'others').map(({ median }) => median);
  if (cores.length === 0) return undefined;
  cores.sort((a, b) => a - b);
  const percent = (share) => `${Math.round(share * 100)} %`;
  return `${percent(cores[Math.floor(cores.length / 2)])} of a core, at most ${percent(cores.at(-1))}`;
}

/**
 * The machine as a Markdown table.
 *
 * @param {string | undefined} others what others did meanwhile, see {@link otherWork}.
 */
export function machineTable({ versions, ...rest }, others = 'not known') {
  const { day, cores, processor, memory, system, node, uwebsockets, pinned, runs } = rest;
  return table(
    ['', ''],
    [
      ['measured on', day],
      ['processor', `${cores} cores, ${processor}`],
      ['memory', memory],
      ['system', system],
      ['Node', node],
      ...Object.entries(versions).map(([name, version]) => [`\`${name}\``, version]),
      ['uWebSockets', uwebsockets],
      ['pinned', pinned],
      ['runs', runs],
      ['work of others meanwhile', others],
    ],
  );
}

/** Read from the file: not every package lets its manifest be imported. */
function versionOf(name) {
  const folder = new URL(`../../node_modules/${name}/`, import.meta.url);
  return JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')).version;
}

function systemName() {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return process.platform;
  }
}
