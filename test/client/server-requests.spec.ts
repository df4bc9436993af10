import { describe, expect, it } from '@jest/globals';
import { handle, RealtimeClientError } from '../../lib/client/index.js';
import { settle } from './support/fake-clock.js';
import { connectedWorld, type World } from './support/world.js';

const MESSAGE = 'The client refused the request.';

function ask(world: World, id: string, event = 'save', payload?: unknown): void {
  world.socket.receive({ type: 'request', id, event, payload });
}

/** What the client answered. */
function answers(world: World): unknown[] {
  return world.socket.sent.filter(({ type }) => type === 'response' || type === 'error');
}

const refused = (id: string, code: string) => ({ type: 'error', id, code, message: MESSAGE });

describe('requests of the server', () => {
  it('are answered with what the handler returns or resolves with', async () => {
    const world = await connectedWorld();
    handle(world.client, 'double', (n) => Number(n) * 2);
    handle(world.client, 'later', () => Promise.resolve({ saved: true }));
    handle(world.client, 'acknowledge', () => undefined);
    ask(world, 's1', 'double', 4);
    ask(world, 's2', 'acknowledge');
    ask(world, 's3', 'later');
    await settle();
    expect(answers(world)).toEqual([
      { type: 'response', id: 's1', payload: 8 },
      { type: 'response', id: 's2' },
      { type: 'response', id: 's3', payload: { saved: true } },
    ]);
  });

  it('are refused where nobody handles them, whatever the event is called', async () => {
    const world = await connectedWorld();
    const off = handle(world.client, 'save', () => 1);
    off();
    off();
    ask(world, 's1');
    ask(world, 's2', 'constructor');
    expect(answers(world)).toEqual([
      refused('s1', 'unknown-event'),
      refused('s2', 'unknown-event'),
    ]);
  });

  it('have one handler for an event, which another one may replace', async () => {
    const world = await connectedWorld();
    const handler = () => 1;
    const off = handle(world.client, 'save', handler);
    expect(() => handle(world.client, 'save', handler)).toThrow(
      expect.objectContaining({ code: 'duplicate-handler' }),
    );
    off();
    handle(world.client, 'save', handler);
    off();
    ask(world, 's1');
    await settle();
    expect(answers(world)).toEqual([{ type: 'response', id: 's1', payload: 1 }]);
  });

  it('are refused with the code of the error, and never with its message', async () => {
    const world = await connectedWorld();
    handle(world.client, 'busy', () => {
      throw new RealtimeClientError('busy', 'a secret');
    });
    handle(world.client, 'broken', () => Promise.reject(new Error('a secret')));
    ask(world, 's1', 'busy');
    ask(world, 's2', 'broken');
    await settle();
    expect(answers(world)).toEqual([refused('s1', 'busy'), refused('s2', 'rejected')]);
    expect(world.reported).toEqual([new Error('a secret')]);
  });

  it('are refused when the answer is no JSON or too large', async () => {
    const world = await connectedWorld();
    handle(world.client, 'save', (payload) => (payload === 1 ? 1n : 'x'.repeat(2_000_000)));
    ask(world, 's1', 'save', 1);
    ask(world, 's2', 'save', 2);
    await settle();
    expect(answers(world)).toEqual([
      refused('s1', 'invalid-payload'),
      refused('s2', 'invalid-payload'),
    ]);
    expect(world.reported).toHaveLength(2);
  });

  it('abort when the server cancels them, and are not answered then', async () => {
    const world = await connectedWorld();
    const signals: AbortSignal[] = [];
    handle(world.client, 'save', (_payload, { signal }) => {
      signals.push(signal);
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
    });
    ask(world, 's1');
    world.socket.receive({ type: 'cancel', id: 's1' });
    world.socket.receive({ type: 'cancel', id: 's1' });
    world.socket.receive({ type: 'cancel', id: 'never' });
    await settle();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(answers(world)).toEqual([]);
    expect(world.reported).toEqual([]);
  });

  it('abort with their connection, and are not answered on another one', async () => {
    const world = await connectedWorld();
    const finish: ((value: number) => void)[] = [];
    let aborted = 0;
    handle(world.client, 'save', (_payload, { signal }) => {
      signal.addEventListener('abort', () => (aborted += 1));
      return new Promise<number>((resolve) => finish.push(resolve));
    });
    ask(world, 's1');
    world.socket.drop();
    expect(aborted).toBe(1);
    await world.reconnect();
    ask(world, 's1');
    finish[0]?.(1);
    await settle();
    expect(answers(world)).toEqual([]);
    finish[1]?.(2);
    await settle();
    expect(answers(world)).toEqual([{ type: 'response', id: 's1', payload: 2 }]);
    ask(world, 's2');
    world.client.close();
    expect(aborted).toBe(2);
  });

  it('run 100 at a time, each once', async () => {
    const world = await connectedWorld();
    let running = 0;
    handle(world.client, 'save', () => {
      running += 1;
      return new Promise(() => undefined);
    });
    for (let n = 0; n < 101; n += 1) ask(world, `s${String(n)}`);
    ask(world, 's5');
    expect(running).toBe(100);
    expect(answers(world)).toEqual([refused('s100', 'unavailable'), refused('s5', 'unavailable')]);
    world.socket.receive({ type: 'cancel', id: 's0' });
    ask(world, 's5');
    expect(running).toBe(100);
    ask(world, 's200');
    expect(running).toBe(101);
  });
});
