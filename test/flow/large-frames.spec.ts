import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Piscina } from 'piscina';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';

import type { FrameParser } from '../../lib/core/index.js';
import {
  decodeClientFrame,
  Payload,
  ProtocolError,
  type ClientFrame,
} from '../../lib/protocol/index.js';
import {
  DEFAULT_HEAVY_FRAMES,
  FramePool,
  startPiscina,
  type Threads,
} from '../../lib/transport/frame-pool.js';
import reportFrame, { type FrameJob, type FrameReport } from '../../lib/transport/frame-worker.js';
import { readPlanned } from '../../lib/transport/planned-value.js';
import { PIECE_LENGTH, type ReadingPlan } from '../../lib/transport/reading-plan.js';
import { TextSurvey } from '../../lib/transport/text-survey.js';
import { startApp } from '../support/nest-app.js';
import { clientFrame, jsonObjectText, jsonText, mutated } from '../protocol/support/arbitraries.js';
import { NodeWorld } from '../support/node-world.js';
import { deferred, turn, turns, until } from '../support/turns.js';

/** How a text that is good is read. */
function planOf(text: string, pieceLength?: number): ReadingPlan {
  const plan = new TextSurvey(text, 32, pieceLength).plan({ start: 0, end: text.length });
  if (plan === undefined) throw new Error(`not good: ${text.slice(0, 100)}`);
  return plan;
}

const nextTurn = (): Promise<void> => Promise.resolve();

/** Threads that are none: the same code, in this one. Copies what comes back, as threads do. */
const here: Threads = {
  run: (job) => Promise.resolve(structuredClone(reportFrame(job))),
  destroy: () => Promise.resolve(),
};

const pool = (options: Partial<typeof DEFAULT_HEAVY_FRAMES> = {}, threads = here): FramePool =>
  new FramePool({ ...DEFAULT_HEAVY_FRAMES, ...options }, () => Promise.resolve(threads));

/** A frame as a value, its payload by text and by value. */
function told(frame: ClientFrame<Payload> | ProtocolError): unknown {
  if (frame instanceof ProtocolError) return { code: frame.code, id: frame.id };
  const payload: unknown = 'payload' in frame ? frame.payload : undefined;
  if (!(payload instanceof Payload)) return frame;
  return { ...frame, payload: { text: payload.text, value: payload.value } };
}

const record = (n: number) => ({
  id: n,
  name: `user "${String(n)}" \\ ü€😀`,
  tags: [[], {}, 'a,b}'],
});

/** Payloads that are large in different ways. */
const LARGE: readonly [string, unknown][] = [
  ['records', Array.from({ length: 4_000 }, (_, n) => record(n))],
  [
    'an object of objects',
    Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`k${String(n)}`, record(n)])),
  ],
  ['a text', 'x"\\ü😀'.repeat(40_000)],
  ['a list in a list', [[Array.from({ length: 50_000 }, (_, n) => n)], 'behind']],
  ['fields that are large', { a: 'y'.repeat(50_000), b: [1], c: 'z'.repeat(50_000), '': 7 }],
  [
    'numbers as names',
    Object.fromEntries(Array.from({ length: 9_000 }, (_, n) => [String(9_000 - n), n])),
  ],
];

