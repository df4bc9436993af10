import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { IsBoolean, IsOptional, IsString, MaxLength } from 'class-validator';
import { z } from 'zod';

import {
  RealtimeConnection,
  RealtimeGateway,
  RealtimeRoom,
  RoomService,
  type RealtimeUser,
  type RoomParams,
  type RoomPolicy,
} from '../../lib/index.js';
import type { FrameOf, RawClient } from '../../lib/testing/index.js';
import { platforms, startApp, type RunningApp } from '../support/nest-app.js';
import { until } from '../support/turns.js';

/** What the room classes were asked. */
@Injectable()
class Asked {
  calls: unknown[][] = [];
}

class TypingDto {
  @IsBoolean()
  on!: boolean;

  @IsOptional()
  @IsString()
  @MaxLength(3)
  note?: string;
}

@RealtimeRoom('chat/:room', {
  events: {
    typing: TypingDto,
    mood: z.object({ level: z.coerce.number().max(10) }),
    anything: true,
  },
})
class ChatRooms implements RoomPolicy {
  constructor(private readonly asked: Asked) {}

  canSubscribe(user: RealtimeUser, params: RoomParams): boolean {
    this.asked.calls.push(['chat/:room', 'canSubscribe', user.id, params]);
    return params['room'] !== 'secret';
  }

  canPublish(user: RealtimeUser, params: RoomParams, event: string): Promise<boolean> {
    this.asked.calls.push(['chat/:room', 'canPublish', user.id, params, event]);
    return Promise.resolve(user.id !== 'mute');
  }
}

@RealtimeRoom('chat/news', { events: { note: true } })
class NewsRooms implements RoomPolicy {
  constructor(private readonly asked: Asked) {}

  canSubscribe(_user: RealtimeUser, params: RoomParams): boolean {
    this.asked.calls.push(['chat/news', 'canSubscribe', params]);
    return true;
  }
}

@RealtimeRoom('chat/*')
class DeepRooms implements RoomPolicy {
  constructor(private readonly asked: Asked) {}

  canSubscribe(_user: RealtimeUser, params: RoomParams): boolean {
    this.asked.calls.push(['chat/*', 'canSubscribe', params]);
    return true;
  }
}

@RealtimeRoom('org/:org/team/:team')
class TeamRooms implements RoomPolicy {
  constructor(private readonly asked: Asked) {}

  async canSubscribe(_user: RealtimeUser, params: RoomParams): Promise<boolean> {
    this.asked.calls.push(['org/:org/team/:team', 'canSubscribe', params]);
    return Promise.resolve(true);
  }
}

/** Says nothing: nobody gets in by itself. */
@RealtimeRoom('closed/:name', { events: { note: true } })
class ClosedRooms {}

/** Says yes by mistake: only `true` is a yes. */
@RealtimeRoom('sloppy/:answer')
class SloppyRooms {
  canSubscribe(_user: RealtimeUser, { answer }: RoomParams): unknown {
    if (answer === 'throw') throw new Error('secret of the policy');
    if (answer === 'reject') return Promise.reject(new Error('secret of the policy'));
    if (answer === 'object') return { allowed: false };
    return answer === 'one' ? 1 : undefined;
  }
}

@RealtimeGateway()
class RoomGateway {
  readonly clients = new Map<string, RealtimeConnection>();

  constructor(private readonly rooms: RoomService) {}

  handleConnection(client: RealtimeConnection): void {
    this.clients.set(client.id, client);
  }

  handleDisconnect(client: RealtimeConnection): void {
    this.clients.delete(client.id);
  }

  @SubscribeMessage('join')
  async join(
    @ConnectedSocket() client: RealtimeConnection,
    @MessageBody() room: string,
  ): Promise<string[]> {
    await client.join(room);
    return client.rooms;
  }

  @SubscribeMessage('leave')
  leave(@ConnectedSocket() client: RealtimeConnection, @MessageBody() room: string): string[] {
    client.leave(room);
    return client.rooms;
  }

