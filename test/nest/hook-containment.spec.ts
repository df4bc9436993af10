import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it } from '@jest/globals';

import type { Connection, RealtimeNode } from '../../lib/core/index.js';
import { RealtimeConnection } from '../../lib/nest/connection/realtime-connection.js';
import type { Gateway } from '../../lib/nest/gateways/gateway-explorer.js';
import { HookContainment } from '../../lib/nest/gateways/hook-containment.js';
import { deferred, turns } from '../support/turns.js';

class HookLog extends Logger {
  readonly errors: string[] = [];

  override error(message: unknown, ...rest: unknown[]): void {
    this.errors.push([message, ...rest].map(String).join(' '));
  }
}

type Hook = (this: unknown, ...args: unknown[]) => unknown;

/** A class with the given hooks on its prototype. */
function gatewayClass(hooks: Record<string, Hook>): Gateway['metatype'] {
  class TestGateway {
    readonly isGateway = true;
  }
  for (const [name, value] of Object.entries(hooks)) {
    Object.defineProperty(TestGateway.prototype, name, { value, configurable: true });
  }
  return TestGateway;
}

function gateway(metatype: Gateway['metatype'], instance: object, isStatic = true): Gateway {
  return {
    name: 'TestGateway',
    metatype,
    isStatic,
    instance: () => (isStatic ? instance : undefined),
    bound: () => instance,
  };
}

function make(metatype: Gateway['metatype']): object {
  return new (metatype as unknown as new () => object)();
}

function call(target: object, name: string, ...args: unknown[]): unknown {
  return (Reflect.get(target, name) as Hook).apply(target, args);
}

describe('HookContainment', () => {
  let logger: HookLog;
  let running: Set<Promise<void>>;
  let containment: HookContainment;
  let closed: number[];
  let client: RealtimeConnection;

  beforeEach(() => {
    logger = new HookLog();
    running = new Set();
    containment = new HookContainment(logger, running);
    closed = [];
    const connection = { close: (code: number) => closed.push(code) };
    client = new RealtimeConnection(
      connection as unknown as Connection,
      {} as RealtimeNode,
      running,
    );
  });

  const names = ['afterInit', 'handleConnection', 'handleDisconnect'] as const;
  const failing: Record<string, Hook> = {
    throws: () => {
      throw new Error('broken hook');
    },
    rejects: () => Promise.reject(new Error('broken hook')),
  };

  it.each(names.flatMap((name) => Object.keys(failing).map((how) => [name, how] as const)))(
    'logs when %s %s, and lets nothing out',
    async (name, how) => {
      const metatype = gatewayClass({ [name]: failing[how]! });
      const instance = make(metatype);
      containment.contain(gateway(metatype, instance));
      expect(call(instance, name, client)).toBeUndefined();
      await containment.idle();
      expect(logger.errors).toEqual([
        expect.stringContaining(`TestGateway.${name} failed Error: broken hook`),
      ]);
      expect(closed).toEqual(name === 'handleConnection' ? [1011] : []);
    },
  );

  it('calls the hook at once, on the instance, with all arguments', () => {
    const seen: unknown[] = [];
    const metatype = gatewayClass({
      handleConnection(...args: unknown[]) {
        seen.push(this, ...args);
      },
    });
    const instance = make(metatype);
    containment.contain(gateway(metatype, instance));
    call(instance, 'handleConnection', client, 'handshake');
    expect(seen).toEqual([instance, client, 'handshake']);
  });

  it('adds no hook to a gateway that has none', () => {
    const metatype = gatewayClass({});
    const instance = make(metatype);
    containment.contain(gateway(metatype, instance));
    for (const name of names) expect(name in instance).toBe(false);
  });

  it('leaves the class alone: another instance has its own hooks', () => {
    const original = (): undefined => undefined;
    const metatype = gatewayClass({ handleConnection: original });
    containment.contain(gateway(metatype, make(metatype)));
    expect(Reflect.get(metatype.prototype, 'handleConnection')).toBe(original);
  });

  it('does not wrap a hook twice', async () => {
    let calls = 0;
    const metatype = gatewayClass({
      handleDisconnect: () => {
        calls += 1;
        throw new Error('broken hook');
      },
    });
    const instance = make(metatype);
    containment.contain(gateway(metatype, instance));
    containment.contain(gateway(metatype, instance));
    new HookContainment(new HookLog(), new Set()).contain(gateway(metatype, instance));
    call(instance, 'handleDisconnect', client);
    await containment.idle();
    expect(calls).toBe(1);
    expect(logger.errors).toHaveLength(1);
  });

  it('is idle when every hook is done, those that were begun meanwhile included', async () => {
    const [first, second] = [deferred(), deferred()];
    const gates = [first, second];
    const metatype = gatewayClass({ handleDisconnect: () => gates.shift()?.promise });
    const instance = make(metatype);
    containment.contain(gateway(metatype, instance));
    call(instance, 'handleDisconnect', client);
    let isIdle = false;
    const idle = containment.idle().then(() => {
      isIdle = true;
    });
    call(instance, 'handleDisconnect', client);
    first.resolve();
    await turns(5);
    expect(isIdle).toBe(false);
    second.resolve();
    await idle;
    expect(running.size).toBe(0);
  });

  describe('of a request-scoped gateway', () => {
    it('contains the hooks of instances that are made later', async () => {
      const metatype = gatewayClass({ handleConnection: failing['rejects']! });
      const standIn = Object.create(metatype.prototype) as object;
      containment.contain(gateway(metatype, standIn, false));
      call(make(metatype), 'handleConnection', client);
      await containment.idle();
      expect(closed).toEqual([1011]);
    });

    it('gives what stands for them all the hooks that Nest looks for', () => {
      const metatype = gatewayClass({});
      const standIn = Object.create(metatype.prototype) as object;
      containment.contain(gateway(metatype, standIn, false));
      expect(call(standIn, 'handleConnection', client)).toBeUndefined();
      expect(call(standIn, 'handleDisconnect', client)).toBeUndefined();
      expect('handleConnection' in make(metatype)).toBe(false);
    });

    it('waits for the hooks of its own application only', async () => {
      const gate = deferred();
      const metatype = gatewayClass({ handleDisconnect: () => gate.promise });
      const standIn = Object.create(metatype.prototype) as object;
      containment.contain(gateway(metatype, standIn, false));
      const others = new Set<Promise<void>>();
      const other = new HookContainment(new HookLog(), others);
      other.contain(gateway(metatype, Object.create(metatype.prototype) as object, false));
      const theirs = new RealtimeConnection({} as Connection, {} as RealtimeNode, others);
      call(make(metatype), 'handleDisconnect', theirs);
      expect([running.size, others.size]).toEqual([0, 1]);
      await containment.idle();
      gate.resolve();
      await other.idle();
    });
  });
});
