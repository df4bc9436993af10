import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';

import {
  RealtimeModule,
  RealtimeOptionsError,
  type RealtimeModuleOptions,
} from '../../lib/index.js';
import { insecurities } from '../../lib/nest/options/insecurities.js';
import { resolveOptions } from '../../lib/nest/options/resolve-options.js';

/** What plain JavaScript may pass. */
const resolve = (options: unknown) => resolveOptions(options as RealtimeModuleOptions);

/** The lines of the error that the options cause. */
function problemsOf(options: unknown): readonly string[] {
  try {
    resolve(options);
  } catch (error) {
    if (error instanceof RealtimeOptionsError) return error.problems;
    throw error;
  }
  return [];
}

/** Options in which one path is set. */
function at(path: string, value: unknown): Record<string, unknown> {
  const [head = '', ...rest] = path.split('.');
  return { [head]: rest.length === 0 ? value : at(rest.join('.'), value) };
}

const verify = () => undefined;
const SECRET = 'an entirely sufficient secret of many bytes';
const LONGEST_TIMER_MS = 2_147_483_647;

describe('options that are left out', () => {
  it('have their defaults', () => {
    expect(resolve({})).toEqual({
      path: '/realtime',
      auth: undefined,
      sessions: expect.objectContaining({ graceMs: expect.any(Number) }),
      origins: 'same-origin',
      trustProxy: false,
      limits: expect.objectContaining({
        frameBytes: 1_048_576,
        outboxBytes: 1_048_576,
        outboxAgeMs: 60_000,
        inboxBytes: 1_048_576,
        preAuthInboxBytes: 65_536,
        maxFragments: 64,
        maxBufferedChunks: 1_024,
        rooms: 100,
        replayMessages: 10_000,
        streams: 100,
        helloTimeoutMs: 10_000,
        admissionTimeoutMs: 5_000,
        firstHeadersMs: 5_000,
      }),
      heartbeat: { intervalMs: 30_000, timeoutMs: 45_000, idleTimeoutMs: 0 },
      heavyFrames: undefined,
      handlers: { concurrency: 1 },
      rooms: { history: { size: 1_000, ttlMs: 300_000, bytes: 1_048_576 } },
      rateLimit: undefined,
      memory: {},
      shutdown: { drainMs: 10_000, handover: false, graceMs: 2_000, spreadMs: 10_000 },
      fallbackAdapter: undefined,
    });
  });

  it('mean the same as options that are undefined', () => {
    const nothing = {
      path: undefined,
      auth: undefined,
      limits: { rooms: undefined },
      heartbeat: undefined,
      handlers: { concurrency: undefined },
      rooms: { history: undefined },
      memory: { maxRooms: undefined },
      shutdown: { drainMs: undefined },
    };
    expect(resolve(nothing)).toEqual(resolve({}));
  });

  it('leave those beside them as they were given', () => {
    const { limits, heartbeat, shutdown } = resolve({
      limits: { rooms: 7 },
      heartbeat: { intervalMs: 5_000 },
      shutdown: { drainMs: 0 },
    });
    expect(limits).toMatchObject({ rooms: 7, streams: 100 });
    expect(heartbeat).toEqual({ intervalMs: 5_000, timeoutMs: 45_000, idleTimeoutMs: 0 });
    expect(shutdown).toMatchObject({ drainMs: 0, graceMs: 2_000 });
  });

  it('may be all of them: forRoot() needs no argument', () => {
    expect(RealtimeModule.forRoot()).toMatchObject({ module: RealtimeModule, global: true });
  });
});

