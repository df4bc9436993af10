import type { ResolvedRealtimeOptions } from './realtime-options.interface.js';

/** What the options leave open, one sentence each, to be said at every start. */
export function insecurities({ auth, origins }: ResolvedRealtimeOptions): string[] {
  const found: string[] = [];
  if (auth === undefined) {
    found.push('realtime.auth is not set: every client is let in as an anonymous user');
  }
  if (origins === '*') {
    const risk =
      auth?.cookie === undefined
        ? 'pages of every site may connect'
        : 'pages of every site may connect with the cookies of whoever opens them';
    found.push(`realtime.origins is "*": ${risk}`);
  }
  if (auth?.query !== undefined) {
    found.push(
      `realtime.auth.query is set: tokens in addresses end up in logs and histories, use each once`,
    );
  }
  return found;
}
