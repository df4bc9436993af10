import { Inject, Injectable, Module, Scope, type ModuleMetadata, type Type } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Observable, of } from 'rxjs';

import {
  Idempotent,
  Public,
  RealtimeGateway,
  RealtimeModule,
  type OnRealtimeConnect,
  type RealtimeModuleOptions,
} from '../../lib/index.js';
import { GatewayExplorer } from '../../lib/nest/gateways/gateway-explorer.js';
import { NestLog } from '../support/nest-app.js';

/** Handlers that may run once only, and one that may not. */
@RealtimeGateway()
class PayGateway {
  @Idempotent()
  @SubscribeMessage('pay')
  pay(): string {
    return 'paid';
  }

  @SubscribeMessage('refund')
  @Idempotent()
  async refund(): Promise<string> {
    return Promise.resolve('refunded');
  }

  @SubscribeMessage('look')
  look(): string {
    return 'seen';
  }
}

@RealtimeGateway()
class ObservablePayGateway {
  @Idempotent()
  @SubscribeMessage('pay')
  pay(): Observable<number> {
    return of(1);
  }
}

@RealtimeGateway()
class GeneratorPayGateway {
  @Idempotent()
  @SubscribeMessage('pay')
  async *pay() {
    yield await Promise.resolve(1);
  }
}

let module: TestingModule | undefined;

afterEach(async () => {
  await module?.close();
  module = undefined;
});

interface Setup {
  readonly options?: RealtimeModuleOptions;
  readonly metadata?: ModuleMetadata;
}

/** What the explorer finds in an application with these gateways. */
async function explore(gateways: readonly Type[], setup: Setup = {}): Promise<GatewayExplorer> {
  const { options, metadata = {} } = setup;
  module = await Test.createTestingModule({
    ...metadata,
    imports: [RealtimeModule.forRoot(options), ...(metadata.imports ?? [])],
    providers: [...gateways, ...(metadata.providers ?? [])],
  })
    .setLogger(new NestLog())
    .compile();
  return module.get(GatewayExplorer);
}

const fallbackAdapter = () => new WsAdapter();

@WebSocketGateway(4001)
class PortGateway {}

@WebSocketGateway(0)
class PortZeroGateway {}

@WebSocketGateway({ namespace: 'chat' })
class NamespaceGateway {}

@WebSocketGateway({ path: '/elsewhere' })
class ElsewhereGateway {
  @SubscribeMessage('echo')
  echo(): string {
    return 'elsewhere';
  }
}

@WebSocketGateway({ path: '/realtime' })
class SamePathGateway {
  @SubscribeMessage('same')
  same(): string {
    return 'ours';
  }
}

@RealtimeGateway()
class EchoGateway {
  @SubscribeMessage('echo')
  echo(): string {
    return 'echo';
  }
}

@RealtimeGateway()
class OtherEchoGateway {
  @SubscribeMessage('echo')
  answer(): string {
    return 'other';
  }
}

@RealtimeGateway()
class TwiceGateway {
  @SubscribeMessage('twice')
  first(): string {
    return 'first';
  }

  @SubscribeMessage('twice')
  second(): string {
    return 'second';
  }
}

@RealtimeGateway()
class PatternGateway {
  @SubscribeMessage({ cmd: 'sum' } as unknown as string)
  sum(): number {
    return 1;
  }
}

@RealtimeGateway()
class WireNameGateway {
  @SubscribeMessage('__proto__')
  proto(): string {
    return 'proto';
  }

  @Public()
  @SubscribeMessage('constructor')
  ctor(): string {
    return 'ctor';
  }
}

class BaseGateway {
  @SubscribeMessage('inherited')
  inherited(): string {
    return 'inherited';
  }
}

@RealtimeGateway()
class DerivedGateway extends BaseGateway {}

@Injectable({ scope: Scope.REQUEST })
class State {
  constructor(@Inject(REQUEST) readonly request: unknown) {}
}

@Module({ providers: [State], exports: [State] })
class StateModule {}

@RealtimeGateway()
@Injectable({ scope: Scope.REQUEST })
class ScopedConnectGateway implements OnRealtimeConnect {
  onRealtimeConnect(): void {
    // Never called: there is no instance yet.
  }
}

/** Request-scoped by what it depends on. */
@RealtimeGateway()
class StatefulConnectGateway implements OnRealtimeConnect {
  constructor(readonly state: State) {}

  onRealtimeConnect(): void {
    // Never called: there is no instance yet.
  }
}

@RealtimeGateway()
class StatefulGateway {
  constructor(readonly state: State) {}
}

@Module({ imports: [StateModule], providers: [StatefulConnectGateway] })
class StatefulConnectModule {}

@Module({ imports: [StateModule], providers: [StatefulGateway] })
class StatefulModule {}

