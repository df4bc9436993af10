import { ValidationPipe, type Type } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';

import { Payload } from '../../protocol/index.js';
import { exceptionToError } from '../gateways/exception-to-error.js';
import type { EventSchema } from './room-options.interface.js';

/** A payload that may be published, as JSON text, or the rules it breaks. */
export type EventVerdict =
  | { readonly valid: true; readonly payload: string | undefined }
  | { readonly valid: false; readonly details: unknown };

/** Checks the payload of one event. */
export type EventValidator = (payload: Payload | undefined) => Promise<EventVerdict>;

/** Makes the validator of a schema. */
export function eventValidator(schema: EventSchema): EventValidator {
  if (schema === true) return (payload) => Promise.resolve({ valid: true, payload: payload?.text });
  return isStandardSchema(schema) ? schemaValidator(schema) : classValidator(schema);
}

function isStandardSchema(schema: Type<object> | StandardSchemaV1): schema is StandardSchemaV1 {
  return '~standard' in schema;
}

/** What the schema returns is published: it may strip or convert. */
function schemaValidator(schema: StandardSchemaV1): EventValidator {
  return async (payload) => {
    const result = await schema['~standard'].validate(await payload?.load());
    if (result.issues === undefined) {
      return { valid: true, payload: Payload.of(result.value)?.text };
    }
    return { valid: false, details: result.issues.map(({ message }) => message) };
  };
}

/** The publisher's own text is published, so nothing may stand in it that no decorator allows. */
function classValidator(metatype: Type<object>): EventValidator {
  const pipe = new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
  });
  return async (payload) => {
    const value = await payload?.load();
    const unsafe = findUnsafeKey(value);
    if (unsafe !== undefined) {
      return { valid: false, details: [`property ${unsafe} should not exist`] };
    }
    try {
      await pipe.transform(value ?? {}, { type: 'body', metatype });
      return { valid: true, payload: payload?.text };
    } catch (error) {
      const known = exceptionToError(error);
      if (known === undefined) throw error;
      return { valid: false, details: known.details ?? [known.message] };
    }
  };
}

/** Keys that Nest's pipe takes out before it validates; in the text they would still be there. */
const UNSAFE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** The first such key at any depth, which is bounded by the frame's. */
function findUnsafeKey(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const unsafe = UNSAFE_KEYS.has(key) ? key : findUnsafeKey(inner);
    if (unsafe !== undefined) return unsafe;
  }
  return undefined;
}
