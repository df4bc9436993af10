import { describe, expect, it } from '@jest/globals';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, ValidateNested } from 'class-validator';
import { z } from 'zod';

import { eventValidator } from '../../lib/nest/rooms/event-validator.js';
import type { EventSchema } from '../../lib/nest/rooms/room-options.interface.js';
import { Payload } from '../../lib/protocol/index.js';

class InnerDto {
  @IsInt()
  n!: number;
}

class OuterDto {
  @IsString()
  text!: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => InnerDto)
  inner?: InnerDto;
}

class EmptyDto {
  a?: number;
}

/** What the validator says of the value that this JSON text stands for. */
function verdict(schema: EventSchema, text: string | undefined) {
  const payload = text === undefined ? undefined : Payload.parsed(text, JSON.parse(text));
  return eventValidator(schema)(payload);
}

describe('an event of the schema true', () => {
  it.each(['{ "a" : 1 }', 'null', '[1,  2]', undefined])('takes %s as it is', async (text) => {
    expect(await verdict(true, text)).toEqual({ valid: true, payload: text });
  });
});

describe('an event with a DTO', () => {
  it('takes what keeps the rules, text untouched', async () => {
    const text = '{ "text" : "hi" , "inner":{"n": 1.0} }';
    expect(await verdict(OuterDto, text)).toEqual({ valid: true, payload: text });
  });

  it('lists the rules that are broken, those inside included', async () => {
    expect(await verdict(OuterDto, '{"text":7,"inner":{"n":"x"}}')).toEqual({
      valid: false,
      details: ['text must be a string', 'inner.n must be an integer number'],
    });
  });

  it.each(['{"text":"hi","more":1}', '{"text":"hi","inner":{"n":1,"more":1}}'])(
    'refuses properties that no decorator allows: %s',
    async (text) => {
      const { valid, details } = (await verdict(OuterDto, text)) as {
        valid: boolean;
        details: string[];
      };
      expect(valid).toBe(false);
      expect(details.join()).toMatch(/property more should not exist/);
    },
  );

  it.each(['null', '7', '"text"', 'true', '[]', '[{"text":"hi"}]', undefined])(
    'refuses %s',
    async (text) => {
      expect(await verdict(OuterDto, text)).toMatchObject({ valid: false });
    },
  );

  // Nest's pipe takes them out before it validates; the text that is published would still have them.
  it.each([
    ['__proto__', '{"text":"hi","__proto__":{"a":1}}'],
    ['__proto__', '{"text":"hi","\\u005f_proto__":{"a":1}}'],
    ['constructor', '{"text":"hi","constructor":{"prototype":{"a":1}}}'],
    ['prototype', '{"text":"hi","inner":{"n":1,"prototype":1}}'],
    ['__proto__', '{"text":[[{"__proto__":1}]]}'],
  ])('lets nothing through under the name %s: %s', async (name, text) => {
    expect(await verdict(OuterDto, text)).toEqual({
      valid: false,
      details: [`property ${name} should not exist`],
    });
  });

  it('refuses everything when its class has no decorator', async () => {
    expect(await verdict(EmptyDto, '{"a":1}')).toMatchObject({ valid: false });
  });

  it('never shows the payload in what it says', async () => {
    const said = JSON.stringify(
      await verdict(OuterDto, '{"text":["secret"],"inner":{"n":"secret"}}'),
    );
    expect(said).not.toContain('secret');
  });

  it('passes on what is not about the payload', async () => {
    class ThrowingDto {
      @IsString()
      get text(): string {
        throw new TypeError('broken getter');
      }
    }
    await expect(verdict(ThrowingDto, '{}')).rejects.toThrow('broken getter');
  });
});

describe('an event with a Standard Schema', () => {
  it('publishes what the schema returns: it strips', async () => {
    expect(await verdict(z.object({ a: z.number() }), '{"a":1,"b":2}')).toEqual({
      valid: true,
      payload: '{"a":1}',
    });
  });

  it('publishes what the schema returns: it transforms', async () => {
    const schema = z.string().transform((text) => ({ length: text.length }));
    expect(await verdict(schema, '"four"')).toEqual({ valid: true, payload: '{"length":4}' });
  });

  it('waits for a schema that is asynchronous', async () => {
    const schema = z
      .string()
      .refine(async (text) => Promise.resolve(text === 'yes'), 'expected yes');
    expect(await verdict(schema, '"yes"')).toEqual({ valid: true, payload: '"yes"' });
    expect(await verdict(schema, '"no"')).toEqual({ valid: false, details: ['expected yes'] });
  });

  it('lists what the schema says', async () => {
    const result = await verdict(z.object({ a: z.number(), b: z.string() }), '{}');
    expect(result).toMatchObject({ valid: false });
    expect((result as { details: unknown[] }).details).toHaveLength(2);
  });

  it('meets undefined when there is no payload', async () => {
    expect(await verdict(z.undefined(), undefined)).toEqual({ valid: true, payload: undefined });
    expect(await verdict(z.string(), undefined)).toMatchObject({ valid: false });
  });

  it('may be a function with the standard property, as ArkType has it', async () => {
    const standard: StandardSchemaV1['~standard'] = {
      version: 1,
      vendor: 'test',
      validate: (value) => ({ value: { seen: value } }),
    };
    const schema = Object.assign(() => undefined, { '~standard': standard });
    expect(await verdict(schema as unknown as EventSchema, '1')).toEqual({
      valid: true,
      payload: '{"seen":1}',
    });
  });
});
