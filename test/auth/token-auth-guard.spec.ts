import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Injectable,
  Post,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';

import { CurrentUser, TokenAuthGuard, type RealtimeUser } from '../../lib/index.js';
import { RawClient } from '../../lib/testing/index.js';
import { Door, nameVerify, refusedStatus, type DoorSetup } from '../support/security-app.js';

let door: Door;

async function openDoor(setup: DoorSetup = {}): Promise<Door> {
  door = await Door.open(setup);
  return door;
}

afterEach(() => door.close());

/** The user a plain connection is let in as. */
async function userOf(headers: Record<string, string>, query = ''): Promise<string> {
  const client = await door.plain(headers, query);
  const { user } = await client.next('connected');
  await client.close();
  return user.id;
}

@Controller()
class ProfileController {
  @Get('me')
  @UseGuards(TokenAuthGuard)
  me(@CurrentUser() user: RealtimeUser): RealtimeUser {
    return user;
  }

  @Post('me')
  @UseGuards(TokenAuthGuard)
  change(@CurrentUser('id') id: string): string {
    return id;
  }
}

/** Lets everybody in as the same user. */
const asTester: CanActivate = {
  canActivate(context: ExecutionContext): boolean {
    context.switchToHttp().getRequest<{ user?: RealtimeUser }>().user = { id: 'tester' };
    return true;
  },
};

@Injectable()
class SubjectGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{
      headers: Record<string, string | undefined>;
      user?: RealtimeUser;
    }>();
    const subject = request.headers['x-subject'];
    if (subject !== undefined) request.user = { id: subject };
    return subject !== undefined;
  }
}

describe('where the token stands', () => {
  const sources = { auth: { verify: nameVerify, cookie: 'sid', query: 'token' } };
  const here = () => ({ origin: `http://${new URL(door.url).host}` });

  it('takes it from the header, the subprotocol, the query and the cookie, in this order', async () => {
    await openDoor({ options: sources });
    const header = { authorization: 'Bearer token-header' };
    const protocol = { 'sec-websocket-protocol': 'realtime.v1.json, bearer.token-protocol' };
    const cookie = { cookie: 'other=1; sid=token-cookie', ...here() };
    const query = '?token=token-query';

    expect(await userOf({ ...header, ...cookie }, query)).toBe('header');
    expect(await userOf(cookie, query)).toBe('query');
    expect(await userOf(cookie)).toBe('cookie');
    const client = await RawClient.open(`${door.url}${query}`, {
      protocols: ['realtime.v1.json', 'bearer.token-protocol'],
      socket: { headers: cookie },
    });
    client.send({ type: 'hello' });
    expect(await client.next('connected')).toMatchObject({ user: { id: 'protocol' } });
    expect(client.socket.protocol).toBe('realtime.v1.json');
    expect(protocol).toBeDefined();
  });

  it('lets the token of hello decide over the one of the handshake', async () => {
    await openDoor();
    const client = await RawClient.open(door.url, {
      socket: { headers: { authorization: 'Bearer token-handshake' } },
    });
    client.send({ type: 'hello', token: 'token-hello' });

    expect(await client.next('connected')).toMatchObject({ user: { id: 'hello' } });
  });

  it('refuses a bad token of the handshake although hello would bring a good one', async () => {
    await openDoor();
    expect(await refusedStatus(door.plain({ authorization: 'Bearer bad' }))).toBe(401);
    const client = await RawClient.open(door.url, {
      socket: { headers: { authorization: 'Bearer bad' } },
    });
    client.send({ type: 'hello', token: 'token-ada' });
    expect(await client.closed).toEqual({ code: 4401, reason: 'invalid credentials' });
  });

  it('refuses a cookie without Origin, but no other token', async () => {
    await openDoor({ options: sources });
    expect(await refusedStatus(door.plain({ cookie: 'sid=token-ada' }))).toBe(403);
    expect(await userOf({}, '?token=token-ada')).toBe('ada');
  });

  it('takes no cookie and no query of another name', async () => {
    await openDoor({ options: sources });
    for (const [headers, query] of [
      [{ cookie: '__proto__=token-ada; constructor=token-ada; SID=token-ada', ...here() }, ''],
      [{ authorization: 'Basic token-ada' }, ''],
      [{ authorization: 'Bearer' }, '?Token=token-ada&tokens=token-ada&token='],
    ] as [Record<string, string>, string][]) {
      const client = await door.plain(headers, query);
      client.send({ type: 'hello' });
      expect((await client.closed).code).toBe(4401);
    }
  });
});

