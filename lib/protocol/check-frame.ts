import { badFrame, ProtocolError } from './protocol-error.js';
import {
  describe,
  findBroken,
  id as checkId,
  type FieldRule,
  type FrameRules,
} from './validate.js';

/** Checks type and fields against the table. Returns the rules that the frame obeys. */
export function checkFrame(
  rules: FrameRules,
  read: (name: string) => unknown,
): ProtocolError | readonly FieldRule[] {
  const type = read('type');
  if (typeof type !== 'string') {
    return badFrame(
      `type: expected a string, got ${type === undefined ? 'nothing' : describe(type)}`,
    );
  }
  const candidate = read('id');
  // Only an id that an `error` frame may carry: an empty one is as unreadable as none.
  const id = isId(candidate) ? candidate : undefined;
  const fields = rules.get(type);
  if (fields === undefined) {
    return new ProtocolError('unknown-type', 'type: expected a known type of frame', id);
  }
  const broken = findBroken(fields, read);
  if (broken === undefined) return fields;
  const message = `${type}.${broken.name}: expected ${broken.expected}, got ${broken.came}`;
  const isUnanswerable = fields.some((field) => field.isUnanswerable);
  return new ProtocolError('invalid-field', message, isUnanswerable ? undefined : id);
}

function isId(value: unknown): value is string {
  return checkId(value) === undefined;
}
