import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { transformFileSync } from '@swc/core';

const SOURCES = fileURLToPath(new URL('../../test/checker', import.meta.url));

/** The history checker of the tests, which is TypeScript: translated into a folder, and imported from there. */
export async function loadChecker(folder) {
  const target = join(folder, 'checker');
  mkdirSync(target);
  const sources = readdirSync(SOURCES).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'),
  );
  for (const name of sources) {
    const { code } = transformFileSync(join(SOURCES, name), {
      module: { type: 'es6' },
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    });
    writeFileSync(join(target, name.replace(/\.ts$/, '.js')), code);
  }
  writeFileSync(join(target, 'package.json'), '{"type":"module"}');
  const { violations } = await import(pathToFileURL(join(target, 'check.js')).href);
  const file = pathToFileURL(join(target, 'describe-violations.js')).href;
  const { describeViolations } = await import(file);
  return { violations, describeViolations };
}
