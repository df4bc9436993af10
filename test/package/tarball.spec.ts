import { execFile, spawn, type ChildProcess } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { root } from '../architecture/sources.js';
import { reachOutside } from './reach.js';

const run = promisify(execFile);

interface Manifest {
  readonly version: string;
  readonly exports: Record<string, unknown>;
  readonly devDependencies: Record<string, string>;
}

interface SourceMap {
  readonly sources: readonly string[];
  readonly sourcesContent?: readonly string[];
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

/** What an application needs besides the package. */
const PEERS = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/platform-express',
  '@nestjs/websockets',
  'react',
  'reflect-metadata',
  'rxjs',
];

const INSTALL = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--silent'];

let folder = '';
let packed: string[] = [];
let server: ChildProcess | undefined;

/** Packs the package and installs the tarball, with its peers, into an empty folder. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nestjs-realtime-'));
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', pack, { cwd: root });
  const [tarball] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  if (tarball === undefined) throw new Error('npm pack: expected a tarball');
  packed = tarball.files.map(({ path }) => path);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  const peers = PEERS.map((name) => `${name}@${manifest.devDependencies[name] ?? 'latest'}`);
  await run('npm', ['install', ...INSTALL, `./${tarball.filename}`, ...peers], { cwd: folder });
  cpSync(join(root, 'test/package/app'), folder, { recursive: true });
}, 240_000);

afterAll(() => {
  server?.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Imports entries in a process of their own, which must not complain. */
async function importAll(entries: readonly string[]): Promise<void> {
  const imports = entries.map((entry) => `import '${entry.replace('.', 'nestjs-realtime')}';`);
  writeFileSync(join(folder, 'imports.js'), `import 'reflect-metadata';\n${imports.join('\n')}`);
  const { stderr } = await run(process.execPath, ['imports.js'], { cwd: folder });
  expect(stderr).toBe('');
}

/** Starts the application of the folder and resolves to the URL it prints. */
async function startServer(): Promise<string> {
  const child = spawn(process.execPath, ['server.js'], { cwd: folder, stdio: 'pipe' });
  server = child;
  let output = '';
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const url = /ws:\/\/\S+/.exec(output)?.[0];
      if (url !== undefined) resolve(url);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => {
      reject(new Error(`the server ended:\n${output}`));
    });
  });
}

describe('the packed package', () => {
  it('holds dist and the documents, nothing else', () => {
    const outside = packed.filter((path) => !path.startsWith('dist/')).sort();
    expect(outside).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'PROTOCOL.md',
      'README.md',
      'package.json',
    ]);
    const strange = packed.filter(
      (path) =>
        path.startsWith('dist/') &&
        !/\.(?:js|js\.map|d\.ts)$|^dist\/redis\/scripts\/[\w-]+\.lua$/.test(path),
    );
    expect(strange).toEqual([]);
    expect(packed.filter((path) => /spec|test\//.test(path))).toEqual([]);
  });

  it('can be imported by every entry it lists', async () => {
    const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json');
    expect(entries).toEqual(['.', './client', './emitter', './react', './testing']);
    // The emitter is of no use without Redis; all others have to do without its package.
    await importAll(entries.filter((entry) => entry !== './emitter'));
    const ioredis = `ioredis@${manifest.devDependencies['ioredis'] ?? 'latest'}`;
    await run('npm', ['install', ...INSTALL, ioredis], { cwd: folder });
    await importAll(['./emitter']);
  });

  it('has types that an application may have checked, too (skipLibCheck: false)', async () => {
    const entries = ['', '/emitter', '/testing'];
    const imports = entries.map((entry) => `import 'nestjs-realtime${entry}';`);
    writeFileSync(join(folder, 'types.ts'), imports.join('\n'));
    // The one package of types that ours name and an application has to have by itself.
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    symlinkSync(join(root, 'node_modules/@types/ws'), join(folder, 'node_modules/@types/ws'));
    const options =
      '--noEmit --strict --skipLibCheck false --experimentalDecorators --target es2022';
    const modules = '--module nodenext --types node --typeRoots';
    const compiler = [join(root, 'node_modules/typescript/bin/tsc'), 'types.ts'];
    const flags = [...options.split(' '), ...modules.split(' '), join(root, 'node_modules/@types')];
    // It fails at anything that it finds, in other packages too.
    const { stdout } = await run(process.execPath, [...compiler, ...flags], { cwd: folder }).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(stdout.split('\n').filter((line) => line.includes('nestjs-realtime'))).toEqual([]);
  }, 120_000);

  it('has source maps that carry their sources, for none are packed', () => {
    const maps = packed.filter((path) => path.endsWith('.map'));
    const installed = join(folder, 'node_modules/nestjs-realtime');
    const bare = maps.filter((path) => {
      const map = JSON.parse(readFileSync(join(installed, path), 'utf8')) as SourceMap;
      const { sources, sourcesContent = [] } = map;
      return sources.length === 0 || sources.some((_, index) => !sourcesContent[index]?.length);
    });
    expect(maps.length).toBeGreaterThan(50);
    expect(bare).toEqual([]);
  });

  it.each(['client/index.js', 'client/index.d.ts'])(
    'has a %s that reaches no further than the protocol',
    (entry) => {
      const dist = join(folder, 'node_modules/nestjs-realtime/dist');
      const read = (path: string): string | undefined =>
        existsSync(join(dist, path)) ? readFileSync(join(dist, path), 'utf8') : undefined;
      expect(reachOutside(entry, ['client', 'protocol'], read)).toEqual([]);
    },
  );

  it.each(['emitter/index.js', 'emitter/index.d.ts'])(
    'has an %s that reaches nothing of Nest, and nothing of a server’s',
    (entry) => {
      const dist = join(folder, 'node_modules/nestjs-realtime/dist');
      const read = (path: string): string | undefined =>
        existsSync(join(dist, path)) ? readFileSync(join(dist, path), 'utf8') : undefined;
      const folders = ['core', 'emitter', 'protocol', 'redis', 'system'];
      const packages = reachOutside(entry, folders, read)
        .map((line) => line.replace(/^.* imports /, ''))
        .filter((name) => !name.startsWith('node:'));
      expect(packages.filter((name) => !['ioredis', 'cluster-key-slot'].includes(name))).toEqual(
        [],
      );
    },
  );

  it('serves an application that talks to its client', async () => {
    const url = await startServer();
    const { stdout } = await run(process.execPath, ['client.js', url], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual({ echoed: { hello: 'world' }, state: 'connected' });
  }, 60_000);
});

describe('the check of what an entry reaches', () => {
  const check = (files: Record<string, string>): string[] =>
    reachOutside('client/index.js', ['client', 'protocol'], (path) => files[path]);

  it.each([
    ['a package', "import { x } from 'ws';", 'client/index.js imports ws'],
    ['Node', "export * from 'node:fs';", 'client/index.js imports node:fs'],
    ['the core', "import '../core/index.js';", 'client/index.js imports ../core/index.js'],
    ['it later', "await import('../nest/a.js');", 'client/index.js imports ../nest/a.js'],
    ['a missing file', "import './gone.js';", 'client/gone.js is missing'],
  ])('finds %s', (_, text, message) => {
    expect(check({ 'client/index.js': text })).toEqual([message]);
  });

  it('follows the imports of what is allowed', () => {
    const files = {
      'client/index.js': "import '../protocol/index.js';",
      'protocol/index.js': "import '../client/index.js'; import '../core/a.js';",
    };
    expect(check(files)).toEqual(['protocol/index.js imports ../core/a.js']);
  });
});
