import { documentedFrames } from './document.js';

/** A frame in which one field is not what PROTOCOL.md says. */
export interface BrokenFrame {
  /** `type.field` and what it holds instead. */
  readonly title: string;
  readonly type: string;
  readonly field: string;
  readonly frame: Readonly<Record<string, unknown>>;
}

const VALUES: readonly unknown[] = [null, true, 7, 'text', [], [1], {}, { room: 1 }];

/**
 * Whether the value may stand where PROTOCOL.md declares this TypeScript type.
 *
 * @param isOpen whether words that are not listed may stand there: those of later versions.
 */
function fits(type: string, value: unknown, isOpen: boolean): boolean {
  if (type === 'unknown') return true;
  if (type.startsWith("'")) return isOpen && typeof value === 'string';
  if (type === 'string') return typeof value === 'string';
  if (type === 'number') return typeof value === 'number';
  if (type === 'boolean') return typeof value === 'boolean';
  if (type.endsWith('[]')) return Array.isArray(value) && value.length === 0;
  // An object with fields that have to be there, which none of the values above has.
  return false;
}

/**
 * Every frame of a section of PROTOCOL.md with one field of a wrong type, or left out although it has
 * to be there. Made from the document, not from the code's own table.
 *
 * @param section 4: a client's frames; 5: a server's, which may have reasons of later versions.
 */
export function brokenFrames(
  section: number,
  golden: readonly { readonly type: string }[],
): BrokenFrame[] {
  return [...documentedFrames(section)].flatMap(([type, fields]) => {
    const good = golden.find((frame) => frame.type === type);
    return fields.flatMap(({ name, optional, type: declared }): BrokenFrame[] => {
      const wrong = VALUES.filter((value) => !fits(declared, value, section === 5)).map(
        (value) => ({
          title: `${type}.${name} with ${JSON.stringify(value)}`,
          type,
          field: name,
          frame: { ...good, [name]: value },
        }),
      );
      if (optional) return wrong;
      const rest = Object.entries(good ?? {}).filter(([key]) => key !== name);
      const missing = { title: `${type} without ${name}`, type, field: name };
      return [...wrong, { ...missing, frame: Object.fromEntries(rest) }];
    });
  });
}
