/** What may happen in the world of the model. */
import fc from 'fast-check';

export const READERS = ['reader-0', 'reader-1', 'reader-2'] as const;
export const WRITERS = ['writer-0', 'writer-1'] as const;
export const ROOMS = ['chat', 'news'] as const;
const MEMBERS = ['ada', 'bob', 'cleo'] as const;

export type Reader = (typeof READERS)[number];
export type Writer = (typeof WRITERS)[number];
export type RoomName = (typeof ROOMS)[number];
/** What becomes of a publish: how it is answered, or what was stored if it is not. */
export type Fate = 'ok' | 'late' | 'no' | 'stored' | 'dropped';

export interface PublishCommand {
  readonly do: 'publish';
  readonly writer: Writer;
  readonly room: RoomName;
  readonly fate: Fate;
  /** Whom the message is not for. */
  readonly except: Reader | undefined;
}

/** What happens next in the world. */
export type Command =
  | PublishCommand
  | { readonly do: 'retry'; readonly writer: Writer }
  | {
      readonly do: 'deliver' | 'subscribe' | 'leave' | 'snapshot';
      readonly reader: Reader;
      readonly room: RoomName;
    }
  | { readonly do: 'cut' | 'return'; readonly reader: Reader }
  | { readonly do: 'trim' | 'renew'; readonly room: RoomName }
  | { readonly do: 'move'; readonly member: string; readonly room: RoomName };

const writer = fc.constantFrom(...WRITERS);
const reader = fc.constantFrom(...READERS);
const room = fc.constantFrom(...ROOMS);
const fate: fc.Arbitrary<Fate> = fc.constantFrom(
  'ok',
  'ok',
  'ok',
  'late',
  'late',
  'no',
  'stored',
  'dropped',
);
const except = fc.option(reader, { nil: undefined, freq: 6 });
const one = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);

/** Anything may happen at any time; what makes no sense just then is left out. */
export const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: one('publish'), writer, room, fate, except }) },
  { weight: 2, arbitrary: fc.record({ do: one('retry'), writer }) },
  { weight: 12, arbitrary: fc.record({ do: one('deliver'), reader, room }) },
  { weight: 4, arbitrary: fc.record({ do: one('subscribe'), reader, room }) },
  { weight: 1, arbitrary: fc.record({ do: one('leave'), reader, room }) },
  { weight: 1, arbitrary: fc.record({ do: one('snapshot'), reader, room }) },
  { weight: 2, arbitrary: fc.record({ do: one('cut'), reader }) },
  { weight: 3, arbitrary: fc.record({ do: one('return'), reader }) },
  { weight: 1, arbitrary: fc.record({ do: one('trim'), room }) },
  { weight: 1, arbitrary: fc.record({ do: one('renew'), room }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: one('move'), member: fc.constantFrom(...MEMBERS), room }),
  },
);
