import type { IncomingMessage } from 'node:http';

/**
 * Where pages may connect from:
 *
 * - `'same-origin'`: pages of the host they connect to,
 * - a list of exact origins (`https://app.example.com`) and of patterns that are anchored at both ends,
 * - a function that decides,
 * - `'*'`: anywhere. Insecure where a cookie authenticates; a warning at start-up says so.
 */
export type AllowedOrigins =
  | 'same-origin'
  | '*'
  | readonly (string | RegExp)[]
  | ((origin: string, request: IncomingMessage) => boolean);

/**
 * Whether a request may be upgraded as far as its origin goes. Browsers send `Origin` with every
 * WebSocket handshake and pages cannot forge it; programs send none or what they like, so the check
 * protects users of browsers from foreign pages (CWE-1385), nothing else.
 *
 * @param needsOrigin whether a request without `Origin` is refused: true where a cookie
 * authenticates, because then its absence proves nothing.
 */
export function isOriginAllowed(
  request: IncomingMessage,
  allowed: AllowedOrigins,
  needsOrigin: boolean,
): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return !needsOrigin;
  if (allowed === '*') return true;
  if (allowed === 'same-origin') return isSameOrigin(origin, request.headers.host);
  // Only `true`: plain JavaScript may give an async function, whose promise would pass for a yes.
  if (typeof allowed === 'function') return Object.is(allowed(origin, request), true);
  // `search` and not `test`, which remembers where a pattern with the flag `g` or `y` has stopped.
  return allowed.some((entry) =>
    typeof entry === 'string' ? entry === origin : origin.search(entry) >= 0,
  );
}

/** Compares hosts only: behind a proxy that ends TLS the scheme cannot be known. */
function isSameOrigin(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  // The serialisation has to be the same: `https://host/path` or a user part are no origins.
  return url.origin === origin && url.host === host.toLowerCase().replace(defaultPort(url), '');
}

/** `URL` drops a scheme's default port from `host`; a `Host` header may carry it. */
function defaultPort(url: URL): RegExp {
  return url.protocol === 'https:' ? /:443$/ : /:80$/;
}

/** Whether a pattern is anchored at both ends, so that `https://app.example.com.evil.org` cannot match it. */
export function isAnchored(pattern: RegExp): boolean {
  const { source } = pattern;
  return (
    source.startsWith('^') &&
    source.endsWith('$') &&
    !source.endsWith('\\$') &&
    !pattern.multiline &&
    !hasOpenAlternative(source)
  );
}

/** Whether `|` stands outside every group and class: `^a|b$` is anchored at neither end. */
function hasOpenAlternative(source: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let at = 0; at < source.length; at += 1) {
    const character = source[at];
    if (character === '\\') at += 1;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === '|' && depth === 0) return true;
  }
  return false;
}
