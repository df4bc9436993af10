/** Commands and questions between nodes that come, go and lose their connections. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import type { ControlCommand, NodeAnswer, NodeQuestion } from '../../lib/core/index.js';
import type { RedisBrokerOptions } from '../../lib/redis/index.js';
import { Ear, sessionsOf } from '../conformance/broker.world.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { deferred, until } from '../support/turns.js';

const QUESTION: NodeQuestion = { kind: 'sessions', userId: 'ada' };

interface Running extends RedisNode {
  readonly ear: Ear;
}

let server: RedisServer;
let proxy: TcpProxy;
let keys = freshKeys();
let nodes: RedisNode[] = [];

beforeEach(async () => {
  keys = freshKeys();
  server = await startRedis();
  proxy = await TcpProxy.start(server);
});

afterEach(async () => {
  await closeNodes(nodes);
  nodes = [];
  await proxy.stop();
  await server.stop();
});

async function startNode(
  ear = new Ear(),
  options: RedisBrokerOptions = {},
  { host, port }: { readonly host: string; readonly port: number } = server,
): Promise<Running> {
  const node = makeNode({ options: { host, port } }, keys, options);
  nodes.push(node);
  await node.broker.start(ear);
  return { ...node, ear };
}

function revocation(userId: string): ControlCommand {
  return { kind: 'revoke', rule: { userId } };
}

/** Answers when it is let. */
class SlowEar extends Ear {
  readonly asked = deferred();
  readonly gate = deferred();
  questions = 0;

  override async answer(question: NodeQuestion): Promise<NodeAnswer> {
    this.questions += 1;
    this.asked.resolve();
    await this.gate.promise;
    return super.answer(question);
  }
}

describe('a question to every node', () => {
  it('does not wait for a node that died longer than its lease', async () => {
    const asking = await startNode();
    const dying = await startNode(new Ear(), { leaseMs: 300 });
    dying.link.close();
    expect(await asking.broker.ask(QUESTION)).toEqual([sessionsOf('ada')]);
  });

  it('does not ask a node that has left', async () => {
    const asking = await startNode();
    const leaving = await startNode();
    await leaving.broker.close();
    expect(await asking.broker.ask(QUESTION)).toEqual([sessionsOf('ada')]);
  });

  it('is asked again while there is no answer, and answered once', async () => {
    const asking = await startNode();
    const slow = new SlowEar();
    await startNode(slow);
    const answers = asking.broker.ask(QUESTION);
    await slow.asked.promise;
    const letters = deferred();
    let count = 0;
    const other = server.client();
    await other.psubscribe(`${keys.prefix}:inbox:*`);
    other.on('pmessage', () => {
      count += 1;
      if (count === 1) letters.resolve();
    });
    await letters.promise;
    slow.gate.resolve();
    expect(await answers).toEqual([sessionsOf('ada'), sessionsOf('ada')]);
    expect(slow.questions).toBe(1);
  });

  it('ends when the node that asks closes', async () => {
    const asking = await startNode();
    const slow = new SlowEar();
    await startNode(slow);
    const answers = asking.broker.ask(QUESTION);
    await slow.asked.promise;
    const refused = answers.catch((error: unknown) => error);
    await asking.broker.close();
    expect(await refused).toMatchObject({ code: 'unavailable' });
    slow.gate.resolve();
  });

  it('ends as unavailable when Redis goes away meanwhile', async () => {
    const asking = await startNode(new Ear(), { timeoutMs: 200 });
    const slow = new SlowEar();
    await startNode(slow);
    const answers = asking.broker.ask(QUESTION);
    await slow.asked.promise;
    const refused = answers.catch((error: unknown) => error);
    await server.kill();
    expect(await refused).toMatchObject({ code: 'unavailable' });
    slow.gate.resolve();
  });

  it('takes no notice of what others write into an inbox (D-14)', async () => {
    const node = await startNode();
    const [channel] = (await server
      .client()
      .pubsub('CHANNELS', `${keys.prefix}:inbox:*`)) as string[];
    await server.client().publish(channel ?? '', 'hello');
    await until(() => node.observer.failures.length === 1);
    expect(await node.broker.ask(QUESTION)).toHaveLength(1);
  });
});

describe('a revocation', () => {
  it('reaches a node that was away when it was made', async () => {
    const away = await startNode(new Ear(), { checkMs: 200 }, proxy);
    const other = await startNode();
    proxy.isSilent = true;
    await other.broker.command(revocation('ada'));
    proxy.isSilent = false;
    proxy.cut();
    await until(() => away.ear.commands.length === 1);
    expect(away.ear.commands).toEqual([revocation('ada')]);
  });

  it('reaches a node that starts later, before it takes anybody', async () => {
    const first = await startNode();
    await first.broker.command(revocation('ada'));
    await first.broker.command(revocation('bob'));
    const later = await startNode();
    expect(later.ear.commands).toEqual([revocation('ada'), revocation('bob')]);
  });

  it('outlives a store that was emptied, as long as a node knows it', async () => {
    const first = await startNode(new Ear(), { checkMs: 100 });
    const second = await startNode(new Ear(), { checkMs: 100 });
    await first.broker.command(revocation('ada'));
    await until(() => second.ear.commands.length === 1);
    await server.client().flushall();
    const { stream } = keys.control('revocations');
    const count = server.client();
    let length = 0;
    await until(() => {
      void count.xlen(stream).then((value) => (length = value));
      return length > 0;
    });
    expect((await startNode()).ear.commands).toEqual([revocation('ada')]);
    // Told once, however many nodes put it back.
    expect(await count.xlen(stream)).toBe(1);
    expect(first.ear.commands).toHaveLength(1);
    expect(second.ear.commands).toHaveLength(1);
  });
});

describe('a command', () => {
  it('that is none is told, and holds nothing up (D-14)', async () => {
    const node = await startNode();
    const { channel } = keys.control('commands');
    const top = await server.client().hmget(keys.control('commands').meta, 'epoch', 'offset');
    const text = `${String(top[0])}\u001f${String(top[1])}\u001e+["x","command",1]\u001fnonsense`;
    await server.client().publish(channel, text);
    await until(() => node.observer.failures.length === 1);
  });

  it('is refused before the start and after the end', async () => {
    const node = makeNode({ options: { host: server.host, port: server.port } }, keys);
    nodes.push(node);
    await expect(node.broker.command(revocation('ada'))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await node.broker.start(new Ear());
    await node.broker.close();
    await expect(node.broker.ask(QUESTION)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
