import { join } from 'node:path';

import ts from 'typescript';

/** A fenced block of TypeScript in a page. */
export interface CodeBlock {
  /** The page's path from the repository's root. */
  readonly page: string;
  /** Line of the block's first line of code, from 1. */
  readonly line: number;
  readonly code: string;
}

/** The blocks of a page that are marked `ts` or `tsx`. */
export function codeBlocks(page: string, markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  for (const match of markdown.matchAll(/^```tsx?\n(.*?)^```$/gms)) {
    const line = markdown.slice(0, match.index).split('\n').length + 1;
    blocks.push({ page, line, code: match[1] ?? '' });
  }
  return blocks;
}

/** Compiles blocks against the sources. Returns what the compiler says, with page and line. */
export function compileErrors(root: string, blocks: readonly CodeBlock[]): string[] {
  const files = new Map(
    blocks.map((block, index) => [join(root, 'docs', `block-${String(index)}.tsx`), block]),
  );
  const options = compilerOptions(root);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path)?.code ?? readFile(path);
  host.getSourceFile = (path, language, ...rest) => {
    const block = files.get(path);
    return block === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, block.code, language);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([path, block]) => {
    const file = program.getSourceFile(path);
    const found = [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ];
    return found.map((diagnostic) => describe(block, diagnostic));
  });
}

function compilerOptions(root: string): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) =>
    ts.sys.readFile(path),
  ) as { config: { compilerOptions: object } };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  return {
    ...options,
    moduleDetection: ts.ModuleDetectionKind.Force,
    paths: {
      'nestjs-realtime': [join(root, 'lib/index.ts')],
      'nestjs-realtime/client': [join(root, 'lib/client/index.ts')],
      'nestjs-realtime/emitter': [join(root, 'lib/emitter/index.ts')],
      'nestjs-realtime/react': [join(root, 'lib/react/index.ts')],
      'nestjs-realtime/testing': [join(root, 'lib/testing/index.ts')],
    },
  };
}

function describe({ page, line }: CodeBlock, diagnostic: ts.Diagnostic): string {
  const { file, start = 0 } = diagnostic;
  const offset = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line;
  const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');
  return `${page}:${String(line + offset)} ${message}`;
}
