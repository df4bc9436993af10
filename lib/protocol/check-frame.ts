import { ErrorCode } from './codes.js';
import { MAX_ID_LENGTH } from './limits.js';
import { badFrame, ProtocolError } from './protocol-error.js';
import { describe, findBroken, type FieldRule, type FrameRules } from './validate.js';

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
  const id =
    typeof candidate === 'string' && candidate.length <= MAX_ID_LENGTH ? candidate : undefined;
  const fields = rules.get(type);
  if (fields === undefined) {
    return new ProtocolError(ErrorCode.UnknownType, 'type: expected a known type of frame', id);
  }
  const broken = findBroken(fields, read);
  if (broken === undefined) return fields;
  const message = `${type}.${broken.name}: expected ${broken.expected}, got ${broken.came}`;
  return new ProtocolError(ErrorCode.InvalidField, message, broken.name === 'id' ? undefined : id);
}
