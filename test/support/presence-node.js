/**
 * One node's presence store in a process of its own, to be stopped and killed. Takes from the command
 * line a JSON text: url, prefix, leaseMs, room, users. Puts the users, and puts them again when the store
 * says `expired`, as a server does. Says what it does, and takes `put <user>` on its standard input.
 */
import { createInterface } from 'node:readline';

import { RedisPresenceStore } from '../../dist/redis/redis-presence.js';
import { RedisKeys } from '../../dist/redis/redis-keys.js';
import { RedisLink } from '../../dist/redis/redis-link.js';
import { SystemClock, SystemRandom } from '../../dist/transport/index.js';

const { url, prefix, leaseMs, room, users } = JSON.parse(process.argv[2]);
const say = (text) => process.stdout.write(`${text}\n`);
const clock = new SystemClock();
const random = new SystemRandom();
const observer = {
  failed: (where, error) => say(`failed ${where}: ${error}`),
  ignored: () => undefined,
};
const link = new RedisLink({
  source: { url },
  keys: new RedisKeys(prefix),
  clock,
  random,
  observer,
});
const { commands, publishVerb: publishCommand } = link;
const store = new RedisPresenceStore(
  { commands, channels: link, publishCommand, clock, random, observer },
  { prefix, leaseMs },
);
const there = new Set(users);
const put = (userId) => {
  there.add(userId);
  return store.put(room, { userId, client: userId, connectionId: `${userId}-1` });
};
await store.start({
  changed: () => undefined,
  missed: () => undefined,
  expired: () => {
    say('expired');
    void Promise.all([...there].map(put)).then(() => say('put again'));
  },
});
await Promise.all(users.map(put));
say('ready');
createInterface({ input: process.stdin }).on('line', (line) => {
  const userId = line.slice('put '.length);
  void put(userId).then(() => say(`put ${userId}`));
});
