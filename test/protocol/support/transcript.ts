/** Writes a dialogue as PROTOCOL.md shows it, so that the text there cannot differ from the data. */
import type {
  ApplicationStep,
  CloseStep,
  ConnectStep,
  RefusedStep,
  Step,
  Vector,
} from './vectors.js';

/** The lines of a dialogue: `C` is the client, `S` the server, `A` the server's application. */
export function transcript(vector: Vector): string {
  return vector.steps.flatMap((step) => lines(step)).join('\n');
}

function lines(step: Step): string[] {
  if ('connect' in step) return [connectLine(step)];
  if ('refused' in step) return [refusedLine(step)];
  if ('unordered' in step)
    return step.unordered.flatMap(lines).map((line) => `${line}   (any order)`);
  if ('close' in step) return [closeLine(step)];
  if ('application' in step) return [applicationLine(step)];
  if ('elapse' in step) return [`-- ${step.elapse} passes`];
  const who = step.from === 'client' ? 'C' : 'S';
  const fate = 'isLost' in step && step.isLost ? '   (never arrives)' : '';
  if ('frame' in step) return [`${who}  ${show(step.frame)}${fate}`];
  return [
    step.text === undefined ? 'C  (a binary message)' : `C  ${JSON.stringify(step.text)} as text`,
  ];
}

function connectLine({ connect }: ConnectStep): string {
  const { offers, protocol, token, cookie, origin, path } = connect;
  const parts = ['C  connects'];
  if (path !== undefined) parts.push(`to ${path}`);
  parts.push(offers.length === 0 ? 'without a subprotocol' : `offering ${offers.join(', ')}`);
  if (token !== undefined) parts.push(`with ${token} in the handshake`);
  if (cookie !== undefined) parts.push(`with ${cookie} in the cookie`);
  if (origin !== undefined) parts.push(`from a page of ${origin}`);
  if (protocol !== undefined && protocol !== 'realtime.v1.json')
    parts.push(`(echoed: ${protocol})`);
  return parts.join(' ');
}

function refusedLine({ refused }: RefusedStep): string {
  const { status, headers = {}, code } = refused;
  const names = Object.keys(headers).map((name) => ` with ${name}`);
  return `S  HTTP ${String(status)} ${code}${names.join('')}`;
}

function closeLine({ close }: CloseStep): string {
  if (close.by === 'network') return '-- the link breaks';
  const reason = close.reason === undefined ? '' : ` "${close.reason}"`;
  return `${close.by === 'client' ? 'C' : 'S'}  closes ${String(close.code)}${reason}`;
}

function applicationLine({ application }: ApplicationStep): string {
  switch (application.do) {
    case 'release':
      return `A  lets "${application.handler}" finish`;
    case 'publish':
      return `A  publishes ${application.event} into ${application.room}${application.exceptClient === true ? ', except to this connection' : ''}`;
    case 'send-to-user':
      return `A  sends ${application.event} to ${application.user}`;
    case 'disconnect':
      return `A  disconnects ${application.user}`;
    case 'leave':
      return `A  takes the connection out of ${application.room}`;
    case 'forbid':
      return `A  takes from ${application.user} the right to be in ${application.room}`;
    case 'revoke':
      return `A  revokes the tokens of ${application.user}`;
    case 'ask':
      return `A  asks ${application.event} of the client`;
    case 'learn':
      return `A  learns ${show(application.outcome)}`;
    case 'visit':
      return `-- ${application.device} comes into ${application.room} with ${application.token}`;
    case 'tell':
      return `-- ${application.device} tells ${application.room} about itself`;
    case 'lose':
      return `-- the link of ${application.device} breaks`;
    case 'depart':
      return `-- ${application.device} says goodbye`;
    case 'rebalance':
      return 'A  asks its clients to go elsewhere';
    case 'shutdown':
      return 'A  shuts down';
  }
}

/** The frame as JSON; `…` where any value may stand, a name in `<>` where the same one has to. */
function show(value: unknown): string {
  if (typeof value === 'string' && value.startsWith('$same:')) return `<${value.slice(6)}>`;
  if (typeof value === 'string' && value.startsWith('$')) return '…';
  if (Array.isArray(value)) return `[${value.map(show).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => !(typeof field === 'string' && field.startsWith('$optional-')))
    .map(([key, field]) => `${JSON.stringify(key)}:${show(field)}`);
  return `{${fields.join(',')}}`;
}
