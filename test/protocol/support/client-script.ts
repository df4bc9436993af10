/** What a dialogue wants of the application around a client, before it begins. */
import type { FrameStep, Step } from './vectors.js';

/** The token that the token function gives at each of its calls, in order; `null`: it has none. */
export function tokensOf(steps: readonly Step[]): (string | null | undefined)[] {
  return steps.flatMap((step, index) => {
    if (!('frame' in step)) return [];
    const { type, token } = step.frame;
    if (step.from === 'client') return type === 'hello' ? [token as string | undefined] : [];
    if (type !== 'authenticate') return [];
    const rest = steps.slice(index + 1);
    const end = rest.findIndex((later) => 'connect' in later);
    const answer = (end < 0 ? rest : rest.slice(0, end)).find(
      (later): later is FrameStep => 'frame' in later && later.frame['type'] === 'authenticate',
    );
    return [answer === undefined ? null : (answer.frame['token'] as string)];
  });
}

/** Events of the messages of the dialogue. */
export function eventsOf(steps: readonly Step[]): Set<string> {
  const flat = steps.flatMap((step) => ('unordered' in step ? [...step.unordered] : [step]));
  return new Set(
    flat.flatMap((step) =>
      'frame' in step && step.frame['type'] === 'message' ? [step.frame['event'] as string] : [],
    ),
  );
}

/** Rooms that the hello after a connection names, if it names them one by one. */
export function helloRooms(hello: Step | undefined): string[] {
  if (hello === undefined || !('frame' in hello)) return [];
  const { rooms } = hello.frame;
  return Array.isArray(rooms) ? (rooms as { room: string }[]).map(({ room }) => room) : [];
}