describe('limits on the parts of a message', () => {
  it('grow with the largest message, so that a browser can send it over a slow line', () => {
    const parts = ({ limits }: ReturnType<typeof resolve>) => {
      const { maxFragments, maxBufferedChunks } = limits;
      return { maxFragments, maxBufferedChunks };
    };
    expect(parts(resolve({ limits: { frameBytes: 33_554_432 } }))).toEqual({
      maxFragments: 2_048,
      maxBufferedChunks: 32_768,
    });
    expect(parts(resolve({ limits: { frameBytes: 1_024 } }))).toEqual({
      maxFragments: 64,
      maxBufferedChunks: 1_024,
    });
    expect(parts(resolve({ limits: { frameBytes: 33_554_432, maxFragments: 8 } }))).toEqual({
      maxFragments: 8,
      maxBufferedChunks: 32_768,
    });
  });
});

describe('an option that breaks its rule', () => {
  it('is named with its path, the rule and its value', () => {
    expect(problemsOf({ heartbeat: { intervalMs: '30s' } })).toEqual([
      'realtime.heartbeat.intervalMs: expected an integer >= 1000, got "30s"',
    ]);
  });

  it.each([
    ['"text"', 'text'],
    ['null', null],
    ['true', true],
    ['0.5', 0.5],
    ['NaN', NaN],
    ['an array', [1]],
    ['an object', { a: 1 }],
    ['a function', () => 1],
  ])('is shown as it would stand in code: %s', (shown, value) => {
    expect(problemsOf({ limits: { connections: value } })).toEqual([
      `realtime.limits.connections: expected an integer >= 1, got ${shown}`,
    ]);
  });

  // Compared with the clock, not waited for by a timer: they may be longer than one can wait.
  const ages: [path: string, least: number][] = [
    ['rooms.history.ttlMs', 0],
    ['memory.metaTtlMs', 0],
    ['memory.operations.windowMs', 0],
  ];

  const integers: [path: string, least: number][] = [
    ['limits.frameBytes', 1_024],
    ['limits.maxFragments', 1],
    ['limits.maxBufferedChunks', 1],
    ['limits.inboxBytes', 1_024],
    ['limits.preAuthInboxBytes', 1_024],
    ['limits.outboxBytes', 1_024],
    ['limits.outboxAgeMs', 0],
    ['limits.messagesPerSecond', 0],
    ['limits.messageBurst', 1],
    ['limits.bytesPerSecond', 0],
    ['limits.byteBurst', 1],
    ['limits.rooms', 0],
    ['limits.replayMessages', 0],
    ['limits.streams', 0],
    ['limits.streamBufferBytes', 0],
    ['limits.clientRequests', 1],
    ['limits.idempotentRuns', 1],
    ['limits.connectionsPerUser', 1],
    ['limits.attemptsPerSecond', 1],
    ['limits.attemptBurst', 1],
    ['limits.connectionsPerIp', 1],
    ['limits.ipv6PrefixLength', 1],
    ['limits.pendingUpgrades', 1],
    ['limits.connections', 1],
    ['limits.upgradesPerSecond', 0],
    ['limits.upgradeBurst', 1],
    ['limits.firstHeadersMs', 0],
    ['limits.helloTimeoutMs', 1],
    ['limits.admissionTimeoutMs', 1],
    ['heartbeat.intervalMs', 1_000],
    ['heartbeat.timeoutMs', 1_000],
    ['heartbeat.idleTimeoutMs', 0],
    ['handlers.concurrency', 1],
    ['heavyFrames.fromBytes', 16_384],
    ['heavyFrames.threads', 1],
    ['heavyFrames.queueBytes', 1],
    ['heavyFrames.maxFields', 1],
    ['rooms.history.size', 0],
    ['rooms.history.bytes', 0],
    ['memory.maxRooms', 1],
    ['memory.maxHistoryBytes', 0],
    ['memory.operations.perClient', 1],
    ['memory.operations.total', 1],
    ['memory.rates.maxKeys', 1],
    ['memory.replies.maxReplyBytes', 0],
    ['memory.replies.maxBytes', 0],
    ['memory.replies.leaseMs', 1],
    ...ages,
    ['shutdown.drainMs', 0],
    ['shutdown.graceMs', 0],
    ['shutdown.spreadMs', 0],
  ];

  // Named with both its ends.
  const ranged = new Map([
    ['limits.frameBytes', 268_435_456],
    ['limits.ipv6PrefixLength', 128],
  ]);

  it.each(integers)('is found: %s, an integer of at least %i', (path, least) => {
    const most = ranged.get(path);
    const rule = most === undefined ? `>= ${least}` : `from ${least} to ${most}`;
    for (const value of [least - 1, least + 0.5, String(least), null, Infinity]) {
      const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
      expect(problemsOf(at(path, value))).toEqual([
        `realtime.${path}: expected an integer ${rule}, got ${shown}`,
      ]);
    }
    // A heartbeat gives up later than it asks.
    const isTimeout = path === 'heartbeat.timeoutMs';
    expect(problemsOf(at(path, isTimeout ? 30_001 : least))).toEqual([]);
  });

  const timers = integers.filter((entry) => !ages.includes(entry)).map(([path]) => path);

  it.each(timers.filter((path) => path.endsWith('Ms')))(
    'is found: %s, longer than a timer can wait',
    (path) => {
      expect(problemsOf(at(path, LONGEST_TIMER_MS + 1))).toEqual([
        `realtime.${path}: expected an integer <= 2147483647, got 2147483648`,
      ]);
    },
  );

  it('is found: more bits than an address has', () => {
    expect(problemsOf({ limits: { ipv6PrefixLength: 129 } })).toEqual([
      'realtime.limits.ipv6PrefixLength: expected an integer from 1 to 128, got 129',
    ]);
  });

  it('is found: a frame that is larger than ws can be told', () => {
    expect(problemsOf({ limits: { frameBytes: 268_435_457 } })).toEqual([
      'realtime.limits.frameBytes: expected an integer from 1024 to 268435456, got 268435457',
    ]);
  });

  it.each([
    [
      { limit: 0, perMs: 1 },
      'realtime.rateLimit.limit: expected an integer from 1 to 1000000, got 0',
    ],
    [
      { limit: 1, perMs: 1, key: 'room' },
      'realtime.rateLimit.key: expected "user", "ip", "connection" or a function, got "room"',
    ],
    [{ nodes: 0 }, 'realtime.rateLimit.nodes: expected an integer from 1 to 1000, got 0'],
    [{ limit: 5 }, 'realtime.rateLimit: expected limit and perMs'],
    [{ burst: 5 }, 'realtime.rateLimit: expected limit and perMs'],
    [{ nodes: 2, perMs: 5 }, 'realtime.rateLimit: expected limit and perMs'],
  ])('is found: the rate limit %j', (rateLimit, problem) => {
    expect(problemsOf({ rateLimit })).toEqual([problem]);
  });

  it.each([{}, { nodes: 3 }, { limit: 1, perMs: 1, burst: 9, key: () => 'a', cost: 0, nodes: 2 }])(
    'is not the rate limit %j',
    (rateLimit) => {
      expect(problemsOf({ rateLimit })).toEqual([]);
    },
  );

  it('covers every limit there is', () => {
    const tested = integers
      .filter(([path]) => path.startsWith('limits.'))
      .map(([path]) => path.slice('limits.'.length));
    expect(tested.sort()).toEqual(Object.keys(resolve({}).limits).sort());
  });

  it.each([
    ['realtime', '"realtime"'],
    ['/', '"/"'],
    ['/a/', '"/a/"'],
    ['/a//b', '"/a//b"'],
    ['/a?b', '"/a?b"'],
    ['/a#b', '"/a#b"'],
    ['/a b', '"/a b"'],
    ['', '""'],
    [7, '7'],
  ])('is found: the path %p', (path, shown) => {
    expect(problemsOf({ path })).toEqual([
      `realtime.path: expected a path such as "/realtime" (starts with "/", no trailing "/", no query), got ${shown}`,
    ]);
  });

  it.each(['/a', '/a/b', '/a.b/c-d', '/v1/realtime'])('is not the path %p', (path) => {
    expect(problemsOf({ path })).toEqual([]);
  });

  it.each([
    ['anywhere'],
    [7],
    [['example.com']],
    [['https://example.com/path']],
    [['https://example.com/']],
    [[/example\.com/]],
    [[/^https:\/\/example\.com/]],
    [[/^https:\/\/a\.com$|b/]],
  ])('is found: the origins %p', (origins) => {
    expect(problemsOf({ origins })).toEqual([
      expect.stringMatching(
        /^realtime\.origins: expected "same-origin", "\*", a function, or a list/,
      ),
    ]);
  });

  it.each([
    ['same-origin'],
    ['*'],
    [() => true],
    [[]],
    [['https://example.com', 'http://localhost:3000', /^https:\/\/[a-z]+\.example\.com$/]],
  ])('is not the origins %p', (origins) => {
    expect(problemsOf({ origins })).toEqual([]);
  });

  it.each([[true], [0.5], ['nonsense'], [{}], [['10.0.0.0/8', 'nonsense']]])(
    'is found: the trusted proxy %p',
    (trustProxy) => {
      expect(problemsOf({ trustProxy })).toEqual([
        expect.stringMatching(
          /^realtime\.trustProxy: expected false, a number of hops, or addresses and subnets, got /,
        ),
      ]);
    },
  );

  it.each([[false], [1], ['loopback'], [['10.0.0.0/8', 'uniquelocal']]])(
    'is not the trusted proxy %p',
    (trustProxy) => {
      expect(problemsOf({ trustProxy })).toEqual([]);
    },
  );

  it.each([
    ['auth.verify', 'a function', 'token'],
    ['auth.verifier', 'a function', {}],
    ['auth.guards', 'a list of guard classes', [] as unknown],
    ['auth.guards', 'a list of guard classes', ['Guard']],
    ['auth.allowAnonymous', 'true or false', 1],
    ['auth.concurrency', 'an integer >= 1', 0],
    ['auth.cookie', 'a non-empty string', ''],
    ['auth.query', 'a non-empty string', true],
    ['auth.graceMs', 'an integer from 0 to 3600000', -1],
    ['auth.rememberRevokedMs', 'an integer >= 0', -1],
    ['fallbackAdapter', 'a function', {}],
  ])('is found: %s, %s', (path, rule, value) => {
    expect(problemsOf(at(path, value))).toEqual([
      expect.stringMatching(new RegExp(`^realtime\\.${path}: expected ${rule}, got `)),
    ]);
  });

  it('are missing where the module was imported without forRoot(), and the message says so', () => {
    expect(problemsOf(undefined)).toEqual([
      'realtime: no options were given; import RealtimeModule.forRoot() or forRootAsync(), not the class itself, and return them from useFactory',
    ]);
  });

  it.each([['text'], [null], [[]], [7]])('is found: all of them being %p', (options) => {
    expect(problemsOf(options)).toEqual([
      expect.stringMatching(/^realtime: expected an object, got /),
    ]);
  });

  it.each([
    'limits',
    'heartbeat',
    'heavyFrames',
    'handlers',
    'rooms',
    'memory',
    'shutdown',
    'auth',
  ])('is found: the group %s being no object', (group) => {
    for (const value of [7, 'text', [], null]) {
      expect(problemsOf({ [group]: value })).toEqual([
        expect.stringMatching(new RegExp(`^realtime\\.${group}: expected an object, got `)),
      ]);
    }
  });

  it.each([[true], ['500'], [null], [[]]])('is found: the history %j', (history) => {
    expect(problemsOf({ rooms: { history } })).toEqual([
      expect.stringMatching(/^realtime\.rooms\.history: expected false or an object, got /),
    ]);
  });

  it('is found: an unknown part of the history', () => {
    expect(problemsOf({ rooms: { history: { length: 5 } } })).toEqual([
      'realtime.rooms.history.length: unknown option, expected one of size, ttlMs, bytes',
    ]);
  });

  it('is found: a heartbeat that gives up before it asks', () => {
    expect(problemsOf({ heartbeat: { intervalMs: 45_000 } })).toEqual([
      'realtime.heartbeat.timeoutMs: expected more than heartbeat.intervalMs (45000), got 45000',
    ]);
  });
});