describe('on an HTTP route', () => {
  const http = (path: string, init?: RequestInit) =>
    fetch(`${door.url.replace('ws:', 'http:').replace('/realtime', '')}${path}`, init);

  it('asks for a token and gives the user', async () => {
    await openDoor({ controllers: [ProfileController] });

    expect((await http('/me')).status).toBe(401);
    expect((await http('/me', { headers: { authorization: 'Bearer bad' } })).status).toBe(401);
    const good = await http('/me', { headers: { authorization: 'Bearer token-ada' } });
    expect(await good.json()).toEqual({ id: 'ada' });
  });

  it('takes a cookie only from pages of an allowed origin', async () => {
    await openDoor({
      controllers: [ProfileController],
      options: { auth: { verify: nameVerify, cookie: 'sid' }, origins: ['https://app.example'] },
    });
    const post = async (origin?: string): Promise<number> => {
      const headers = { cookie: 'sid=token-ada', ...(origin === undefined ? {} : { origin }) };
      return (await http('/me', { method: 'POST', headers })).status;
    };

    expect(await post('https://app.example')).toBe(201);
    expect(await post('https://evil.example')).toBe(403);
    expect(await post('null')).toBe(403);
    expect(await post()).toBe(403);
  });
});

describe('other guards', () => {
  it('lets a guard of the application take its place', async () => {
    await openDoor({ options: { auth: { guards: [SubjectGuard] } }, providers: [SubjectGuard] });

    expect(await userOf({ 'x-subject': 'robot' })).toBe('robot');
    expect(await refusedStatus(door.plain())).toBe(403);
    expect(await refusedStatus(door.plain({ authorization: 'Bearer token-ada' }))).toBe(403);
  });

  it('runs several guards in order, and the last word on the user counts', async () => {
    const auth = { verify: nameVerify, guards: [TokenAuthGuard, SubjectGuard] };
    await openDoor({ options: { auth }, providers: [SubjectGuard] });

    const headers = { authorization: 'Bearer token-ada', 'x-subject': 'robot' };
    expect(await userOf(headers)).toBe('robot');
    expect(
      await refusedStatus(door.plain({ 'x-subject': 'robot', authorization: 'Bearer bad' })),
    ).toBe(401);
    expect(await refusedStatus(door.plain({ authorization: 'Bearer token-ada' }))).toBe(403);
  });

  it.each([
    ['overrideProvider', false],
    ['overrideProvider', true],
    ['overrideGuard', false],
    ['overrideGuard', true],
  ] as const)('is replaced in a test by %s (also on a route: %s)', async (method, onRoute) => {
    await openDoor({
      controllers: onRoute ? [ProfileController] : [],
      override: (builder) => builder[method](TokenAuthGuard).useValue(asTester),
    });

    expect(await userOf({})).toBe('tester');
  });

  it('finds an override of a guard of the application that a route uses as well', async () => {
    @Controller()
    class RouteController {
      @Get('route')
      @UseGuards(SubjectGuard)
      route(): string {
        return 'reached';
      }
    }
    await openDoor({
      options: { auth: { guards: [SubjectGuard] } },
      providers: [SubjectGuard],
      controllers: [RouteController],
      override: (builder) => builder.overrideProvider(SubjectGuard).useValue(asTester),
    });

    expect(await userOf({})).toBe('tester');
  });
});

describe('without a token', () => {
  it('reaches what is public with allowAnonymous, and nothing else', async () => {
    await openDoor({ options: { auth: { verify: nameVerify, allowAnonymous: true } } });
    const client = await RawClient.connect(door.url);

    expect(await client.request('1', 'public')).toMatchObject({ payload: 'everyone' });
    expect(await client.request('2', 'whoami')).toMatchObject({ code: 'unauthorized' });
    client.send({ type: 'subscribe', id: '3', room: 'public/a' });
    expect(await client.answer('3')).toMatchObject({ type: 'subscribed' });
    for (const frame of [
      { type: 'subscribe', id: '4', room: 'open/a' },
      { type: 'publish', id: '4', room: 'open/a', event: 'note' },
    ] as const) {
      client.send(frame);
      expect(await client.answer('4')).toMatchObject({ code: 'unauthorized' });
    }
    client.send({ type: 'authenticate', id: '5', token: 'token-ada' });
    expect(await client.answer('5')).toMatchObject({ code: 'forbidden' });
  });

  it('gives everyone without a token an id of their own, and refuses a bad token all the same', async () => {
    await openDoor({ options: { auth: { verify: nameVerify, allowAnonymous: true } } });
    const ids = await Promise.all([userOf({}), userOf({})]);

    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toMatch(/^anonymous:/);
    expect(await refusedStatus(door.plain({ authorization: 'Bearer bad' }))).toBe(401);
  });

  it('reaches nothing public either without allowAnonymous', async () => {
    await openDoor();
    const client = await RawClient.open(door.url);
    client.send({ type: 'hello' });
    client.send({ type: 'request', id: '1', event: 'public' });

    expect((await client.closed).code).toBe(4401);
    expect(door.gateway.reached).toEqual([]);
  });
});