  @SubscribeMessage('say')
  async say(
    @ConnectedSocket() client: RealtimeConnection,
    @MessageBody() text: string,
  ): Promise<unknown> {
    const { position } = await this.rooms.publish('chat/lobby', 'said', text, { except: client });
    return position?.offset;
  }
}

describe.each(platforms)('rooms on %s', (platform) => {
  let app: RunningApp;
  let rooms: RoomService;
  let asked: Asked;
  let ada: RawClient;
  let jane: RawClient;
  let count = 0;
  /** A room of its own for each test. */
  let room: string;
  const idOf = new Map<RawClient, string>();

  async function connect(token: string): Promise<RawClient> {
    const client = await app.open();
    client.send({ type: 'hello', token });
    idOf.set(client, (await client.next('connected')).connectionId);
    return client;
  }

  beforeAll(async () => {
    app = await startApp({
      platform,
      options: { limits: { rooms: 5 } },
      providers: [
        ChatRooms,
        NewsRooms,
        DeepRooms,
        TeamRooms,
        ClosedRooms,
        SloppyRooms,
        RoomGateway,
        Asked,
      ],
    });
    rooms = app.rooms;
    asked = app.get(Asked);
  });

  beforeEach(async () => {
    count += 1;
    room = `chat/room-${count}`;
    ada = await connect('token-ada');
    jane = await connect('token-jane');
    asked.calls = [];
  });

  afterEach(async () => {
    for (const client of idOf.keys()) client.socket.terminate();
    await Promise.all([...idOf.keys()].map((client) => client.closed));
    idOf.clear();
    await until(() => app.get(RoomGateway).clients.size === 0);
    expect(await rooms.connectionCount()).toBe(0);
    expect(await rooms.size(room)).toBe(0);
  });

  afterAll(async () => {
    await app.close();
  });

  async function subscribe(client: RawClient, name = room): Promise<FrameOf<'subscribed'>> {
    client.send({ type: 'subscribe', id: 's', room: name });
    const answer = await client.answer('s');
    expect(answer).toMatchObject({ type: 'subscribed', room: name });
    return answer as FrameOf<'subscribed'>;
  }

  /** Shows that nothing else has come for the client. */
  async function hasNothing(client: RawClient): Promise<void> {
    client.send({ type: 'ping', id: 'nothing' });
    expect(await client.nextFrame()).toEqual({ type: 'pong', id: 'nothing' });
  }

  describe('RoomService', () => {
    it('publishes to every subscriber, in order, with rising offsets', async () => {
      await Promise.all([subscribe(ada), subscribe(jane)]);
      const published = await Promise.all([1, 2, 3].map((n) => rooms.publish(room, 'n', { n })));
      expect(published.map(({ position }) => position?.offset)).toEqual([1, 2, 3]);
      for (const client of [ada, jane]) {
        for (const [index, { id, position }] of published.entries()) {
          expect(await client.nextFrame()).toEqual({
            type: 'message',
            room,
            event: 'n',
            id,
            timestamp: expect.any(Number),
            ...position,
            payload: { n: index + 1 },
          });
        }
      }
    });

    it('publishes without payload', async () => {
      await subscribe(ada);
      await rooms.publish(room, 'bare');
      expect(await ada.next('message')).not.toHaveProperty('payload');
    });

    it('does not publish to who is not in the room', async () => {
      await subscribe(ada);
      await rooms.publish(room, 'n', 1);
      await ada.next('message');
      await hasNothing(jane);
    });

    it('publishes into a room that no class declares and nobody is in', async () => {
      expect(await rooms.publish('undeclared', 'n', 1)).toMatchObject({ durability: 'memory' });
    });

    it.each(['its id', 'the connection', 'a list'])(
      'leaves out a connection that is given as %s, and tells it the position',
      async (how) => {
        await Promise.all([subscribe(ada), subscribe(jane)]);
        const id = idOf.get(ada)!;
        const client = app.get(RoomGateway).clients.get(id)!;
        const except = how === 'its id' ? id : how === 'a list' ? [client, 'nobody'] : client;
        const { position } = await rooms.publish(room, 'n', 1, { except });
        expect(await jane.nextFrame()).toMatchObject({ type: 'message', ...position });
        expect(await ada.nextFrame()).toEqual({ type: 'position', room, ...position });
      },
    );

    it('publishes from a handler to everybody but its client', async () => {
      await Promise.all([subscribe(ada, 'chat/lobby'), subscribe(jane, 'chat/lobby')]);
      const answer = await ada.request('1', 'say', 'hi');
      expect(await jane.next('message')).toMatchObject({ event: 'said', payload: 'hi' });
      expect(await ada.next('position')).toMatchObject({
        room: 'chat/lobby',
        offset: (answer as { payload: number }).payload,
      });
    });

    it('sends to a user on all devices, and to nobody else', async () => {
      const phone = await connect('token-ada');
      await rooms.toUser('ada', 'ring', { from: 'jane' });
      for (const device of [ada, phone]) {
        const frame = await device.nextFrame();
        expect(frame).toMatchObject({ type: 'message', event: 'ring', payload: { from: 'jane' } });
        expect(frame).not.toHaveProperty('room');
        expect(frame).not.toHaveProperty('offset');
      }
      await hasNothing(jane);
      await rooms.toUser('nobody', 'ring');
    });

    it('sends to everyone', async () => {
      await rooms.toAll('news', [1]);
      for (const client of [ada, jane]) {
        expect(await client.nextFrame()).toMatchObject({ event: 'news', payload: [1] });
      }
    });

    it('counts connections, in a room and in all', async () => {
      expect(await rooms.size(room)).toBe(0);
      await subscribe(ada);
      expect(await rooms.size(room)).toBe(1);
      const phone = await connect('token-ada');
      await subscribe(phone);
      expect(await rooms.size(room)).toBe(2);
      expect(await rooms.connectionCount()).toBe(3);
    });

    it('lists the members of a room, one entry a connection', async () => {
      await Promise.all([subscribe(ada), subscribe(jane)]);
      const members = await rooms.members(room);
      expect(members).toHaveLength(2);
      expect(members).toEqual(
        expect.arrayContaining([
          { connectionId: idOf.get(ada), userId: 'ada' },
          { connectionId: idOf.get(jane), userId: 'jane' },
        ]),
      );
      expect(await rooms.members('chat/empty')).toEqual([]);
    });

    it('lists the rooms of a connection', async () => {
      await subscribe(ada);
      await subscribe(ada, 'chat/news');
      expect(rooms.roomsOf(idOf.get(ada)!)).toEqual([room, 'chat/news']);
      expect(rooms.roomsOf(app.get(RoomGateway).clients.get(idOf.get(jane)!)!)).toEqual([]);
      expect(rooms.roomsOf('nobody')).toEqual([]);
    });

    it('puts a connection into any room; its client is told, and gets what comes', async () => {
      await rooms.publish('backstage', 'earlier');
      await rooms.join(idOf.get(ada)!, 'backstage');
      const told = await ada.next('subscribed');
      expect(told).toMatchObject({ room: 'backstage', epoch: expect.any(String) });
      expect(told).not.toHaveProperty('id');
      const { position } = await rooms.publish('backstage', 'secret', 1);
      expect(await ada.next('message')).toMatchObject({ room: 'backstage', ...position });
      expect(position?.offset).toBe(told.offset + 1);
      await hasNothing(jane);
      rooms.leave(idOf.get(ada)!, 'backstage');
      expect(await ada.next('unsubscribed')).toEqual({ type: 'unsubscribed', room: 'backstage' });
      await rooms.publish('backstage', 'secret', 2);
      await hasNothing(ada);
    });

    it('puts nobody into a room twice', async () => {
      const id = idOf.get(ada)!;
      await Promise.all([rooms.join(id, room), rooms.join(id, room)]);
      await rooms.join(id, room);
      await rooms.publish(room, 'once');
      await ada.next('message');
      await ada.next('subscribed');
      await hasNothing(ada);
    });

    it('takes a client out of a room that it chose itself', async () => {
      await subscribe(ada);
      rooms.leave(idOf.get(ada)!, room);
      expect(await ada.nextFrame()).toEqual({ type: 'unsubscribed', room });
      expect(await rooms.size(room)).toBe(0);
    });

    it('ignores connections that are not here', async () => {
      await rooms.join('nobody', room);
      rooms.leave('nobody', room);
      rooms.leave(idOf.get(ada)!, room);
      await rooms.disconnect('nobody');
      await hasNothing(ada);
    });

    it('is at hand in a handler as client.join() and client.leave()', async () => {
      expect(await ada.request('1', 'join', 'backstage')).toMatchObject({ payload: ['backstage'] });
      expect(await ada.next('subscribed')).toMatchObject({ room: 'backstage' });
      expect(await ada.request('2', 'leave', 'backstage')).toMatchObject({ payload: [] });
      expect(await ada.next('unsubscribed')).toMatchObject({ room: 'backstage' });
    });

    it('disconnects one connection, with 4300 unless told otherwise', async () => {
      const phone = await connect('token-ada');
      await rooms.disconnect(idOf.get(ada)!);
      expect(await ada.closed).toEqual({ code: 4300, reason: 'disconnected by the server' });
      await hasNothing(phone);
      await rooms.disconnect(idOf.get(phone)!, { code: 4001, reason: 'elsewhere, please' });
      expect(await phone.closed).toEqual({ code: 4001, reason: 'elsewhere, please' });
    });

    it('disconnects a user on all devices with a code', async () => {
      const phone = await connect('token-ada');
      await rooms.disconnectUser('ada', { code: 4403, reason: 'banned' });
      expect(await ada.closed).toEqual({ code: 4403, reason: 'banned' });
      expect(await phone.closed).toEqual({ code: 4403, reason: 'banned' });
      await hasNothing(jane);
    });

    it.each([0, 999, 1001, 1006, 3999, 5000, 4000.5, Number.NaN])(
      'refuses to disconnect with the code %p',
      async (code) => {
        const refused = { name: 'RealtimeError', code: 'invalid-field' };
        await expect(rooms.disconnect(idOf.get(ada)!, { code })).rejects.toMatchObject(refused);
        await expect(rooms.disconnectUser('ada', { code })).rejects.toMatchObject(refused);
        await hasNothing(ada);
      },
    );

    it.each(['', '/', 'a//b', 'a b', 'ä', 'x'.repeat(201), 7, undefined])(
      'refuses the room name %p',
      async (name) => {
        const bad = name as string;
        const refused = {
          code: 'invalid-field',
          message: expect.stringMatching(/^room: expected /),
        };
        await expect(rooms.publish(bad, 'n')).rejects.toMatchObject(refused);
        await expect(rooms.join(idOf.get(ada)!, bad)).rejects.toMatchObject(refused);
      },
    );

    it.each(['', 'x'.repeat(129), 7, undefined])('refuses the event name %p', async (name) => {
      const bad = name as string;
      const refused = {
        code: 'invalid-field',
        message: expect.stringMatching(/^event: expected /),
      };
      await expect(rooms.publish(room, bad)).rejects.toMatchObject(refused);
      await expect(rooms.toUser('ada', bad)).rejects.toMatchObject(refused);
      await expect(rooms.toAll(bad)).rejects.toMatchObject(refused);
    });

    it('refuses a payload that JSON cannot hold', async () => {
      await expect(rooms.publish(room, 'n', { big: 1n })).rejects.toThrow(TypeError);
      const circle: Record<string, unknown> = {};
      circle['self'] = circle;
      await expect(rooms.toAll('n', circle)).rejects.toThrow(TypeError);
    });
  });

  describe('a client', () => {
    it('subscribes where the room class lets it, and is told the position', async () => {
      await rooms.publish(room, 'n', 1);
      expect(await subscribe(ada)).toEqual({
        type: 'subscribed',
        id: 's',
        room,
        epoch: expect.any(String),
        offset: 1,
      });
    });

    it('subscribes with its hello', async () => {
      const client = await app.open();
      client.send({
        type: 'hello',
        token: 'token-hello',
        rooms: [{ room }, { room: 'chat/secret' }, { room: 'nowhere' }],
      });
      idOf.set(client, (await client.next('connected')).connectionId);
      expect(await client.next('subscribed')).toMatchObject({ room });
      expect(await client.next('unsubscribed')).toMatchObject({
        room: 'chat/secret',
        reason: 'forbidden',
      });
      expect(await client.next('unsubscribed')).toMatchObject({
        room: 'nowhere',
        reason: 'unknown-room',
      });
    });

    it('does not subscribe to a room that no class declares', async () => {
      ada.send({ type: 'subscribe', id: '1', room: 'undeclared' });
      expect(await ada.answer('1')).toMatchObject({ type: 'error', code: 'unknown-room' });
      expect(await rooms.size('undeclared')).toBe(0);
    });

    it.each([
      ['the class says no', 'chat/secret'],
      ['the class has no canSubscribe', 'closed/x'],
      ['canSubscribe returns nothing', 'sloppy/nothing'],
      ['canSubscribe returns 1', 'sloppy/one'],
      ['canSubscribe returns an object', 'sloppy/object'],
      ['canSubscribe throws', 'sloppy/throw'],
      ['canSubscribe rejects', 'sloppy/reject'],
    ])('does not subscribe where %s', async (_why, name) => {
      ada.send({ type: 'subscribe', id: '1', room: name });
      expect(await ada.answer('1')).toEqual({
        type: 'error',
        id: '1',
        code: 'forbidden',
        message: 'the room does not allow this',
        retryable: false,
      });
      expect(await rooms.size(name)).toBe(0);
    });

    it('does not learn why a policy failed; the log does', async () => {
      const before = app.log.errors.length;
      ada.send({ type: 'subscribe', id: '1', room: 'sloppy/throw' });
      expect(JSON.stringify(await ada.answer('1'))).not.toContain('secret');
      expect(app.log.errors.slice(before)).toEqual([
        expect.stringContaining('SloppyRooms.canSubscribe failed'),
      ]);
    });

    it('is in no more rooms than allowed', async () => {
      for (const name of ['a', 'b', 'c', 'd', 'e']) await subscribe(ada, `chat/${name}`);
      ada.send({ type: 'subscribe', id: '1', room: 'chat/f' });
      expect(await ada.answer('1')).toMatchObject({ code: 'too-many-rooms' });
    });

    it('unsubscribes', async () => {
      await subscribe(ada);
      ada.send({ type: 'unsubscribe', id: '2', room });
      expect(await ada.answer('2')).toEqual({ type: 'unsubscribed', id: '2', room });
      await rooms.publish(room, 'n', 1);
      await hasNothing(ada);
    });

    it('leaves its rooms when it goes', async () => {
      await subscribe(ada);
      await ada.close();
      await until(() => app.get(RoomGateway).clients.size === 1);
      expect(await rooms.size(room)).toBe(0);
    });
  });

  describe('the class of a room', () => {
    it('gets the user and the parameters of the name', async () => {
      await subscribe(ada);
      expect(asked.calls).toEqual([
        ['chat/:room', 'canSubscribe', 'ada', { room: room.slice('chat/'.length) }],
      ]);
    });

    it('gets every parameter', async () => {
      await subscribe(ada, 'org/acme/team/core');
      expect(asked.calls).toEqual([
        ['org/:org/team/:team', 'canSubscribe', { org: 'acme', team: 'core' }],
      ]);
    });

    it('gets the rest of the name as *', async () => {
      await subscribe(ada, 'chat/a/b');
      expect(asked.calls).toEqual([['chat/*', 'canSubscribe', { '*': 'a/b' }]]);
    });

    it('is the most specific one: a literal before a parameter before *', async () => {
      await subscribe(ada, 'chat/news');
      expect(asked.calls).toEqual([['chat/news', 'canSubscribe', {}]]);
    });
  });

  describe('a client that publishes', () => {
    async function publish(
      event: string,
      payload?: unknown,
      client = ada,
      name = room,
    ): Promise<unknown> {
      client.send({ type: 'publish', id: 'p', room: name, event, payload });
      return client.answer('p');
    }

    it('is told the position, and subscribers get the message', async () => {
      await subscribe(jane);
      const answer = await publish('typing', { on: true });
      expect(answer).toEqual({
        type: 'published',
        id: 'p',
        epoch: expect.any(String),
        offset: 1,
        durability: 'memory',
      });
      expect(await jane.next('message')).toMatchObject({
        room,
        event: 'typing',
        offset: 1,
        payload: { on: true },
      });
    });

    it('is answered only by an error when it gave no id', async () => {
      await subscribe(jane);
      ada.send({ type: 'publish', room, event: 'typing', payload: { on: false } });
      expect(await jane.next('message')).toMatchObject({ payload: { on: false } });
      ada.send({ type: 'publish', room, event: 'undeclared' });
      const refused = await ada.nextFrame();
      expect(refused).toMatchObject({ type: 'error', code: 'unknown-event' });
      expect(refused).not.toHaveProperty('id');
    });

    it('gets the message itself when it is subscribed', async () => {
      await subscribe(ada);
      await publish('anything', 'x');
      expect(await ada.next('message')).toMatchObject({ event: 'anything', payload: 'x' });
    });

    it('is asked for by user, parameters and event', async () => {
      await publish('anything');
      expect(asked.calls).toEqual([
        ['chat/:room', 'canPublish', 'ada', { room: room.slice('chat/'.length) }, 'anything'],
      ]);
    });

    it('never reaches a handler of that event', async () => {
      expect(await publish('say', 'x')).toMatchObject({ code: 'unknown-event' });
    });

    it.each([
      ['unknown-room', 'undeclared', 'n', 'ada'],
      ['forbidden', 'chat/news', 'note', 'ada'],
      ['forbidden', 'closed/x', 'note', 'ada'],
      ['forbidden', 'chat/a/b', 'note', 'ada'],
      ['forbidden', 'chat/x', 'anything', 'mute'],
      ['unknown-event', 'chat/x', 'undeclared', 'ada'],
    ])('is answered %s in %s with the event %s as %s', async (code, name, event, user) => {
      const client = await connect(`token-${user}`);
      expect(await publish(event, undefined, client, name)).toMatchObject({
        type: 'error',
        id: 'p',
        code,
      });
    });

    it('is told which rules of a DTO its payload breaks, not the payload', async () => {
      const answer = await publish('typing', { on: 'secret', note: 'secret', more: 1 });
      expect(answer).toEqual({
        type: 'error',
        id: 'p',
        code: 'validation-failed',
        message: 'the payload breaks the schema',
        retryable: false,
        details: [
          'property more should not exist',
          'on must be a boolean value',
          'note must be shorter than or equal to 3 characters',
        ],
      });
      expect(asked.calls).toEqual([]);
    });

    it.each([[undefined], [null], ['text'], [7], [[]], [[{ on: true }]]])(
      'is refused when a DTO meets %j',
      async (payload) => {
        await subscribe(jane);
        expect(await publish('typing', payload)).toMatchObject({ code: 'validation-failed' });
        await hasNothing(jane);
      },
    );

    it('is told what a Standard Schema says', async () => {
      const answer = await publish('mood', { level: 11 });
      expect(answer).toMatchObject({ code: 'validation-failed' });
      expect((answer as { details: unknown[] }).details).toHaveLength(1);
    });

    it('publishes what a Standard Schema made of its payload', async () => {
      await subscribe(jane);
      await publish('mood', { level: '7', extra: 'stripped' });
      expect(await jane.next('message')).toMatchObject({ payload: { level: 7 } });
    });

    it('publishes the very text it sent where the schema is a DTO', async () => {
      await subscribe(jane);
      const texts: string[] = [];
      jane.socket.on('message', (data) => texts.push((data as Buffer).toString('utf8')));
      ada.sendText(
        `{"type":"publish","id":"p","room":"${room}","event":"typing","payload":{ "on" : true }}`,
      );
      await jane.next('message');
      expect(texts[0]).toContain('"payload":{ "on" : true }');
    });
  });
});
