import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const place = () => process.env.BENCH_UWS ?? 'uWebSockets.js';

/**
 * Loads uWebSockets from the path in `BENCH_UWS`, or the package `uWebSockets.js` if one is installed.
 *
 * @throws Error if there is none that fits this machine. Builds in plain JavaScript, which some packages
 * fall back to, are refused: their figures would say nothing of uWebSockets.
 */
export function loadUWebSockets() {
  const uws = require(place());
  if (!String(uws.App).includes('[native code]')) throw new Error('no native uWebSockets');
  return uws;
}

/** Why it cannot be loaded, in a line; undefined if it can. */
export function missingUWebSockets() {
  try {
    loadUWebSockets();
    return undefined;
  } catch (error) {
    return String(error?.message ?? error).split('\n', 1)[0];
  }
}

/** Name and version of the package; undefined if it has no manifest. */
export function uwebsocketsVersion() {
  let folder = dirname(require.resolve(place()));
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) return undefined;
    folder = dirname(folder);
  }
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return `${name} ${version}`;
}
