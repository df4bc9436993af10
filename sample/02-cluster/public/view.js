// @ts-check
/** What the page shows. Knows nothing of the network. */

/** @import { StateChange } from 'nestjs-realtime/client' */

const CONNECTION = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  connected: 'Connected',
  waiting: 'Connection lost, trying again…',
  closed: 'Disconnected',
};
/** Older ones go: a page may stay open for a week. */
const MAX_EVENTS = 200;
const BAD = new Set(['missing', 'doubled']);

/** @param {string} id */
function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`#${id} is missing`);
  return element;
}

/** @param {StateChange} change */
export function showConnection({ state }) {
  const place = byId('connection');
  place.textContent = CONNECTION[state];
  place.dataset['state'] = state;
}

/** @param {string} name */
export function showNode(name) {
  byId('node').textContent = name;
  byId('kill').textContent = `npm run sample:cluster:kill -- ${name} ${location.origin}`;
}

/** @param {Record<'received' | 'missing' | 'doubled' | 'sent' | 'confirmed', number>} counts */
export function showCounts(counts) {
  for (const [name, count] of Object.entries(counts)) {
    const place = byId(name);
    place.textContent = count.toLocaleString('en');
    place.dataset['bad'] = String(BAD.has(name) && count > 0);
  }
}

/** @param {string} text */
export function addEvent(text) {
  const line = document.createElement('li');
  line.textContent = `${new Date().toLocaleTimeString()} ${text}`;
  const list = byId('events');
  list.append(line);
  if (list.childElementCount > MAX_EVENTS) list.firstElementChild?.remove();
  list.scrollTop = list.scrollHeight;
}

/** Whether this page is to send. */
export function isSending() {
  const box = byId('sending');
  return box instanceof HTMLInputElement && box.checked;
}
