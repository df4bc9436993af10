/**
 * Bytes in payloads, on the server (PROTOCOL.md, section 1). Texts stay JSON, so whatever passes them on, keeps
 * them or looks at them need not know: an object with the one field `$bytes`, in base64, stands for bytes.
 */

/** The one field of an object that stands for bytes. */
export const BYTES_FIELD = '$bytes';

/** What texts with bytes have in them. Begins with a character that few texts have, and so is looked for in no time. */
const MARK = `${BYTES_FIELD}"`;

/** Fields and items that are looked at for bytes. Beyond them the text is searched, which costs less. */
const MAX_LOOKS = 100;

/**
 * What `JSON.stringify` makes of a `Buffer`, of a `Uint8Array` and of one that is empty. May be found where no
 * bytes are: then the text is made once more.
 */
const TRACE = /\{(?:\}|"0":|"type":"Buffer","data":\[)/;

/** With a length that 4 divides. No group is repeated: that would take stack for each four characters. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** What is used of Node's `Buffer`: this folder has to do without Node's types. */
interface NodeBuffer {
  from(text: string, encoding: 'base64'): Uint8Array;
  from(bytes: ArrayBufferLike, offset: number, length: number): { toString(to: 'base64'): string };
}

const nodeBuffer = (): NodeBuffer => (globalThis as unknown as { Buffer: NodeBuffer }).Buffer;

type Fields = Record<string, unknown>;

/** How much may still be looked at; 0 also where looking does not tell. */
interface Search {
  left: number;
}

/**
 * The JSON text of a value, with each `Uint8Array` (a `Buffer` is one) as what stands for its bytes.
 *
 * @returns `undefined` for values that JSON leaves out (`undefined`, functions, symbols).
 * @throws TypeError if the value has a cycle or a BigInt, as `JSON.stringify` does.
 */
export function jsonWithBytes(value: unknown): string | undefined {
  const search: Search = { left: MAX_LOOKS };
  const found = withoutBytes(value, search);
  // The declared type hides that `undefined`, functions and symbols have no JSON text.
  const text = JSON.stringify(found) as string | undefined;
  const hasTrace = search.left <= 0 && text !== undefined && TRACE.test(text);
  return hasTrace ? JSON.stringify(found, replaceBytes) : text;
}

/**
 * The value that was parsed from a text, with bytes (as a `Buffer`) in the place of what stands for them.
 * Changes the value.
 *
 * @param text what the value was parsed from, or what that stood in.
 */
export function withBytes(text: string, value: unknown): unknown {
  return text.includes(MARK) ? restored(value) : value;
}

/**
 * A value with stand-ins for the bytes that are found in it; itself, if none are. Such bytes never go through
 * `JSON.stringify`, which makes a list of numbers of them: 160 ms for 750 KB.
 */
function withoutBytes(value: unknown, search: Search): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return standInFor(value);
  if ('toJSON' in value) {
    // What it makes of itself is not known.
    search.left = 0;
    return value;
  }
  return Array.isArray(value)
    ? listWithoutBytes(value, search)
    : fieldsWithoutBytes(value as Fields, search);
}

function listWithoutBytes(list: readonly unknown[], search: Search): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let at = 0; at < list.length && search.left > 0; at += 1) {
    search.left -= 1;
    const found = withoutBytes(list[at], search);
    if (!Object.is(found, list[at])) (copy ??= [...list])[at] = found;
  }
  return copy ?? list;
}

function fieldsWithoutBytes(fields: Fields, search: Search): Fields {
  let copy: Fields | undefined;
  for (const name in fields) {
    if (search.left <= 0) break;
    search.left -= 1;
    const found = withoutBytes(fields[name], search);
    // What an object inherits is not in its text.
    if (!Object.is(found, fields[name]) && Object.hasOwn(fields, name))
      (copy ??= { ...fields })[name] = found;
  }
  return copy ?? fields;
}

/** For `JSON.stringify`, which gives a `Buffer` as its own JSON; the object that holds it has it as it is. */
function replaceBytes(this: unknown, name: string, value: unknown): unknown {
  const held = (this as Fields)[name];
  return held instanceof Uint8Array ? standInFor(held) : value;
}

function standInFor({ buffer, byteOffset, byteLength }: Uint8Array): Fields {
  return { [BYTES_FIELD]: nodeBuffer().from(buffer, byteOffset, byteLength).toString('base64') };
}

/** As deep as the value is nested, which the frame's rules bound. Lists may be long: their items get no names. */
function restored(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (typeof item === 'object') value[index] = restored(item);
    }
    return value;
  }
  const fields = value as Fields;
  const names = Object.keys(fields);
  const text = names.length === 1 ? fields[BYTES_FIELD] : undefined;
  if (typeof text === 'string' && isBase64(text)) return nodeBuffer().from(text, 'base64');
  for (const name of names) fields[name] = restored(fields[name]);
  return fields;
}

/** Whether a text is base64 as it is on the wire: with padding, and with nothing else in it. */
export const isBase64 = (text: string): boolean => text.length % 4 === 0 && BASE64.test(text);
