/**
 * Specs of the SDK as one module for a page or a worker. They are bundled with the sources they test;
 * Jest is replaced by {@link ./spec-runner.ts}, and what they read from disk comes along.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, join } from 'node:path';

import { build, type Plugin } from 'esbuild';

import { root } from '../../architecture/sources.js';

const TEST = join(root, 'test');
/** What only Node has, in the libraries' words and in Node's. Jest's matchers ask for it and go without. */
const NODE_MODULES = new Set([...builtinModules, 'graceful-fs']);
/** Modules that cannot run in a page, so that specs which need them cannot either. */
const NODE_ONLY = /from '(?:node:|@nestjs\/|ws'|fake-indexeddb)|useFakeTimers/;

/** Specs that need nothing but the SDK: those of the client, the dialogues, and the decoder's. */
export function portableSpecs(): string[] {
  const client = readdirSync(join(TEST, 'client'))
    .filter((name) => name.endsWith('.spec.ts'))
    .map((name) => `client/${name}`)
    .filter((spec) => !NODE_ONLY.test(readFileSync(join(TEST, spec), 'utf8')));
  const protocol = ['client-vectors', 'decode-server-frame', 'decode.properties'];
  return [...client, ...protocol.map((name) => `protocol/${name}.spec.ts`)];
}

/** Stands for everything of Node that is asked for and not used. */
const NOTHING = `
const names = new Map([['then', undefined], [Symbol.toPrimitive, () => '']]);
const nothing = new Proxy(function () {}, {
  get: (_target, name) => (names.has(name) ? names.get(name) : nothing),
  apply: () => nothing,
  construct: () => nothing,
});
module.exports = nothing;`;

/** Node's `setImmediate`. Not by `setTimeout`, which browsers let wait 4 ms where turn follows turn. */
const SET_IMMEDIATE = `(({ port1, port2 }) => {
  const waiting = [];
  port1.onmessage = () => waiting.shift()();
  return (callback) => port2.postMessage(waiting.push(callback));
})(new MessageChannel())`;

/** The dialogues and the document, by name: specs read nothing else. */
function files(): Record<string, string> {
  const vectors = join(TEST, 'protocol/vectors');
  const paths = readdirSync(vectors).map((name) => join(vectors, name));
  const texts = [...paths, join(root, 'PROTOCOL.md')].map(
    (path) => [basename(path), readFileSync(path, 'utf8')] as const,
  );
  return Object.fromEntries(texts);
}

/** Node's modules as the specs use them. */
function substitutes(): ReadonlyMap<string, string> {
  return new Map([
    ['@jest/globals', `export * from './browser/support/spec-runner.js';`],
    [
      'node:fs',
      `const files = ${JSON.stringify(files())};
       export const readdirSync = () => Object.keys(files);
       export const readFileSync = (path) => files[String(path).split('/').at(-1)];`,
    ],
    ['node:path', `export const join = (...parts) => parts.join('/');`],
    ['node:url', `export const fileURLToPath = String;`],
  ]);
}

const withoutNode: Plugin = {
  name: 'without-node',
  setup({ onResolve, onLoad }) {
    const modules = substitutes();
    onResolve({ filter: /.*/ }, ({ path }) => {
      if (modules.has(path)) return { path, namespace: 'substitute' };
      return NODE_MODULES.has(path) ? { path, namespace: 'nothing' } : undefined;
    });
    onLoad({ filter: /.*/, namespace: 'substitute' }, ({ path }) => ({
      contents: modules.get(path) ?? '',
      resolveDir: TEST,
    }));
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: NOTHING }));
  },
};

/** The module's text. It exports `outcomes`, a promise of what became of each test. */
export async function bundleSpecs(specs: readonly string[]): Promise<string> {
  const imports = ['support/property-seed.ts', ...specs].map((spec) => `import './${spec}';`);
  const contents = `${imports.join('\n')}
import { runAll } from './browser/support/spec-runner.js';
export const outcomes = runAll();`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: TEST, loader: 'ts' },
    plugins: [withoutNode],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    logLevel: 'silent',
    // The package says that its modules have no effects when they are imported. Specs have.
    ignoreAnnotations: true,
    banner: {
      js: `var global = globalThis, __dirname = '/', setImmediate = ${SET_IMMEDIATE}, process = ${JSON.stringify(
        {
          ...{ env: {}, argv: [], versions: {}, version: 'v20.0.0', platform: '' },
          ...{ stdout: {}, stderr: {} },
        },
      )};`,
    },
  });
  return outputFiles[0]?.text ?? '';
}
