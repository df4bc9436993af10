import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  CloseCode,
  decodeClientFrame,
  decodeServerFrame,
  ErrorCode,
  ProtocolError,
} from '../../lib/protocol/index.js';
import { clientFrameRules } from '../../lib/protocol/client-frame-rules.js';
import { serverFrameRules } from '../../lib/protocol/server-frame-rules.js';
import { documentSection } from './support/document.js';
import { transcript } from './support/transcript.js';
import {
  fill,
  loadVectors,
  match,
  type Bindings,
  type ConnectStep,
  type FrameStep,
  type RawStep,
  type Step,
  type Vector,
} from './support/vectors.js';

const vectors = loadVectors();
const cases = vectors.map((vector) => [vector.name, vector] as const);
const dialogues = documentSection(12);

const HANDLERS = [
  'echo',
  'public.echo',
  'nothing',
  'fail',
  'reject',
  'count',
  'forever',
  'flood',
  'slow',
  'once',
  'once.slow',
  'chat.send',
];
const ROOMS = ['chat/:room', 'board/:board', 'crowd/:crowd'];
const ACTIONS = [
  'release',
  'publish',
  'send-to-user',
  'disconnect',
  'leave',
  'forbid',
  'revoke',
  'ask',
  'learn',
  'visit',
  'tell',
  'lose',
  'depart',
  'rebalance',
  'shutdown',
];

function flat(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => ('unordered' in step ? [...step.unordered] : [step]));
}

function frames(vector: Vector): FrameStep[] {
  return flat(vector.steps).filter((step): step is FrameStep => 'frame' in step);
}

/** The code that the receiver's decoder gives; `undefined` for a good frame. */
function codeOf(from: FrameStep['from'], input: string | Uint8Array): string | undefined {
  const decoded = from === 'client' ? decodeClientFrame(input) : decodeServerFrame(input);
  return decoded instanceof ProtocolError ? decoded.code : undefined;
}

/** What goes over the wire. */
function inputOf(step: FrameStep | RawStep, bindings: Bindings): string | Uint8Array {
  if ('frame' in step) return JSON.stringify(fill(step.frame, bindings));
  return step.text ?? Buffer.from(step.binary ?? '', 'base64');
}

function connectObstacle({ connect }: ConnectStep): string | undefined {
  const { offers, protocol, ...more } = connect;
  if (offers.length !== 1 || protocol !== 'realtime.v1.json') return 'the SDK offers its own';
  return Object.keys(more).length > 0 ? 'the SDK shows its token in hello' : undefined;
}

/** Why a client could not be made to take part in a step; `undefined` if it can. */
function obstacle(step: Step): string | undefined {
  if ('refused' in step) return 'the SDK sees no HTTP answer';
  if ('connect' in step) return connectObstacle(step);
  if (!('from' in step) || step.from === 'server') return undefined;
  if (!('frame' in step) || step.bad !== undefined) return 'the SDK sends no bad frames';
  const { id } = step.frame;
  if (id === undefined || (typeof id === 'string' && id.startsWith('$same:'))) return undefined;
  return 'the SDK chooses its ids';
}

