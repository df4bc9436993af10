/** The longest delay of a timer: above it, `setTimeout` fires at once. Milliseconds, 24.8 days. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * What the client needs of a WebSocket: a browser's, `ws`'s, Deno's, Bun's and React Native's all
 * fit. The events are `never` because every runtime declares its own; the client reads `data` of
 * messages, `code` and `reason` of closes.
 */
export interface WebSocketLike {
  /** Called when the connection is open. */
  onopen: ((event: never) => void) | null;
  /** Called with each message; `data` is a string for text. */
  onmessage: ((event: never) => void) | null;
  /** Called once when the connection has ended, with `code` and `reason`. */
  onclose: ((event: never) => void) | null;
  /** Called before `onclose` when the end was an error. */
  onerror: ((event: never) => void) | null;
  /** Bytes that `send` took and the network did not. Absent means unknown. */
  readonly bufferedAmount?: number;
  /** Sends a text message. */
  send(data: string): void;
  /** Begins to end the connection; codes are 1000 and 3000–4999. */
  close(code?: number, reason?: string): void;
}

/** What `onerror` gets of a socket that finds out later what constructors throw: that its URL cannot be used. */
export interface Refusal {
  /** Why; absent in the events of runtimes. */
  readonly refusal?: unknown;
}

/** Makes a {@link WebSocketLike}. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/**
 * What happened around the client.
 *
 * - `wake`: the network is back, or the page is seen or runs again. What the client knows may be old.
 * - `offline`: the network is gone, as far as the runtime knows.
 * - `hide`: the page is left. It may be kept, and be shown again with `wake`; a browser keeps only
 *   pages without an open connection.
 */
export type EnvironmentChange = 'wake' | 'offline' | 'hide';

/** Everything the client takes from the world around it, so that tests can stand in for the world. */
export interface Environment {
  /** Absent where the runtime has none (Node before 22). */
  readonly WebSocket: WebSocketConstructor | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Milliseconds of a clock that goes on while the machine sleeps. It may be set back. */
  readonly date: () => number;
  /** Calls back once after `delayMs` (cut to 24.8 days), unless the returned function is called before. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
  /** From 0 up to, not including, 1. Spreads reconnects; nothing secret hangs on it. */
  readonly random: () => number;
  /** 128 random bits in hexadecimal that nobody can guess. */
  readonly randomKey: () => string;
  /** Calls back with what happens, until the returned function is called. */
  readonly onChange: (callback: (change: EnvironmentChange) => void) => () => void;
  /** Gets what the application's handlers throw, and errors that nobody listens for. */
  readonly reportError: (error: unknown) => void;
}

/** What the types of the DOM promise and Node, Deno or React Native may lack. */
type Runtime = Partial<
  Pick<
    typeof globalThis,
    'WebSocket' | 'addEventListener' | 'removeEventListener' | 'document' | 'reportError'
  >
>;

/** Events of a page; `resume` follows the freezing of a tab in the background. */
const EVENTS = ['online', 'offline', 'pagehide', 'pageshow', 'resume', 'visibilitychange'];

/** What an event means; `undefined` for nothing. */
function changeOf(
  { type, persisted }: Event & { readonly persisted?: boolean },
  { document }: Runtime,
): EnvironmentChange | undefined {
  if (type === 'offline') return type;
  if (type === 'pagehide') return 'hide';
  // Every page is shown once, when it is loaded.
  if (type === 'pageshow' && !persisted) return undefined;
  if (type === 'visibilitychange' && document?.hidden) return undefined;
  return 'wake';
}

/** The world as the runtime has it now: polyfills may come after this module. */
export function runtimeEnvironment(): Environment {
  const runtime: Runtime = globalThis;
  return {
    WebSocket: runtime.WebSocket,
    // Not Date.now(): a clock that is set back would keep a dead connection alive.
    now: () => performance.now(),
    date: () => Date.now(),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, Math.min(delayMs, MAX_TIMER_MS));
      return () => {
        clearTimeout(timer);
      };
    },
    random: () => Math.random(),
    randomKey: () =>
      crypto
        .getRandomValues(new Uint8Array(16))
        .reduce((key, byte) => key + byte.toString(16).padStart(2, '0'), ''),
    onChange: (callback) => {
      const listen = (event: Event) => {
        const change = changeOf(event, runtime);
        if (change) callback(change);
      };
      // Captured, because some of them happen to the document and do not reach the window otherwise.
      const options = { capture: true };
      for (const name of EVENTS) runtime.addEventListener?.(name, listen, options);
      return () => {
        for (const name of EVENTS) runtime.removeEventListener?.(name, listen, options);
      };
    },
    reportError: (error) => {
      (runtime.reportError ?? console.error)(error);
    },
  };
}
