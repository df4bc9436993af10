import { Inject, Injectable, Module, Scope, type ModuleMetadata, type Type } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';

import {
  Public,
  RealtimeModule,
  RealtimeRoom,
  type RealtimeUser,
  type RoomParams,
} from '../../lib/index.js';
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
): Promise<RoomRegistry> {
  log = new NestLog();
  module = await Test.createTestingModule({
    imports: [RealtimeModule.forRoot(), ...(metadata.imports ?? [])],
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