describe('a large value that is read in pieces', () => {
  it.each(LARGE)('is what JSON.parse makes of it: %s', async (_, value) => {
    const text = ` ${JSON.stringify(value)} `;
    const read = await readPlanned(text, planOf(text), nextTurn);
    expect(read).toEqual(value);
    expect(JSON.stringify(read)).toBe(JSON.stringify(JSON.parse(text)));
  });

  it('has `__proto__` as a field like any other, and the last of two that have one name', async () => {
    const filler = 'f'.repeat(40_000);
    const text = `{"a":1,"__proto__":{"x":1},"f":"${filler}","b":2 , "a" : 3,"\\u0062":"${filler}"}`;
    const read = (await readPlanned(text, planOf(text), nextTurn)) as object;
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(JSON.stringify(read)).toBe(JSON.stringify(JSON.parse(text)));
  });

  it('is what JSON.parse makes of it, whatever it is and however small the pieces are', async () => {
    await fc.assert(
      fc.asyncProperty(jsonText, fc.integer({ min: 1, max: 40 }), async (text, pieceLength) => {
        const read = await readPlanned(text, planOf(text, pieceLength), nextTurn);
        expect(JSON.stringify(read)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('may be nothing but white space within brackets', async () => {
    const space = ' '.repeat(PIECE_LENGTH);
    for (const text of [`[${space}]`, `{${space}}`]) {
      expect(await readPlanned(text, planOf(text), nextTurn)).toEqual(JSON.parse(text));
    }
  });

  it('waits a turn before each piece, and no piece is longer than it should be', async () => {
    const text = JSON.stringify(Array.from({ length: 50_000 }, (_, n) => n));
    const plan = planOf(text);
    const parts = 'kind' in plan ? plan.parts : [];
    const lengths = parts.map((part) => ('start' in part ? part.end - part.start : Infinity));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(PIECE_LENGTH);
    let waits = 0;
    const wait = (): Promise<void> => {
      waits += 1;
      return Promise.resolve();
    };
    await readPlanned(text, plan, wait);
    expect(waits).toBe(parts.length);
  });
});

describe('a pool that reads large frames', () => {
  const frames = LARGE.flatMap(([name, payload]): [string, string][] => [
    [`request, ${name}`, JSON.stringify({ type: 'request', id: '1', event: 'e', payload })],
    [`publish, ${name}`, JSON.stringify({ payload, type: 'publish', room: 'r', event: 'e' })],
    [
      `presence, ${name}`,
      JSON.stringify({ type: 'presence', id: '1', room: 'r', action: 'update', info: payload }),
    ],
  ]);

  it.each(frames)('gives what the decoder gives: %s', async (_, text) => {
    const read = await pool({ maxFields: 1_000_000 }).parse(text);
    expect(told(read)).toEqual(told(decodeClientFrame(text)));
  });

  it.each([
    ['malformed', `{"type":"request","id":"1","event":"e","payload":"${'x'.repeat(70_000)}`],
    [
      'too deep',
      `{"type":"request","id":"1","event":"e","payload":${'['.repeat(40_000)}${']'.repeat(40_000)}}`,
    ],
    ['of no known type', `{"type":"no","id":"7","payload":"${'x'.repeat(70_000)}"}`],
    ['without a field', `{"type":"request","id":"7","payload":"${'x'.repeat(70_000)}"}`],
  ])('tells what is wrong as the decoder does: %s', async (_, text) => {
    const expected = decodeClientFrame(text);
    expect(expected).toBeInstanceOf(ProtocolError);
    expect(told(await pool().parse(text))).toEqual(told(expected));
  });

  it('gives what the decoder gives, message for message, whatever the text is', async () => {
    const frame = clientFrame.map((each) => JSON.stringify(each));
    const twice = fc
      .tuple(jsonText, jsonText)
      .map(
        ([one, two]) => `{"type":"request","payload":${one},"id":"1","event":"e","payload":${two}}`,
      );
    const texts = fc.oneof(frame, mutated(frame), jsonObjectText, mutated(jsonObjectText), twice);
    const reader = pool({ maxFields: 1_000_000 });
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const [read, expected] = [await reader.parse(text), decodeClientFrame(text)];
        const whole = (value: typeof expected) =>
          value instanceof ProtocolError ? value : told(value);
        expect(whole(read)).toEqual(whole(expected));
      }),
      { numRuns: 3_000 },
    );
  });

  it('looks for objects with too many fields everywhere in a frame, the frame itself included', async () => {
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [String(n), n]));
    const ping = { type: 'ping', id: '5' };
    for (const frame of [
      { ...ping, ...many },
      { ...ping, unheard: [{ of: many }] },
    ]) {
      expect(told(await pool({ maxFields: 10 }).parse(JSON.stringify(frame)))).toEqual({
        code: 'invalid-field',
        id: '5',
      });
    }
  });

  it('refuses an object that has too many fields, under the frame’s id', async () => {
    const payload = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [String(n), n]));
    const text = JSON.stringify({ type: 'request', id: '5', event: 'e', payload });
    expect(told(await pool({ maxFields: 10 }).parse(text))).toEqual({
      code: 'invalid-field',
      id: '5',
    });
    expect(told(await pool({ maxFields: 11 }).parse(text))).toMatchObject({ type: 'request' });
  });

  it('has no more on the way than its bound, and lets the rest wait', async () => {
    const gates: (() => void)[] = [];
    const waiting: Threads = {
      run: async (job) => {
        await new Promise<void>((resolve) => gates.push(resolve));
        return reportFrame(job);
      },
      destroy: () => Promise.resolve(),
    };
    const text = `{"type":"ping","id":"${'x'.repeat(64)}"}`;
    const reader = pool({ queueBytes: text.length * 2 }, waiting);
    const done = Array.from({ length: 5 }, () => reader.parse(text));
    for (const expected of [2, 4, 5]) {
      await until(() => gates.length === expected);
      await turn();
      expect(gates).toHaveLength(expected);
      for (const open of gates) open();
    }
    expect((await Promise.all(done)).map(told)).toEqual(
      Array(5).fill(told(decodeClientFrame(text))),
    );
  });

  it('says before the first frame that there can be no threads', async () => {
    const missing = new FramePool(DEFAULT_HEAVY_FRAMES, () => Promise.reject(new Error('missing')));
    await expect(missing.open()).rejects.toThrow('missing');
  });

  it('ends its threads, and has none to end before the first frame', async () => {
    const ended: string[] = [];
    const reader = pool({}, { ...here, destroy: () => Promise.resolve(void ended.push('ended')) });
    await reader.close();
    expect(ended).toEqual([]);
    await reader.parse('{"type":"ping"}');
    await reader.close();
    expect(ended).toEqual(['ended']);
  });

  it('makes the value of a published payload only for who asks, once', async () => {
    const payload = Array.from({ length: 20_000 }, (_, n) => n);
    const text = JSON.stringify({ type: 'publish', room: 'r', event: 'e', payload });
    const frame = (await pool().parse(text)) as { payload: Payload };
    expect(frame.payload.text).toBe(JSON.stringify(payload));
    const again = (await pool().parse(text)) as { payload: Payload };
    const value = await frame.payload.load();
    expect(value).toEqual(payload);
    expect(frame.payload.value).toBe(value);
    expect(await frame.payload.load()).toBe(value);
    const [one, two] = await Promise.all([again.payload.load(), again.payload.load()]);
    expect(one).toBe(two);
    const other = (await pool().parse(text)) as { payload: Payload };
    expect(other.payload.value).toEqual(payload);
  });
});

