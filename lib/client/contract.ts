/**
 * How an application describes to the compiler what its server offers. Types only: nothing of this
 * exists at run time, and what comes from the server is not checked against it.
 */

/**
 * The shape of a contract. All parts are optional; an absent part offers nothing.
 *
 * ```ts
 * interface ChatContract {
 *   requests: { 'chat.send': { payload: { room: string; text: string }; response: { id: string } } };
 *   streams: { count: { payload: { to: number }; item: number } };
 *   rooms: {
 *     'chat/:room': {
 *       events: { 'chat.message': { text: string } };
 *       publish: { typing: { on: boolean } };
 *       snapshot: { title: string };
 *     };
 *   };
 *   events: { notice: { text: string } };
 *   serverRequests: { 'draft.save': { response: { saved: boolean } } };
 * }
 * ```
 *
 * A request's `payload` or `response` may be left out when there is none. The keys of `rooms` are
 * patterns as on the server: `:param` stands for one segment, a final `*` for any number.
 */
export interface Contract {
  /** Event name to `{ payload, response }`. */
  requests?: object;
  /** Event name to `{ payload, item }`. */
  streams?: object;
  /** Room pattern to `{ events, publish, snapshot }`: event name to payload, twice, and the room's state. */
  rooms?: object;
  /** Messages that belong to no room (to this user or to everyone): event name to payload. */
  events?: object;
  /** What the server may ask of a client: event name to `{ payload, response }`. */
  serverRequests?: object;
}

/** The contract of a client that was given none: any name, payloads unknown. */
export interface UntypedContract {
  requests: Record<string, { payload: unknown; response: unknown }>;
  streams: Record<string, { payload: unknown; item: unknown }>;
  rooms: Record<
    string,
    { events: Record<string, unknown>; publish: Record<string, unknown>; snapshot: unknown }
  >;
  events: Record<string, unknown>;
  serverRequests: Record<string, { payload: unknown; response: unknown }>;
}

/** Part `K` of a contract or definition; nothing if it has none. */
type Part<T, K extends string> = T extends { readonly [key in K]: infer Value } ? Value : object;

/** A field of a definition; `undefined` if it has none. */
type Field<T, K extends string> = T extends { readonly [key in K]: infer Value }
  ? Value
  : undefined;

/** The string keys of a type. */
type Names<T> = keyof T & string;

/** Names of the requests that a contract offers. */
export type RequestName<C> = Names<Part<C, 'requests'>>;
/** What a request takes. */
export type RequestPayload<C, E extends RequestName<C>> = Field<Part<C, 'requests'>[E], 'payload'>;
/** What a request gives. */
export type RequestResponse<C, E extends RequestName<C>> = Field<
  Part<C, 'requests'>[E],
  'response'
>;

/** Names of the streams that a contract offers. */
export type StreamName<C> = Names<Part<C, 'streams'>>;
/** What a stream takes. */
export type StreamPayload<C, E extends StreamName<C>> = Field<Part<C, 'streams'>[E], 'payload'>;
/** What a stream gives, again and again. */
export type StreamItem<C, E extends StreamName<C>> = Field<Part<C, 'streams'>[E], 'item'>;

/** Names of the requests that the server may make. */
export type ServerRequestName<C> = Names<Part<C, 'serverRequests'>>;
/** What a request of the server brings. */
export type ServerRequestPayload<C, E extends ServerRequestName<C>> = Field<
  Part<C, 'serverRequests'>[E],
  'payload'
>;
/** What the server gets for it. */
export type ServerRequestResponse<C, E extends ServerRequestName<C>> = Field<
  Part<C, 'serverRequests'>[E],
  'response'
>;

/** Messages without a room: event name to payload. */
export type DirectEvents<C> = Part<C, 'events'>;

/** The last arguments of a call: the payload may be left out where `undefined` is a payload. */
export type PayloadArguments<P, Options> = undefined extends P
  ? [payload?: P, options?: Options]
  : [payload: P, options?: Options];

type SegmentName<S extends string> = S extends `:${string}` | '*' ? string : S;

/** Names that a pattern stands for: `chat/:room` becomes `` `chat/${string}` ``. */
export type NameOfPattern<P extends string> = string extends P
  ? string
  : P extends `${infer Head}/${infer Tail}`
    ? `${SegmentName<Head>}/${NameOfPattern<Tail>}`
    : SegmentName<P>;

/** Names of the rooms that a contract offers. */
export type RoomName<C> = NameOfPattern<Names<Part<C, 'rooms'>>>;

type SegmentMatches<P extends string, N extends string> = P extends `:${string}`
  ? true
  : N extends P
    ? true
    : false;

/** Whether a name has the pattern's segments. Compared one by one: `chat/:room` is not `chat/a/log`. */
type Matches<P extends string, N extends string> = string extends P
  ? true
  : P extends '*'
    ? true
    : P extends `${infer PHead}/${infer PTail}`
      ? N extends `${infer NHead}/${infer NTail}`
        ? SegmentMatches<PHead, NHead> extends true
          ? Matches<PTail, NTail>
          : false
        : false
      : N extends `${string}/${string}`
        ? false
        : SegmentMatches<P, N>;

/** The patterns that a name has. */
type PatternOf<C, N extends string> = {
  [P in Names<Part<C, 'rooms'>>]: Matches<P, N> extends true ? P : never;
}[Names<Part<C, 'rooms'>>];

/** The definition of the room with this name. */
export type RoomDefinition<C, N extends string> = Part<C, 'rooms'>[PatternOf<C, N>];

/** The messages of a room: event name to payload. */
export type RoomEvents<C, N extends string> = Part<RoomDefinition<C, N>, 'events'>;
/** What clients may publish into a room: event name to payload. */
export type RoomPublishes<C, N extends string> = Part<RoomDefinition<C, N>, 'publish'>;
/** The state of a room, as `reset` brings it; `never` if it offers none. */
export type RoomSnapshot<C, N extends string> =
  RoomDefinition<C, N> extends { readonly snapshot: infer Snapshot } ? Snapshot : never;
