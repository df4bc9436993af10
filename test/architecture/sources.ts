import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

/** The repository's root. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** One source file of `lib`. */
export interface Source {
  /** Path from `lib`, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Every source file of `lib`. */
export function librarySources(): Source[] {
  const lib = join(root, 'lib');
  return readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => ({
      path: relative(lib, join(lib, name)).split(sep).join('/'),
      text: readFileSync(join(lib, name), 'utf8'),
    }));
}

/** Parses a file, with parents so that a node knows where it stands. */
export function parse({ path, text }: Source): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
}

/** Every node of a file. */
export function* nodes(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* nodes(child);
}

/** What a file imports or re-exports, statically or dynamically, as written. */
export function specifiers(source: Source): string[] {
  const found: string[] = [];
  for (const node of nodes(parse(source))) {
    const from =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : ts.isExternalModuleReference(node)
              ? node.expression
              : undefined;
    // One that is put together at run time cannot be checked, and is no name that a rule allows.
    if (from !== undefined) found.push(ts.isStringLiteralLike(from) ? from.text : from.getText());
  }
  return found;
}

/** The folder of `lib` a path lies in; `.` for `lib/index.ts`. */
export function folderOf(path: string): string {
  const [first, second] = path.split('/');
  return second === undefined ? '.' : (first ?? '.');
}

/** The path in `lib`, without its ending, that a relative specifier of a file means. */
export function resolveSpecifier(path: string, specifier: string): string {
  return withoutEnding(posix.join(posix.dirname(path), specifier));
}

/** A path without `.js`, `.ts` or `.tsx`: what is imported as `.js` may be either of the others. */
export function withoutEnding(path: string): string {
  return path.replace(/\.(?:js|tsx?)$/, '');
}
