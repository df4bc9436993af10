/** What the compiler of an application that checks libraries too (`skipLibCheck: false`) says of the built types. */
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

import { root } from '../architecture/sources.js';

const dist = join(root, 'dist');
const ENTRIES = ['index', 'client/index', 'react/index', 'emitter/index', 'testing/index'];

/** The errors in declarations of `dist`, with their files. */
function declarationErrors(): string[] {
  const entries = ENTRIES.map((entry) => join(dist, `${entry}.d.ts`));
  const program = ts.createProgram(entries, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
    types: ['node'],
  });
  return program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(`${dist}/`))
    .flatMap((file) => [...program.getSemanticDiagnostics(file)])
    .map(({ file, messageText }) => {
      const path = file?.fileName.slice(dist.length + 1) ?? '';
      return `${path}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
}

describe('the declarations of the package', () => {
  it('say nothing that a compiler which checks libraries would refuse', () => {
    expect(declarationErrors()).toEqual([]);
  });
});