describe('the history of rooms', () => {
  it('keeps the defaults of what is not said', () => {
    expect(resolve({ rooms: { history: { size: 5 } } }).rooms.history).toEqual({
      size: 5,
      ttlMs: 300_000,
      bytes: 1_048_576,
    });
  });

  it('may be none', () => {
    expect(resolve({ rooms: { history: false } }).rooms.history.size).toBe(0);
  });
});

describe('what a single node remembers', () => {
  it('is handed on as far as it is said', () => {
    const memory = { maxRooms: 3, metaTtlMs: undefined, operations: { perClient: 2 } };
    expect(resolve({ memory }).memory).toEqual({ maxRooms: 3, operations: { perClient: 2 } });
  });
});

describe('an option that nobody knows', () => {
  it('is named beside those that there are', () => {
    expect(problemsOf({ heartbeat: { interval: 30 } })).toEqual([
      'realtime.heartbeat.interval: unknown option, expected one of intervalMs, timeoutMs, idleTimeoutMs',
    ]);
  });

  it.each(['__proto__', 'constructor', 'toString'])('is unknown even if it is %s', (name) => {
    const options = JSON.parse(`{"limits":{"${name}":1}}`) as unknown;
    expect(problemsOf(options)).toEqual([
      expect.stringMatching(new RegExp(`^realtime\\.limits\\.${name}: unknown option`)),
    ]);
  });
});

