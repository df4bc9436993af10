/** What applications get to see of the built types: their compiler, and whoever reads them in an editor. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

import { root } from '../architecture/sources.js';

const dist = join(root, 'dist');
const ENTRIES = ['index', 'client/index', 'react/index', 'emitter/index', 'testing/index'];

/** The errors in declarations of `dist`, with their files, for a compiler that checks libraries too (`skipLibCheck: false`). */
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

/** Where declarations of a folder of `dist` say `any`. */
function anysOf(folder: string): string[] {
  const anys: string[] = [];
  const names = readdirSync(join(dist, folder)).filter((name) => name.endsWith('.d.ts'));
  for (const name of names) {
    const text = readFileSync(join(dist, folder, name), 'utf8');
    const file = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022);
    const visit = (node: ts.Node): void => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) {
        const { line } = file.getLineAndCharacterOfPosition(node.pos);
        anys.push(`${folder}/${name}:${String(line + 1)}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return anys;
}

describe('the declarations of the package', () => {
  it('say nothing that a compiler which checks libraries would refuse', () => {
    expect(declarationErrors()).toEqual([]);
  });

  it('say any nowhere in what pages import', () => {
    expect(['client', 'react', 'protocol'].flatMap(anysOf)).toEqual([]);
  });
});
