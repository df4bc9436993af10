import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { ambientUses, brokenHabits, folderArrows, forbiddenImports, importCycle } from './rules.js';
import { librarySources, root } from './sources.js';

const sources = librarySources();

describe('lib', () => {
  it('imports only what the table of the design allows', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(forbiddenImports(sources)).toEqual([]);
  });

  it('has no cycle of imports', () => {
    expect(importCycle(sources)).toBeUndefined();
  });

  it('is drawn in docs/architecture.md as it is', () => {
    const page = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8');
    const drawn = [...page.matchAll(/^ {2}(\w+ --> \w+)$/gm)].map(([, arrow]) => arrow);
    expect(drawn.sort()).toEqual(folderArrows(sources));
  });

  it('keeps its habits: short files, no any, no silenced checks, no to-dos, no meaningless names', () => {
    expect(sources.flatMap(brokenHabits)).toEqual([]);
  });
});

describe('lib/core', () => {
  it('has time, randomness and I/O injected', () => {
    const core = sources.filter(({ path }) => path.startsWith('core/'));
    expect(core.length).toBeGreaterThan(10);
    expect(core.flatMap(ambientUses)).toEqual([]);
  });
});

describe('the check of imports', () => {
  it.each([
    ['core/a.ts', "import { readFile } from 'node:fs';"],
    ['core/a.ts', "import type { WebSocket } from 'ws';"],
    ['core/a.ts', "export { x } from '../nest/x.js';"],
    ['protocol/a.ts', "import { Hub } from '../core/index.js';"],
    ['client/a.ts', "import { Hub } from '../core/index.js';"],
    ['client/a.ts', "const x = await import('node:crypto');"],
    ['client/deep/a.ts', "import { Hub } from '../../core/index.js';"],
    ['react/a.ts', "import { decode } from '../protocol/index.js';"],
    ['transport/a.ts', "import { MemoryBroker } from '../memory/index.js';"],
    ['nest/a.ts', "import { RealtimeClient } from '../client/index.js';"],
    ['core/a.ts', "type X = import('../nest/x.js').X;"],
    ['core/a.ts', "import fs = require('node:fs');"],
    ['core/a.ts', 'const x = await import(`node:fs`);'],
    ['core/a.ts', 'const x = await import(name);'],
    ['memory/a.ts', "export * from '../transport/index.js';"],
    ['redis/a.ts', "import { WebSocket } from 'ws';"],
    ['emitter/a.ts', "import { SystemClock } from '../transport/index.js';"],
    ['emitter/a.ts', "import { Injectable } from '@nestjs/common';"],
    ['emitter/a.ts', "import { Redis } from 'ioredis';"],
    ['react/a.tsx', "import { Module } from '@nestjs/common';"],
    ['testing/a.ts', "import { render } from 'react-dom';"],
    ['index.ts', "export * from './client/index.js';"],
    ['index.ts', "export { Hub } from './core/hub.js';"],
    ['index.ts', "export * from 'ws';"],
    ['unheard-of/a.ts', "import { x } from '../core/index.js';"],
  ])('forbids in %s: %s', (path, text) => {
    expect(forbiddenImports([{ path, text }])).toHaveLength(1);
  });

  it('allows what the table allows', () => {
    const text = "import { WebSocket } from 'ws'; import { Hub } from '../core/index.js';";
    expect(forbiddenImports([{ path: 'transport/a.ts', text }])).toEqual([]);
  });

  it('finds a cycle across files', () => {
    const cycle = importCycle([
      { path: 'core/a.ts', text: "import './b.js';" },
      { path: 'core/b.ts', text: "import type { A } from './a.js';" },
    ]);
    expect(cycle).toEqual(['core/a', 'core/b', 'core/a']);
  });

  it('finds a cycle through a file of JSX', () => {
    const cycle = importCycle([
      { path: 'react/a.ts', text: "export { B } from './b.js';" },
      { path: 'react/b.tsx', text: "const a = await import('./a.js');" },
    ]);
    expect(cycle).toEqual(['react/a', 'react/b', 'react/a']);
  });

  it('takes a file that two others import for no cycle', () => {
    const cycle = importCycle([
      { path: 'core/a.ts', text: "import './b.js'; import './c.js';" },
      { path: 'core/b.ts', text: "import './c.js';" },
      { path: 'core/c.ts', text: '' },
    ]);
    expect(cycle).toBeUndefined();
  });

  it('draws an arrow for every pair of folders, once', () => {
    const arrows = folderArrows([
      { path: 'nest/a.ts', text: "import '../core/index.js'; import '../core/hub.js';" },
      { path: 'nest/b.ts', text: "import './a.js'; import 'rxjs';" },
      { path: 'index.ts', text: "export * from './nest/index.js';" },
    ]);
    expect(arrows).toEqual(['index --> nest', 'nest --> core']);
  });
});

describe('the check of habits', () => {
  it.each([
    ['a long file', '\n'.repeat(301)],
    ['a silenced check', '// @ts-ignore'],
    ['a to-do', '// TODO: later'],
    ['any', 'export const x: any = 1;'],
    ['an unchecked file', '// @ts-nocheck'],
    ['a thing to fix', '/* FIXME */'],
    ['any inside of a type', 'export type X = Map<string, any>;'],
    ['a manager', 'class RoomManager {}'],
    ['a helper', 'export const x = class RoomHelper {};'],
    ['a utility', 'export abstract class RoomUtils {}'],
  ])('finds %s', (_, text) => {
    expect(brokenHabits({ path: 'core/a.ts', text })).toHaveLength(1);
  });

  it('finds nothing in an ordinary file of the greatest length', () => {
    const text = `export class Room { name = 'any'; }${'\n'.repeat(300)}`;
    expect(brokenHabits({ path: 'core/a.ts', text })).toEqual([]);
  });

  it.each([
    'setTimeout(f, 1)',
    'globalThis.setTimeout(f, 1)',
    'const later = { wait: clearTimeout }',
    'Date.now()',
    'new Date()',
    'Math.random()',
    'console.log(1)',
    'process.env',
    'Buffer.from(x)',
  ])('finds %s in the core', (text) => {
    expect(ambientUses({ path: 'core/a.ts', text })).toHaveLength(1);
  });

  it('takes a property of that name for what it is', () => {
    expect(ambientUses({ path: 'core/a.ts', text: 'this.process()' })).toEqual([]);
  });
});
