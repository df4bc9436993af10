/**
 * Bytes in payloads, on the server (PROTOCOL.md, section 1). Texts stay JSON, so whatever passes them on, keeps
 * them or looks at them need not know: an object with the one field `$bytes`, in base64, stands for bytes.
 */

/** The one field of an object that stands for bytes. */
export const BYTES_FIELD = '$bytes';

/** What texts with bytes have in them. */
const MARK = `"${BYTES_FIELD}"`;

/**
 * What `JSON.stringify` makes of a `Buffer`, of a `Uint8Array` and of one that is empty. Looked for in the text,
 * because that is a small part of what looking through the value costs. May be found where no bytes are.
 */
const TRACES = ['{"type":"Buffer","data":[', '{"0":', '{}'];

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What is used of Node's `Buffer`: this folder has to do without Node's types. */
interface NodeBuffer {
  from(text: string, encoding: 'base64'): Uint8Array;
  from(bytes: ArrayBufferLike, offset: number, length: number): { toString(to: 'base64'): string };
}

const nodeBuffer = (): NodeBuffer => (globalThis as unknown as { Buffer: NodeBuffer }).Buffer;

type Fields = Record<string, unknown>;

/**
 * The JSON text of a value, with each `Uint8Array` (a `Buffer` is one) as what stands for its bytes.
 *
 * @returns `undefined` for values that JSON leaves out (`undefined`, functions, symbols).
 * @throws TypeError if the value has a cycle or a BigInt, as `JSON.stringify` does.
 */
export function jsonWithBytes(value: unknown): string | undefined {
  const shallow = withoutBytes(value);
  const text = JSON.stringify(shallow) as string | undefined;
  const hasTrace = text !== undefined && TRACES.some((trace) => text.includes(trace));
  return hasTrace ? JSON.stringify(shallow, replaceBytes) : text;
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

/** Bytes at the top, and in the fields of an object, never go through `JSON.stringify`: it makes a list of numbers of them. */
function withoutBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return standInFor(value);
  if (Array.isArray(value) || 'toJSON' in value) return value;
  const fields = Object.entries(value);
  if (!fields.some(([, field]) => field instanceof Uint8Array)) return value;
  return Object.fromEntries(
    fields.map(([name, field]) => [name, field instanceof Uint8Array ? standInFor(field) : field]),
  );
}

/** For `JSON.stringify`, which gives a `Buffer` as its own JSON; the object that holds it has it as it is. */
function replaceBytes(this: unknown, name: string, value: unknown): unknown {
  const held = (this as Fields)[name];
  return held instanceof Uint8Array ? standInFor(held) : value;
}

function standInFor({ buffer, byteOffset, byteLength }: Uint8Array): Fields {
  return { [BYTES_FIELD]: nodeBuffer().from(buffer, byteOffset, byteLength).toString('base64') };
}

/** As deep as the value is nested, which the frame's rules bound. */
function restored(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Fields;
  const names = Object.keys(fields);
  const text = names.length === 1 ? fields[BYTES_FIELD] : undefined;
  if (typeof text === 'string' && BASE64.test(text)) return nodeBuffer().from(text, 'base64');
  for (const name of names) fields[name] = restored(fields[name]);
  return fields;
}
