import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import * as source from '../../lib/client/index.js';
import { root } from '../architecture/sources.js';

const folder = join(root, 'dist', 'client');
const code = readFileSync(join(folder, 'index.js'), 'utf8');
const words = new Set(code.match(/[A-Za-z_]\w*/g));

describe('the built client', () => {
  it('is one file, which imports nothing', () => {
    expect(readdirSync(folder).filter((name) => name.endsWith('.js'))).toEqual(['index.js']);
    expect(code).not.toMatch(/\bimport\b/);
  });

  it('exports what its source does', () => {
    const [, list = ''] = /export\{([^}]*)\}/.exec(code) ?? [];
    expect(list.split(',').sort()).toEqual(Object.keys(source).sort());
  });

  it('has its types beside it', () => {
    expect(existsSync(join(folder, 'index.d.ts'))).toBe(true);
  });

  it('keeps no name of a property that only its own files know', () => {
    // The second has a namesake in the runtime's types.
    expect(code).not.toMatch(/\.(?:takesRequests|isConnected)\b/);
  });

  it('keeps the names of its options, of frames, and of what leaves the page', () => {
    const names = ['stableAfterMs', 'retryAfterMs', 'members', 'sentAt', 'opened', 'clientKey'];
    expect(names.filter((name) => !words.has(name))).toEqual([]);
  });
});