describe('dialogues', () => {
  it('are numbered from 1 without a hole, and there are at least ten', () => {
    expect(vectors.map(({ documented }) => documented)).toEqual(
      vectors.map((_, index) => index + 1),
    );
    expect(vectors.length).toBeGreaterThanOrEqual(10);
  });

  it('are named after their files', () => {
    const files = readdirSync(new URL('vectors', import.meta.url)).filter((name) =>
      name.endsWith('.json'),
    );
    expect(vectors.map(({ name }) => `${name}.json`).sort()).toEqual(files.sort());
  });

  it('are the ones that PROTOCOL.md shows, and no others', () => {
    const headings = [...dialogues.matchAll(/^### (\d+)\. (.*)\n\n`([a-z0-9-]+)`:/gm)];
    expect(headings.map(([, number, title, name]) => [Number(number), title, name])).toEqual(
      vectors.map(({ documented, title, name }) => [documented, title, name]),
    );
    expect(dialogues.match(/^### /gm)).toHaveLength(vectors.length);
  });

  it('show every type of frame', () => {
    const shown = new Set(vectors.flatMap(frames).map(({ frame }) => frame['type']));
    const types = [...clientFrameRules.keys(), ...serverFrameRules.keys()];
    expect(types.filter((type) => !shown.has(type))).toEqual([]);
  });

  describe.each(cases)('%s', (_name, vector) => {
    it('reads in PROTOCOL.md line by line as it is', () => {
      const [, part = ''] = dialogues.split(`### ${String(vector.documented)}. ${vector.title}\n`);
      const block = /```text\n(.*?)\n```/s.exec(part)?.[1];
      expect(block).toBe(transcript(vector));
      const onlyOne = / Only a (server|client) can be tested with it\.\n/.exec(
        part.split('```')[0] ?? '',
      );
      expect(onlyOne?.[1]).toBe(vector.sides?.[0]);
    });

    it('has frames that decode, or that are refused as it says', () => {
      const bindings: Bindings = new Map();
      for (const step of flat(vector.steps).filter((line) => 'from' in line)) {
        const input = inputOf(step, bindings);
        expect([input, codeOf(step.from, input)]).toEqual([input, step.bad]);
      }
    });

    it('has frames that match what is filled into them', () => {
      const bindings: Bindings = new Map();
      for (const { frame } of frames(vector)) {
        expect(match(fill(frame, bindings), frame, bindings)).toBeUndefined();
      }
    });

    it('begins with a connection, and begins each one after the last has ended', () => {
      let isOpen = false;
      for (const step of vector.steps) {
        expect(isOpen).toBe(!('connect' in step) && !isBetween(step));
        if ('connect' in step) isOpen = true;
        if ('close' in step || 'refused' in step) isOpen = false;
      }
      expect(isOpen).toBe(false);

      function isBetween(step: Step): boolean {
        return !isOpen && ('application' in step || 'elapse' in step);
      }
    });

    it('closes with codes of the protocol, 1006 for a broken link', () => {
      const codes = vector.steps
        .filter((step) => 'close' in step)
        .map(({ close: { code, by } }) => (by === 'network' ? code - 1006 : code));
      expect([0, ...Object.values(CloseCode)]).toEqual(expect.arrayContaining(codes));
    });

    it('has errors whose codes are of the protocol', () => {
      const codes = frames(vector)
        .filter(({ frame, bad }) => frame['type'] === 'error' && bad === undefined)
        .map(({ frame }) => frame['code']);
      expect(Object.values(ErrorCode)).toEqual(expect.arrayContaining(codes));
    });

    it('needs of the reference application what it has, and names what it needs', () => {
      const { handlers, rooms } = vector.server;
      const asked = new Set(
        frames(vector)
          .filter(({ frame, bad }) => frame['type'] === 'request' && bad === undefined)
          .map(({ frame }) => frame['event']),
      );
      expect(handlers.filter((name) => !HANDLERS.includes(name))).toEqual([]);
      expect([...handlers].sort()).toEqual(HANDLERS.filter((name) => asked.has(name)).sort());
      const steps = JSON.stringify(vector.steps);
      const used = ROOMS.filter((pattern) => steps.includes(`"room":"${pattern.split(':')[0]}`));
      expect(used).toEqual(expect.arrayContaining([...rooms]));
      const actions = vector.steps
        .filter((step) => 'application' in step)
        .map(({ application }) => application.do);
      expect(ACTIONS).toEqual(expect.arrayContaining(actions));
    });

    it('is for both sides only if a client can be made to send all of it', () => {
      expect([undefined, 'server', 'client']).toContain(vector.sides?.[0]);
      const isForClients = vector.sides?.[0] !== 'server';
      const obstacles = flat(vector.steps).map(obstacle);
      expect(obstacles.filter((why) => isForClients && why !== undefined)).toEqual([]);
    });
  });
});
