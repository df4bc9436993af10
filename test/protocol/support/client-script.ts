/** What a dialogue wants of the application around a client, before it begins. */
import type { RequestHandler } from '../../../lib/client/server-requests.js';
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

/** Rooms whose state the client asks for. */
export function roomsWithState(steps: readonly Step[]): Set<string> {
  return new Set(
    steps.flatMap((step) => {
      if (!('frame' in step) || step.from === 'server') return [];
      const { snapshot, room } = step.frame;
      return snapshot === true ? [room as string] : [];
    }),
  );
}

/** What the application answers to the server's requests, by event: as the client's frames say. */
export function answersOf(steps: readonly Step[]): Map<string, RequestHandler> {
  const frames = steps.flatMap((step) => ('frame' in step ? [step] : []));
  const answers = new Map<string, RequestHandler>();
  for (const { from, frame } of frames) {
    if (from === 'client' || frame['type'] !== 'request') continue;
    const answer = frames.find(
      (later) => later.from === 'client' && later.frame['id'] === frame['id'],
    )?.frame;
    if (answer?.['code'] === 'unknown-event') continue;
    answers.set(frame['event'] as string, () => {
      if (answer?.['type'] === 'response') return answer['payload'];
      // Never: the server has to cancel, or the link to break.
      return new Promise(() => undefined);
    });
  }
  return answers;
}
