/**
 * The package as npm would install it: packed, and unpacked where only the benchmark looks.
 *
 * Each run has a folder of its own under `bench/node_modules`, so that two runs at the same time, or a
 * build during a run, do not disturb each other. Everything else resolves from the repository's root.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = fileURLToPath(new URL('node_modules', import.meta.url));

/**
 * Packs the package and unpacks it. Returns its folder; {@link removePackage} deletes it.
 *
 * @param {string} dist folder of the build to pack, usually `dist`.
 * @throws Error if there is no build.
 */
export function installPackage(dist) {
  if (!existsSync(join(dist, 'index.js'))) {
    throw new Error(`${dist} holds no build; run "npm run build" first`);
  }
  mkdirSync(modules, { recursive: true });
  const folder = mkdtempSync(join(modules, `.run-${String(process.pid)}-`));
  const staged = join(folder, 'staged');
  mkdirSync(staged);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'PROTOCOL.md']) {
    cpSync(join(root, name), join(staged, name));
  }
  cpSync(resolve(dist), join(staged, 'dist'), { recursive: true });
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const options = { cwd: staged, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, options));
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', folder]);
  rmSync(staged, { recursive: true });
  return join(folder, 'package');
}

/** Deletes what {@link installPackage} made. */
export function removePackage(folder) {
  rmSync(join(folder, '..'), { recursive: true, force: true });
}
