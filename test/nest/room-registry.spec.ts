import {
  ForbiddenException,
  Inject,
  Injectable,
  Module,
  Scope,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { WsException } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';

import {
  ExactSnapshot,
  Public,
  RealtimeError,
  RealtimeModule,
  RealtimeOptionsError,
  RealtimeRoom,
  type RealtimeModuleOptions,
  type RealtimeUser,
  type RoomOptions,
  type RoomParams,
  type RoomPolicy,
} from '../../lib/index.js';
import type { RoomRights } from '../../lib/core/index.js';
import { Payload } from '../../lib/protocol/index.js';
import { RoomRegistry } from '../../lib/nest/rooms/room-registry.js';
import { NestLog } from '../support/nest-app.js';

let module: TestingModule | undefined;
let log = new NestLog();

afterEach(async () => {
  await module?.close();
  module = undefined;
});

/** The registry of an application with these room classes. */
async function explore(
  classes: readonly Type[],
  metadata: ModuleMetadata = {},
  options: RealtimeModuleOptions = {},
): Promise<RoomRegistry> {
  log = new NestLog();
  module = await Test.createTestingModule({
    imports: [RealtimeModule.forRoot(options), ...(metadata.imports ?? [])],
    providers: [...classes, ...(metadata.providers ?? [])],
  })
    .setLogger(log)
    .compile();
  return module.get(RoomRegistry);
}

function room(pattern: string, name: string): Type {
  @RealtimeRoom(pattern)
  class Room {
    canSubscribe(_user: RealtimeUser, params: RoomParams): boolean {
      return params['allowed'] !== 'no';
    }
  }
  Object.defineProperty(Room, 'name', { value: name });
  return Room;
}

/** What plain JavaScript may pass as options. */
function optionsOf(options: unknown): RoomOptions {
  return options as RoomOptions;
}

/** The rights of the room `x` of a class with these options and this policy. */
async function rightsOf(
  options: RoomOptions,
  policy: RoomPolicy = {},
  moduleOptions: RealtimeModuleOptions = {},
): Promise<RoomRights> {
  @RealtimeRoom(':name', options)
  class ChatRooms {
    constructor() {
      Object.assign(this, policy);
    }
  }
  const registry = await explore([ChatRooms], {}, moduleOptions);
  const rights = registry.find('x');
  if (rights === undefined) throw new Error('expected the room to be declared');
  return rights;
}

/** The lines of the error that these options cause at start-up. */
async function problemsOf(options: unknown): Promise<readonly string[]> {
  const error: unknown = await rightsOf(optionsOf(options)).catch((reason: unknown) => reason);
  if (!(error instanceof RealtimeOptionsError)) throw error;
  expect(error.message).toMatch(/^Invalid @RealtimeRoom\(\) options:\n {2}ChatRooms\./);
  return error.problems;
}

@Injectable({ scope: Scope.REQUEST })
class State {
  constructor(@Inject(REQUEST) readonly request: unknown) {}
}

@RealtimeRoom('stateful')
class StatefulRooms {
  constructor(readonly state: State) {}
}

@Module({ providers: [StatefulRooms, State] })
class StatefulModule {}

@Injectable()
class Allowed {
  readonly users = ['ada'];
}

@RealtimeRoom('injected')
class InjectedRooms {
  constructor(private readonly allowed: Allowed) {}

  canSubscribe(user: RealtimeUser): boolean {
    return this.allowed.users.includes(user.id);
  }
}

@Public()
@RealtimeRoom('public')
class PublicRooms {}

const ada = { id: 'ada' };

describe('RoomRegistry', () => {
  describe('refuses at start-up', () => {
    it.each([
      ['chat/:room', 'chat/:name'],
      ['lobby', 'lobby'],
      ['files/*', 'files/*'],
    ])('two classes with equal patterns: %s and %s', async (a, b) => {
      await expect(
        explore([room(a, 'First'), room('x/y', 'Between'), room(b, 'Second')]),
      ).rejects.toThrow(`First and Second: their patterns "${a}" and "${b}" match the same rooms`);
    });

    it('a pattern that breaks the grammar', async () => {
      await expect(explore([room('chat/', 'Broken')])).rejects.toThrow('@RealtimeRoom("chat/")');
    });

    it('a class that is request-scoped by what it depends on', async () => {
      await expect(explore([], { imports: [StatefulModule] })).rejects.toThrow(
        'StatefulRooms: a room class cannot be request-scoped',
      );
    });

    it('a class that is request-scoped by its own word', async () => {
      const Scoped = room('scoped', 'Scoped');
      Injectable({ scope: Scope.REQUEST })(Scoped);
      await expect(explore([Scoped])).rejects.toThrow(
        'Scoped: a room class cannot be request-scoped',
      );
    });
  });

  it('finds nothing where no class is declared', async () => {
    const registry = await explore([]);
    expect(registry.size).toBe(0);
    expect(registry.find('lobby')).toBeUndefined();
  });

  it('finds the most specific class, in whatever order they are declared', async () => {
    const classes = [room('a/*', 'Rest'), room('a/:allowed', 'Param'), room('a/no', 'Literal')];
    for (const declared of [classes, [...classes].reverse()]) {
      const registry = await explore(declared);
      // Only the class with the parameter says no, and only to `no`, which the literal answers.
      expect(await registry.find('a/no')?.canSubscribe(ada)).toBe(true);
      expect(await registry.find('a/b')?.canSubscribe(ada)).toBe(true);
      expect(await registry.find('a/b/c')?.canSubscribe(ada)).toBe(true);
      expect(registry.find('b')).toBeUndefined();
      await module?.close();
    }
  });

  it('asks an instance that has what it injects', async () => {
    const registry = await explore([InjectedRooms], { providers: [Allowed] });
    expect(await registry.find('injected')?.canSubscribe(ada)).toBe(true);
    expect(await registry.find('injected')?.canSubscribe({ id: 'jane' })).toBe(false);
  });

  it('knows which classes are public', async () => {
    const registry = await explore([PublicRooms, room('other', 'Other')]);
    expect(registry.find('public')?.isPublic).toBe(true);
    expect(registry.find('other')?.isPublic).toBe(false);
  });
});

describe('an option of a room class that breaks its rule', () => {
  const EVENTS =
    'an object of event names (1 to 128 characters) and their schemas (a class, a Standard Schema or true)';

  it.each<[unknown, string]>([
    [{ history: true }, 'history: expected false or an object, got true'],
    [{ history: { size: -1 } }, 'history.size: expected an integer >= 0, got -1'],
    [{ history: { ttlMs: '5m' } }, 'history.ttlMs: expected an integer >= 0, got "5m"'],
    [{ history: { bytes: 0.5 } }, 'history.bytes: expected an integer >= 0, got 0.5'],
    [
      { history: { length: 1 } },
      'history.length: unknown option, expected one of size, ttlMs, bytes',
    ],
    [{ presence: 'yes' }, 'presence: expected true, false or an object, got "yes"'],
    [{ presence: null }, 'presence: expected true, false or an object, got null'],
    [{ presence: { graceMs: -1 } }, 'presence.graceMs: expected an integer >= 0, got -1'],
    [{ presence: { countsOnly: 1 } }, 'presence.countsOnly: expected true or false, got 1'],
    [{ volatile: 'typing' }, 'volatile: expected a list of event names, got "typing"'],
    [{ volatile: [7] }, 'volatile: expected a list of event names, got an array'],
    [{ volatile: ['typing'] }, 'volatile: expected names that "events" has, got "typing"'],
    [
      { events: { said: true }, volatile: ['said', 'toString'] },
      'volatile: expected names that "events" has, got "toString"',
    ],
    [
      { latest: ['cursor'] },
      'latest: expected an object of event names and functions that give a key, got an array',
    ],
    [
      { events: { cursor: true }, latest: { cursor: 'user' } },
      'latest: expected an object of event names and functions that give a key, got an object',
    ],
    [{ latest: { cursor: String } }, 'latest: expected names that "events" has, got "cursor"'],
    [{ events: ['typing'] }, `events: expected ${EVENTS}, got an array`],
    [{ events: { typing: 'string' } }, `events: expected ${EVENTS}, got an object`],
    [{ events: { '': true } }, `events: expected ${EVENTS}, got an object`],
    [{ events: { ['x'.repeat(129)]: true } }, `events: expected ${EVENTS}, got an object`],
    [
      { replay: true },
      'replay: unknown option, expected one of events, volatile, latest, history, presence',
    ],
  ])('fails at start-up: %j', async (options, problem) => {
    expect(await problemsOf(options)).toEqual([`ChatRooms.${problem}`]);
  });

  it('comes with all others, of all classes', async () => {
    const [first, second] = ['First', 'Second'].map((name) => {
      @RealtimeRoom(name, optionsOf({ history: 7, presence: 7 }))
      class Room {}
      Object.defineProperty(Room, 'name', { value: name });
      return Room;
    });
    await expect(explore([first!, second!])).rejects.toMatchObject({
      problems: [
        'First.history: expected false or an object, got 7',
        'First.presence: expected true, false or an object, got 7',
        'Second.history: expected false or an object, got 7',
        'Second.presence: expected true, false or an object, got 7',
      ],
    });
  });
});

describe('the history of a room', () => {
  const DEFAULT = { size: 1_000, ttlMs: 300_000, bytes: 1_048_576 };

  it.each<[string, RoomOptions['history'], RealtimeModuleOptions['rooms'], object]>([
    ['has a default', undefined, undefined, DEFAULT],
    ['is what the module says', undefined, { history: { size: 7 } }, { ...DEFAULT, size: 7 }],
    ['is what its class says', { size: 9 }, undefined, { ...DEFAULT, size: 9 }],
    [
      'is what its class says, the rest what the module says',
      { ttlMs: 1 },
      { history: { ttlMs: 9, bytes: 9 } },
      { ...DEFAULT, ttlMs: 1, bytes: 9 },
    ],
    ['may be none by its class', false, undefined, { size: 0 }],
    ['may be none by the module', undefined, { history: false }, { size: 0 }],
    [
      'is whole where the module has none and the class wants some',
      { size: 9 },
      { history: false },
      { ...DEFAULT, size: 9 },
    ],
    [
      'is not changed by what is undefined',
      optionsOf({ history: { size: undefined } }).history,
      undefined,
      DEFAULT,
    ],
  ])('%s', async (_what, history, rooms, expected) => {
    const options = history === undefined ? {} : { history };
    const rights = await rightsOf(options, {}, rooms === undefined ? {} : { rooms });
    expect(rights.history).toMatchObject(expected);
  });

  it('may be read by whom the class lets, and by nobody without its word', async () => {
    expect(await (await rightsOf({}, { canSubscribe: () => true })).canReadHistory(ada)).toBe(
      false,
    );
    await module?.close();
    const policy: RoomPolicy = {
      canReadHistory: ({ id }, { name }) => id === 'ada' && name === 'x',
    };
    const rights = await rightsOf({}, policy);
    expect(await rights.canReadHistory(ada)).toBe(true);
    expect(await rights.canReadHistory({ id: 'jane' })).toBe(false);
  });

  it('may not be read where the class fails', async () => {
    const rights = await rightsOf(
      {},
      {
        canReadHistory: () => {
          throw new Error('no database');
        },
      },
    );
    expect(await rights.canReadHistory(ada)).toBe(false);
    expect(log.errors).toEqual([expect.stringContaining('ChatRooms.canReadHistory failed')]);
  });
});

describe('volatile events', () => {
  const options: RoomOptions = { events: { said: true, typing: true }, volatile: ['typing'] };

  it('are published without being stored, the others with it', async () => {
    const rights = await rightsOf(options, { canPublish: () => true });
    expect(await rights.decidePublish(ada, 'typing', undefined)).toMatchObject({
      allowed: true,
      volatile: true,
    });
    expect(await rights.decidePublish(ada, 'said', undefined)).toMatchObject({
      allowed: true,
      volatile: false,
    });
  });

  it('are volatile in the rooms of their class only', async () => {
    @RealtimeRoom('a/:name', options)
    class VolatileRooms {}
    @RealtimeRoom('b/:name', { events: { typing: true } })
    class StoredRooms {}
    const registry = await explore([VolatileRooms, StoredRooms]);
    expect(registry.isVolatile('a/x', 'typing')).toBe(true);
    expect(registry.isVolatile('a/x', 'said')).toBe(false);
    expect(registry.isVolatile('b/x', 'typing')).toBe(false);
    expect(registry.isVolatile('undeclared', 'typing')).toBe(false);
  });
});

describe('events of which only the last counts', () => {
  const said = { allowed: true, payload: '7', volatile: true };

  /** What becomes of a publish of 7 where this gives the key. */
  async function decide(cursor: (user: RealtimeUser, payload: unknown) => unknown) {
    const options = optionsOf({ events: { cursor: true }, latest: { cursor } });
    const rights = await rightsOf(options, { canPublish: () => true });
    return rights.decidePublish(ada, 'cursor', Payload.of(7));
  }

  it('are volatile, and the latest of what their key says', async () => {
    expect(await decide(({ id }, payload) => `${id} ${String(payload)}`)).toEqual({
      ...said,
      latest: 'ada 7',
    });
    expect(module?.get(RoomRegistry).isVolatile('x', 'cursor')).toBe(true);
  });

  it.each<[string, () => unknown]>([
    ['throws', () => (undefined as unknown as { x: 1 }).x],
    ['is none', () => undefined],
    ['is empty', () => ''],
    ['is no text', () => 7],
    ['is too long', () => 'x'.repeat(65)],
  ])('are volatile only if their key %s, and the log says so', async (_what, cursor) => {
    expect(await decide(cursor)).toEqual({ ...said, latest: undefined });
    expect(log.errors).toEqual([expect.stringContaining('ChatRooms.latest of "cursor" failed')]);
  });

  it('leave the others as they are', async () => {
    const rights = await rightsOf(
      { events: { said: true, cursor: true }, latest: { cursor: () => 'key' } },
      { canPublish: () => true },
    );
    expect(await rights.decidePublish(ada, 'said', Payload.of(7))).toEqual({
      ...said,
      volatile: false,
      latest: undefined,
    });
  });
});

describe('presence', () => {
  const canSeePresence = () => true;

  it.each<[string, RoomOptions['presence'], RoomPolicy, object | undefined]>([
    ['is not tracked where nobody may see it', undefined, {}, undefined],
    [
      'is tracked where the class lets somebody see it',
      undefined,
      { canSeePresence },
      { graceMs: 10_000, countsOnly: false },
    ],
    ['is tracked where the class wants it', true, {}, { graceMs: 10_000, countsOnly: false }],
    ['is not tracked where the class does not want it', false, { canSeePresence }, undefined],
    [
      'has the grace time of the class',
      { graceMs: 0 },
      { canSeePresence },
      { graceMs: 0, countsOnly: false },
    ],
    ['may be of counts only', { countsOnly: true }, {}, { graceMs: 10_000, countsOnly: true }],
  ])('%s', async (_what, presence, policy, expected) => {
    const rights = await rightsOf(presence === undefined ? {} : { presence }, policy);
    const { graceMs, countsOnly } = rights.presence ?? {};
    expect(rights.presence && { graceMs, countsOnly }).toEqual(expected);
  });

  /** What everyone may know of ada, as the class says. */
  async function infoBy(presenceInfo: RoomPolicy['presenceInfo']): Promise<unknown> {
    const rights = await rightsOf({ presence: true }, presenceInfo && { presenceInfo });
    return rights.presence?.info(ada);
  }

  it('tells nothing of a member unless the class does', async () => {
    expect(await infoBy(undefined)).toBeUndefined();
  });

  it('tells of a member what the class says, as JSON has it', async () => {
    const at = new Date(0);
    const info = await infoBy(({ id }, { name }) => Promise.resolve({ id, name, at }));
    expect(info).toEqual({ id: 'ada', name: 'x', at: '1970-01-01T00:00:00.000Z' });
  });

  const circle: Record<string, unknown> = {};
  circle['self'] = circle;

  it.each<[string, () => unknown, string[]]>([
    ['undefined', () => undefined, []],
    ['a function', () => () => 1, ['expected a value that JSON can hold, got function']],
    ['a cycle', () => circle, ['Converting circular structure to JSON']],
    ['more than 1 KiB', () => 'x'.repeat(1_023), ['expected at most 1024 bytes of JSON, got 1025']],
    ['more than 1 KiB in bytes', () => 'ä'.repeat(512), ['expected at most 1024 bytes of JSON']],
    ['a failure', () => Promise.reject(new Error('no database')), ['no database']],
  ])('tells nothing of a member where the class gives %s', async (_what, info, problems) => {
    expect(await infoBy(info)).toBeUndefined();
    expect(log.errors).toEqual(
      problems.map((problem): unknown => expect.stringContaining(problem)),
    );
  });

  it('tells exactly 1 KiB', async () => {
    expect(await infoBy(() => 'x'.repeat(1_022))).toHaveLength(1_022);
  });
});

describe('a snapshot', () => {
  /** What a client gets of a class with this snapshot. */
  async function take(snapshot: RoomPolicy['snapshot']): Promise<unknown> {
    const rights = await rightsOf({}, snapshot && { snapshot });
    return rights.snapshot?.(ada);
  }

  it('is not offered where the class has none', async () => {
    expect((await rightsOf({})).snapshot).toBeUndefined();
  });

  it('is offered where a class inherits it', async () => {
    class Base {
      snapshot(): string {
        return 'state';
      }
    }
    @RealtimeRoom('y')
    class Derived extends Base {}
    const registry = await explore([Derived]);
    expect(await registry.find('y')?.snapshot?.(ada)).toEqual({ payload: '"state"' });
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'null'],
    ['false', false, 'false'],
    ['a list', [1, 2], '[1,2]'],
    ['an object', { a: 1 }, '{"a":1}'],
    [
      'an object that looks like a snapshot with its position',
      { state: 1, position: { epoch: 'e', offset: 1 } },
      '{"state":1,"position":{"epoch":"e","offset":1}}',
    ],
  ])('may be %s', async (_what, state, payload) => {
    expect(await take(() => state)).toEqual({ payload });
    await module?.close();
    expect(await take(() => Promise.resolve(state))).toEqual({ payload });
  });

  it('is made for a room and a user', async () => {
    expect(await take(({ name }, { id }) => ({ name, id }))).toEqual({
      payload: '{"name":"x","id":"ada"}',
    });
  });

  it('may name the position it belongs to', async () => {
    const position = { epoch: 'e', offset: 7 };
    expect(await take(() => new ExactSnapshot([1], position))).toEqual({
      payload: '[1]',
      position,
    });
  });

  it.each([
    { epoch: 'e', offset: -1 },
    { epoch: 'e', offset: 0.5 },
    { epoch: 7, offset: 1 },
    { offset: 1 },
    {},
  ])('cannot name what is no position: %j', (position) => {
    expect(() => new ExactSnapshot(1, position as never)).toThrow(TypeError);
  });

  const circle: Record<string, unknown> = {};
  circle['self'] = circle;

  it.each<[string, () => unknown, string]>([
    ['undefined', () => undefined, 'expected a value that JSON can hold, got undefined'],
    ['a function', () => () => 1, 'expected a value that JSON can hold, got function'],
    ['a BigInt', () => 1n, 'BigInt'],
    ['a cycle', () => circle, 'Converting circular structure to JSON'],
    [
      'undefined with a position',
      () => new ExactSnapshot(undefined, { epoch: 'e', offset: 1 }),
      'expected a value that JSON can hold, got undefined',
    ],
    ['a failure', () => Promise.reject(new Error('secret of the database')), 'secret'],
  ])('fails for the client without detail, in the log with it: %s', async (_w, state, problem) => {
    await expect(take(state)).rejects.toMatchObject({
      name: 'RealtimeError',
      code: 'internal',
      message: 'the snapshot failed',
    });
    expect(log.errors).toEqual([expect.stringContaining('ChatRooms.snapshot failed')]);
    expect(log.errors[0]).toContain(problem);
  });

  it.each([
    [new RealtimeError('archived', 'the room is archived'), 'archived'],
    [new WsException('not today'), 'rejected'],
    [new ForbiddenException(), 'forbidden'],
  ])('may be refused with a code: %p', async (error, code) => {
    await expect(take(() => Promise.reject(error))).rejects.toMatchObject({ code });
    expect(log.errors).toEqual([]);
  });
});
