import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { root } from '../architecture/sources.js';
import { codeBlocks, compileErrors } from './code-blocks.js';

const pages = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.startsWith('api'))
    .map((name) => join('docs', name)),
];
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

describe('the documentation', () => {
  it('contains only code that compiles', () => {
    const blocks = pages.flatMap((page) => codeBlocks(page, read(page)));
    expect(blocks.length).toBeGreaterThan(10);
    expect(compileErrors(root, blocks)).toEqual([]);
  }, 60_000);

  it('links only to pages and files that exist', () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map(([, target = '']) => join(dirname(page), target))
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${page} links to ${relative('.', target)}`),
    );
    expect(broken).toEqual([]);
  });
});

describe('the check of code blocks', () => {
  it('says page and line of what does not compile', () => {
    const markdown = '# Title\n\n```ts\nconst ok = 1;\nconst wrong: string = ok;\n```\n';
    const [error = ''] = compileErrors(root, codeBlocks('page.md', markdown));
    expect(error).toMatch(/^page\.md:5 .*not assignable/);
  }, 60_000);

  it('leaves blocks of other languages alone', () => {
    expect(codeBlocks('page.md', '```sh\nnpm ci\n```\n')).toEqual([]);
  });
});
