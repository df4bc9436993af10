import { describe, expect, it } from '@jest/globals';
import type { ReactNode } from 'react';

import { useRequest, type RequestView } from '../../lib/react/index.js';
import { connectedWorld, type World } from '../client/support/world.js';
import { Show, Stage } from './support/stage.js';

const stage = new Stage();

/** What a component was given, newest last. */
let seen: RequestView[] = [];

function asking(event = 'chat.rooms'): ReactNode {
  const use = () => {
    const view = useRequest(event);
    seen.push(view);
    return [view.status, JSON.stringify(view.data), view.error?.code].map(String).join(' ');
  };
  return <Show use={use} />;
}

async function opened(): Promise<World> {
  seen = [];
  const world = await connectedWorld();
  await stage.play(world, asking());
  return world;
}

const call = (...args: Parameters<RequestView['call']>) =>
  stage.do(() => void seen.at(-1)!.call(...args));

/** Answers the request that came `index`-th. */
const answer = (world: World, index: number, payload: unknown) =>
  stage.receive(world, {
    type: 'response',
    id: world.socket.frames('request')[index]!.id,
    payload,
  });

const refuse = (world: World, index: number) => {
  const { id } = world.socket.frames('request')[index]!;
  const error = { code: 'forbidden', message: 'No.', retryable: false };
  return stage.receive(world, { type: 'error', id, ...error });
};

describe('useRequest', () => {
  it('sends nothing until it is called', async () => {
    const world = await opened();
    expect(stage.text).toBe('idle undefined undefined');
    expect(world.socket.frames('request')).toEqual([]);
  });

  it('goes from pending to success', async () => {
    const world = await opened();
    await call({ page: 1 });
    expect(stage.text).toBe('pending undefined undefined');
    expect(world.socket.frames('request')).toMatchObject([
      { event: 'chat.rooms', payload: { page: 1 } },
    ]);
    await answer(world, 0, ['general']);
    expect(stage.text).toBe('success ["general"] undefined');
  });

  it('shows a refusal, and the last answer until there is a next one', async () => {
    const world = await opened();
    await call();
    await answer(world, 0, 'A');
    await call();
    expect(stage.text).toBe('pending "A" undefined');
    await refuse(world, 1);
    expect(stage.text).toBe('error "A" forbidden');
    await call();
    expect(stage.text).toBe('pending "A" undefined');
    await answer(world, 2, 'B');
    expect(stage.text).toBe('success "B" undefined');
  });

  it('ignores late answers and refusals of earlier calls', async () => {
    const world = await opened();
    await call(1);
    await call(2);
    await call(3);
    await answer(world, 0, 'first');
    await refuse(world, 1);
    expect(stage.text).toBe('pending undefined undefined');
    await answer(world, 2, 'third');
    expect(stage.text).toBe('success "third" undefined');
  });

  it('ignores an earlier call that is answered after the latest', async () => {
    const world = await opened();
    await call(1);
    await call(2);
    await answer(world, 1, 'second');
    await answer(world, 0, 'first');
    expect(stage.text).toBe('success "second" undefined');
  });

  it('gives each caller its own answer', async () => {
    const world = await opened();
    const answers: Promise<unknown>[] = [];
    await stage.do(() => answers.push(seen.at(-1)!.call(1), seen.at(-1)!.call(2)));
    await answer(world, 1, 'second');
    await refuse(world, 0);
    await expect(answers[1]).resolves.toBe('second');
    await expect(answers[0]).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('ignores an answer after the component is gone, without cancelling the call', async () => {
    const world = await opened();
    await call();
    await stage.play(world, null);
    const renders = seen.length;
    await answer(world, 0, 'late');
    expect(seen).toHaveLength(renders);
    expect(world.socket.frames('cancel')).toEqual([]);
  });

  it('takes the options of a call', async () => {
    const world = await opened();
    await call(1, { timeoutMs: 50 });
    await stage.do(() => world.clock.advance(50));
    expect(stage.text).toBe('error undefined timeout');
  });

  it('is idle again with another event', async () => {
    const world = await opened();
    await call();
    await stage.play(world, asking('chat.users'));
    expect(stage.text).toBe('idle undefined undefined');
    await answer(world, 0, 'of the other event');
    expect(stage.text).toBe('idle undefined undefined');
    await call();
    expect(world.socket.last('request').event).toBe('chat.users');
  });

  it('gives the same function at each render', async () => {
    const world = await opened();
    await call();
    await answer(world, 0, 1);
    expect(seen.at(-1)?.status).toBe('success');
    // React 18 throws the first of StrictMode's two renders away, with all that it made.
    expect(new Set(seen.slice(1).map((view) => view.call)).size).toBe(1);
  });

  it('shows that the client was closed', async () => {
    const world = await opened();
    await call();
    await stage.do(() => world.client.close());
    expect(stage.text).toBe('error undefined closed');
  });
});