describe('GatewayExplorer', () => {
  describe('refuses at start-up', () => {
    it.each<[Type, string]>([
      [
        PortGateway,
        'PortGateway: a port of its own (4001) is not supported, remove it or give its adapter as realtime.fallbackAdapter',
      ],
      [
        NamespaceGateway,
        'NamespaceGateway: namespaces are not supported, use rooms or give its adapter as realtime.fallbackAdapter',
      ],
      [
        ElsewhereGateway,
        `ElsewhereGateway: expected the module's path /realtime or none, got "/elsewhere"; change it or give its adapter as realtime.fallbackAdapter`,
      ],
      [
        TwiceGateway,
        'TwiceGateway.second: the event "twice" already has a handler, TwiceGateway.first; a request has one answer',
      ],
      [
        PatternGateway,
        'PatternGateway.sum: expected @SubscribeMessage() with a string, got object',
      ],
      [
        ScopedConnectGateway,
        'ScopedConnectGateway: a request-scoped gateway cannot have onRealtimeConnect',
      ],
    ])('%p', async (gateway, message) => {
      await expect(explore([gateway])).rejects.toThrow(message);
    });

    it('two gateways that answer the same event', async () => {
      await expect(explore([EchoGateway, OtherEchoGateway])).rejects.toThrow(
        'OtherEchoGateway.answer: the event "echo" already has a handler, EchoGateway.echo; a request has one answer',
      );
    });

    it('onRealtimeConnect of a gateway that is request-scoped by what it depends on', async () => {
      await expect(explore([], { metadata: { imports: [StatefulConnectModule] } })).rejects.toThrow(
        'a request-scoped gateway cannot have onRealtimeConnect',
      );
    });

    it.each([ObservablePayGateway, GeneratorPayGateway])(
      'a handler that may run once only and returns a stream (%p)',
      async (gateway) => {
        await expect(explore([gateway])).rejects.toThrow(
          `${gateway.name}.pay: an @Idempotent() handler returns a value; streams cannot be repeated`,
        );
      },
    );
  });

  describe('takes', () => {
    it('a gateway with the port 0, which means none', async () => {
      expect((await explore([PortZeroGateway])).gateways).toHaveLength(1);
    });

    it('a plain gateway with the path of the module', async () => {
      const explorer = await explore([SamePathGateway]);
      expect(explorer.handler('same')).toMatchObject({ gateway: 'SamePathGateway' });
    });

    it('the path of the module from its options', async () => {
      const explorer = await explore([ElsewhereGateway], { options: { path: '/elsewhere' } });
      expect(explorer.handler('echo')).toMatchObject({ gateway: 'ElsewhereGateway' });
    });

    it('handlers that a gateway inherits', async () => {
      expect((await explore([DerivedGateway])).handler('inherited')).toMatchObject({
        gateway: 'DerivedGateway',
        method: 'inherited',
      });
    });

    it('events with names of things that every object has, and no others of them', async () => {
      const explorer = await explore([WireNameGateway]);
      expect(explorer.handler('__proto__')).toMatchObject({ method: 'proto', isPublic: false });
      expect(explorer.handler('constructor')).toMatchObject({ method: 'ctor', isPublic: true });
      expect(explorer.handler('toString')).toBeUndefined();
    });

    it('which handlers may run once only', async () => {
      const explorer = await explore([PayGateway]);
      const idempotent = ['pay', 'refund', 'look'].map((event) => explorer.handler(event));
      expect(idempotent.map((handler) => handler?.isIdempotent)).toEqual([true, true, false]);
    });

    it('a request-scoped gateway without that hook, and knows that it is one', async () => {
      const explorer = await explore([], { metadata: { imports: [StatefulModule] } });
      expect(explorer.gateways).toEqual([
        expect.objectContaining({ name: 'StatefulGateway', isStatic: false }),
      ]);
    });
  });

  describe('leaves to the fallback adapter', () => {
    it.each([PortGateway, NamespaceGateway, ElsewhereGateway])('%p', async (gateway) => {
      const explorer = await explore([gateway, EchoGateway], { options: { fallbackAdapter } });
      expect(explorer.gateways.map(({ name }) => name)).toEqual(['EchoGateway']);
    });

    it('an event of the same name as one of ours', async () => {
      const explorer = await explore([ElsewhereGateway, EchoGateway], {
        options: { fallbackAdapter },
      });
      expect(explorer.handler('echo')).toMatchObject({ gateway: 'EchoGateway' });
    });

    it('nothing that has the path of the module', async () => {
      const explorer = await explore([SamePathGateway], { options: { fallbackAdapter } });
      expect(explorer.handler('same')).toMatchObject({ gateway: 'SamePathGateway' });
    });
  });

  it('may find the same classes in another application', async () => {
    await explore([EchoGateway]);
    await module?.close();
    const explorer = await explore([EchoGateway]);
    expect(explorer.handler('echo')).toMatchObject({ hasFilters: false, hasInterceptors: false });
  });
});
