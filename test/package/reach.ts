import { posix } from 'node:path';

import { specifiers } from '../architecture/sources.js';

/**
 * What a built entry imports, directly or through its own files, that lies outside of the folders.
 *
 * @param read text of a file by its path from `dist`; undefined if there is none.
 */
export function reachOutside(
  entry: string,
  folders: readonly string[],
  read: (path: string) => string | undefined,
): string[] {
  const outside: string[] = [];
  const seen = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const text = read(path);
    if (text === undefined) {
      outside.push(`${path} is missing`);
      continue;
    }
    for (const specifier of specifiers({ path, text })) {
      const target = posix.join(posix.dirname(path), specifier);
      const isInside = folders.some((folder) => target.startsWith(`${folder}/`));
      if (specifier.startsWith('.') && isInside) {
        waiting.push(path.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target);
      } else outside.push(`${path} imports ${specifier}`);
    }
  }
  return outside;
}
