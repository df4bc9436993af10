/**
 * An emitter in a process of its own, which fails if it loads Nest or anything that a server needs. Takes
 * its options as a JSON text from the command line, and calls as lines of JSON on its standard input:
 * name of the method and arguments. Says what came of each. Ends by itself once it is closed.
 */
import { register } from 'node:module';
import { createInterface } from 'node:readline';

const foreign = '^(@nestjs/|rxjs|reflect-metadata|ws$|jose|class-)';
register(
  `data:text/javascript,${encodeURIComponent(`
    export async function resolve(name, context, next) {
      if (new RegExp(${JSON.stringify(foreign)}).test(name)) throw new Error('loads ' + name);
      return next(name, context);
    }`)}`,
);
const { RealtimeEmitter } = await import('../../dist/emitter/index.js');
const emitter = new RealtimeEmitter(JSON.parse(process.argv[2]));
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
await emitter.ready();
say({ ready: true });
const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  const [method, ...args] = JSON.parse(line);
  say({ result: (await emitter[method](...args)) ?? null });
  if (method === 'close') break;
}
lines.close();
process.stdin.destroy();