describe('several problems', () => {
  it('come in one error, a line each', () => {
    const options = { path: 'x', limits: { rooms: -1, room: 1 }, shutdown: { drainMs: '10s' } };
    const problems = problemsOf(options);
    expect(problems).toHaveLength(4);
    const lines = problems.map((problem) => `  ${problem}`);
    expect(() => resolve(options)).toThrow(
      expect.objectContaining({
        name: 'RealtimeOptionsError',
        message: ['Invalid RealtimeModule options:', ...lines].join('\n'),
      }),
    );
  });
});

describe('authentication', () => {
  class Verifier {
    verify = () => Promise.resolve(undefined);
  }
  class Guard {
    canActivate = () => true;
  }
  const { publicKey } = generateKeyPairSync('ed25519');
  const keyUrls = { 'https://issuer.example': 'https://issuer.example/keys' };

  it.each<[string, unknown]>([
    ['a function', { verify }],
    ['a provider', { verifier: Verifier }],
    ['guards', { guards: [Guard] }],
    ['guards and a function', { guards: [Guard], verify }],
    ['a secret', { jwt: { secret: SECRET } }],
    ['a secret of bytes', { jwt: { secret: Buffer.alloc(32) } }],
    ['a public key', { jwt: { publicKey, algorithms: ['EdDSA'] } }],
    ['a PEM text', { jwt: { publicKey: '-----BEGIN PUBLIC KEY-----' } }],
    ['key URLs', { jwt: { jwks: keyUrls } }],
    ['everything else', { verify, cookie: 'session', query: 'ticket', graceMs: 0, concurrency: 5 }],
  ])('may be by %s', (_how, auth) => {
    expect(problemsOf({ auth })).toEqual([]);
  });

  it.each<[unknown, string]>([
    [{}, 'realtime.auth: expected one of verify, jwt, verifier or guards, got none'],
    [
      { allowAnonymous: true },
      'realtime.auth: expected one of verify, jwt, verifier or guards, got none',
    ],
    [
      { verify, verifier: Verifier },
      'realtime.auth: expected one of verify, jwt and verifier, got 2 of them',
    ],
    [{ jwt: {} }, 'realtime.auth.jwt: expected exactly one of secret, publicKey and jwks, got 0'],
    [
      { jwt: { secret: undefined } },
      'realtime.auth.jwt: expected exactly one of secret, publicKey and jwks, got 0: secret is undefined',
    ],
    [
      { jwt: { secret: SECRET, jwks: keyUrls } },
      'realtime.auth.jwt: expected exactly one of secret, publicKey and jwks, got 2',
    ],
    [
      { jwt: { secret: SECRET, algorithms: ['HS256', 'None'] } },
      'realtime.auth.jwt.algorithms: expected a list of signature algorithms without "none", got an array',
    ],
    [
      { jwt: { jwks: {} } },
      'realtime.auth.jwt.jwks: expected an object of issuers and the URLs of their keys, got an object',
    ],
    [
      { jwt: { jwks: { issuer: 'not a url' } } },
      'realtime.auth.jwt.jwks: expected an object of issuers and the URLs of their keys, got an object',
    ],
    [
      { jwt: { secret: SECRET, issuer: '' } },
      'realtime.auth.jwt.issuer: expected a non-empty string or a list of them, got ""',
    ],
    [
      { jwt: { secret: SECRET, audience: [] } },
      'realtime.auth.jwt.audience: expected a non-empty string or a list of them, got an array',
    ],
    [
      { jwt: { secret: SECRET, clockToleranceMs: 300_001 } },
      'realtime.auth.jwt.clockToleranceMs: expected an integer from 0 to 300000, got 300001',
    ],
    [
      { jwt: { secret: SECRET, maxTokenLength: 63 } },
      'realtime.auth.jwt.maxTokenLength: expected an integer from 64 to 65536, got 63',
    ],
    [
      { jwt: { secret: SECRET, user: 'id' } },
      'realtime.auth.jwt.user: expected a function, got "id"',
    ],
    [
      { jwt: { publicKey: 7 } },
      'realtime.auth.jwt.publicKey: expected a PEM text or a KeyObject, got 7',
    ],
    [
      { jwt: { secret: SECRET, kid: 1 } },
      'realtime.auth.jwt.kid: unknown option, expected one of secret, publicKey, jwks, algorithms, issuer, audience, clockToleranceMs, maxTokenLength, user',
    ],
  ])('cannot be %j', (auth, problem) => {
    expect(problemsOf({ auth })).toEqual([problem]);
  });

  it('never has its secret printed', () => {
    const secrets: [unknown, string][] = [
      ['too-short', ', got 9'],
      [Buffer.from('bytes'), ', got 5'],
      [{ hidden: 'value' }, ''],
    ];
    for (const [secret, got] of secrets) {
      expect(problemsOf({ auth: { jwt: { secret } } })).toEqual([
        `realtime.auth.jwt.secret: expected a string or bytes of at least 32 bytes${got}`,
      ]);
    }
  });

  it('hands the lives of sessions on', () => {
    expect(resolve({ auth: { verify, graceMs: 7, rememberRevokedMs: 8 } }).sessions).toMatchObject({
      graceMs: 7,
      rememberRevokedMs: 8,
    });
  });
});

describe('options that leave something open', () => {
  it.each<[RealtimeModuleOptions, string[]]>([
    [{}, ['realtime.auth is not set: every client is let in as an anonymous user']],
    [{ auth: { verify } }, []],
    [
      { auth: { verify }, origins: '*' },
      ['realtime.origins is "*": pages of every site may connect'],
    ],
    [
      { auth: { verify, cookie: 'session' }, origins: '*' },
      [
        'realtime.origins is "*": pages of every site may connect with the cookies of whoever opens them',
      ],
    ],
    [
      { auth: { verify, query: 'ticket' } },
      [
        'realtime.auth.query is set: tokens in addresses end up in logs and histories, use each once',
      ],
    ],
  ])('are warned of: %j', (options, warnings) => {
    expect(insecurities(resolve(options))).toEqual(warnings);
  });
});
