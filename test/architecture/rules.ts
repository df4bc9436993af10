import ts from 'typescript';

import {
  folderOf,
  nodes,
  parse,
  resolveSpecifier,
  specifiers,
  withoutEnding,
  type Source,
} from './sources.js';

/** What a folder may import: other folders of `lib`, and packages (`node:*` stands for all of Node). */
export interface FolderRule {
  readonly folders: readonly string[];
  readonly packages: readonly (string | RegExp)[];
}

const NEST_PACKAGES = [
  /^@nestjs\/(common|core|websockets)(\/.*\.js)?$/,
  '@standard-schema/spec',
  'cookie',
  'jose',
  'p-limit',
  'rxjs',
];

/** The table of the design, as data. */
export const FOLDER_RULES: Readonly<Record<string, FolderRule>> = {
  protocol: { folders: [], packages: [] },
  core: { folders: ['protocol'], packages: [] },
  memory: { folders: ['core', 'protocol'], packages: [] },
  system: { folders: ['core'], packages: [/^node:/] },
  redis: { folders: ['core', 'protocol'], packages: ['ioredis', 'cluster-key-slot', /^node:/] },
  emitter: { folders: ['core', 'protocol', 'redis', 'system'], packages: [] },
  transport: {
    folders: ['core', 'protocol', 'system'],
    packages: ['ws', 'proxy-addr', 'piscina', /^node:/],
  },
  nest: {
    folders: ['core', 'memory', 'protocol', 'redis', 'transport'],
    packages: [...NEST_PACKAGES, /^node:/],
  },
  client: { folders: ['protocol'], packages: [] },
  react: { folders: ['client'], packages: ['react', 'react/jsx-runtime'] },
  testing: {
    folders: ['core', 'memory', 'protocol', 'transport', 'nest', 'client'],
    packages: ['@nestjs/common', 'ws', /^node:/],
  },
  '.': { folders: ['core', 'memory', 'nest', 'protocol', 'redis', 'transport'], packages: [] },
};

/** Imports that the table forbids, one line each. */
export function forbiddenImports(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    specifiers(source)
      .filter((specifier) => !isAllowed(source.path, specifier))
      .map((specifier) => `${source.path} imports ${specifier}`),
  );
}

function isAllowed(path: string, specifier: string): boolean {
  const folder = folderOf(path);
  const rule = FOLDER_RULES[folder];
  if (rule === undefined) return false;
  if (!specifier.startsWith('.')) {
    return rule.packages.some((allowed) =>
      typeof allowed === 'string' ? allowed === specifier : allowed.test(specifier),
    );
  }
  const target = resolveSpecifier(path, specifier);
  // The package's own door opens folders by theirs.
  if (folder === '.' && !target.endsWith('/index')) return false;
  return folderOf(target) === folder || rule.folders.includes(folderOf(target));
}

/** Arrows between folders, as drawn: `from --> to`, in alphabetical order. */
export function folderArrows(sources: readonly Source[]): string[] {
  const arrows = new Set<string>();
  for (const source of sources) {
    const from = folderOf(source.path);
    for (const specifier of specifiers(source)) {
      if (!specifier.startsWith('.')) continue;
      const to = folderOf(resolveSpecifier(source.path, specifier));
      if (from !== to) arrows.add(`${from === '.' ? 'index' : from} --> ${to}`);
    }
  }
  return [...arrows].sort();
}

/** A way from a file back to itself along its imports, if there is one. */
export function importCycle(sources: readonly Source[]): string[] | undefined {
  const targets = new Map(
    sources.map((source) => [
      withoutEnding(source.path),
      specifiers(source)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => resolveSpecifier(source.path, specifier)),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const target of targets.get(path) ?? []) {
      const cycle = visit(target, [...way, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of targets.keys()) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Time, randomness and I/O of the runtime: what the core has ports for. */
const AMBIENT = new Set([
  'Buffer',
  'Date',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

/** Uses of what is injected into the core, one line each. */
export function ambientUses(source: Source): string[] {
  const found: string[] = [];
  for (const node of nodes(parse(source))) {
    if (!ts.isIdentifier(node)) continue;
    const { parent } = node;
    const owner =
      ts.isPropertyAccessExpression(parent) && parent.name === node
        ? parent.expression.getText()
        : 'globalThis';
    if (owner === 'globalThis' && AMBIENT.has(node.text)) {
      found.push(`${source.path} uses ${node.text}`);
    }
    if (owner === 'Math' && node.text === 'random') found.push(`${source.path} uses Math.random`);
  }
  return found;
}

/** Lines of a file that break a habit of this code base. */
export function brokenHabits(source: Source): string[] {
  const found: string[] = [];
  const lines = source.text.split('\n').length - 1;
  if (lines > 300) found.push(`${source.path} has ${String(lines)} lines`);
  if (/@ts-(?:ignore|expect-error|nocheck)/.test(source.text))
    found.push(`${source.path} silences tsc`);
  if (/\b(?:TODO|FIXME|XXX)\b/.test(source.text)) found.push(`${source.path} has a to-do`);
  for (const node of nodes(parse(source))) {
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(`${source.path} says any`);
    if (ts.isClassLike(node) && /(?:Manager|Helper|Utils?)$/.test(node.name?.text ?? '')) {
      found.push(`${source.path} names a class ${node.name?.text ?? ''}`);
    }
  }
  return found;
}