describe('a connection whose peer sends large frames', () => {
  /** Reads a frame when the test says so. */
  class SlowParser implements FrameParser {
    readonly fromBytes = 1_000;
    readonly texts: string[] = [];
    gate = deferred();
    failure: Error | undefined;

    async parse(text: string): Promise<ClientFrame<Payload> | ProtocolError> {
      this.texts.push(text);
      await this.gate.promise;
      if (this.failure !== undefined) throw this.failure;
      return decodeClientFrame(text);
    }
  }

  const large = (id: string) => ({ type: 'request', id, event: 'ask', payload: 'x'.repeat(1_000) });
  const small = (id: string) => ({ type: 'request', id, event: 'ask', payload: 'x' });

  async function made() {
    const parser = new SlowParser();
    const world = await NodeWorld.start({ frameParser: parser });
    const handled: string[] = [];
    world.application.handlers.set('ask', ({ id }) => {
      handled.push(id);
      return Promise.resolve();
    });
    return { parser, world, handled, peer: await world.connect() };
  }

  it('has its frames handled in the order in which they came', async () => {
    const { parser, handled, peer } = await made();
    peer.say(small('1'), large('2'), small('3'), large('4'), small('5'));
    await turns(2);
    expect(handled).toEqual(['1']);
    parser.gate.resolve();
    await turns(5);
    expect(handled).toEqual(['1', '2', '3', '4', '5']);
    expect(parser.texts).toHaveLength(2);
  });

  it('is not read from meanwhile, so that no more than one read’s worth waits', async () => {
    const { parser, peer } = await made();
    peer.say(large('1'));
    expect(peer.link.isPaused).toBe(true);
    parser.gate.resolve();
    await turns(2);
    expect(peer.link.isPaused).toBe(false);
  });

  it('is answered what is wrong with a large frame', async () => {
    const { parser, peer } = await made();
    parser.gate.resolve();
    peer.say({ ...large('1'), event: 7 });
    await turns(2);
    expect(peer.frames()).toMatchObject([{ type: 'error', id: '1', code: 'invalid-field' }]);
  });

  it('is served all the same when the threads fail', async () => {
    const { parser, world, handled, peer } = await made();
    parser.failure = new Error('out of threads');
    parser.gate.resolve();
    peer.say(large('1'));
    await turns(3);
    expect(handled).toEqual(['1']);
    expect(world.observer.failures).toHaveLength(1);
  });

  it('may end meanwhile: nothing of it is handled any more', async () => {
    const { parser, handled, peer } = await made();
    peer.say(large('1'), small('2'));
    peer.link.breakOff();
    parser.gate.resolve();
    await turns(3);
    expect(handled).toEqual([]);
  });
});

describe('threads', () => {
  let folder: string;

  /** As the build does: what runs on a thread has to be JavaScript. */
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'threads-'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    for (const part of ['protocol', 'transport']) {
      const source = new URL(`../../lib/${part}/`, import.meta.url);
      await mkdir(join(folder, part));
      const names = await readdir(source);
      for (const name of names.filter((each) => each.endsWith('.ts'))) {
        const text = await readFile(new URL(name, source), 'utf8');
        const { outputText } = transpileModule(text, {
          compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 },
        });
        await writeFile(join(folder, part, name.replace(/\.ts$/, '.js')), outputText);
      }
    }
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('are started by the first large frame and not before', async () => {
    const threads = (await startPiscina(2)) as Piscina<FrameJob, FrameReport>;
    expect([threads.threads.length, threads.options.maxThreads]).toEqual([0, 2]);
    await threads.destroy();
  });

  it('are ready when the application has started, and end with it', async () => {
    const app = await startApp({ options: { heavyFrames: { threads: 1 } } });
    const client = await app.connect();
    client.send({ type: 'ping', id: '1' });
    expect(await client.next('pong')).toEqual({ type: 'pong', id: '1' });
    await app.close();
    expect(app.log.errors).toEqual([]);
  });

  it('read large frames as the decoder does', async () => {
    const filename = pathToFileURL(join(folder, 'transport', 'frame-worker.js')).href;
    const threads = new Piscina<FrameJob, FrameReport>({ filename, maxThreads: 1, execArgv: [] });
    const reader = new FramePool(DEFAULT_HEAVY_FRAMES, () => Promise.resolve(threads));
    for (const [, payload] of LARGE) {
      const text = JSON.stringify({ type: 'request', id: '1', event: 'e', payload });
      expect(told(await reader.parse(text))).toEqual(told(decodeClientFrame(text)));
    }
    await reader.close();
  });
});
