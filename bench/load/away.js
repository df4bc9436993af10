import { samplesOf, Window } from './window.js';

/** What Redis is asked for a message, and the unit of each. */
const OF_REDIS = { cpuUs: 'us', commands: '', bytesIn: 'B', bytesOut: 'B' };
const NAMES = { cpuUs: 'redisCpu', commands: 'commands', bytesIn: 'bytesIn', bytesOut: 'bytesOut' };

/**
 * Measures what is published on one node and delivered by another: as {@link Window} does, processor
 * time being that of all nodes, and what Redis spends on a message.
 *
 * @param {object} server see server-process.js. @param {object} crowd see crowd.js.
 * @param {() => Promise<void>} work
 * @param {{ name: string, server: string, subscribers: number, metrics: string[] }} of the case, whose
 * samples they are, how many deliveries a message has, and which measures of the window are wanted.
 */
export async function measureAway(server, crowd, work, of) {
  const arrivedBefore = crowd.tally.count;
  const before = await server.call('redis');
  const measured = await new Window(server, crowd).measure(work);
  const after = await server.call('redis');
  const arrivals = crowd.tally.count - arrivedBefore;
  const messages = arrivals / of.subscribers;
  // Redis belongs to what is measured: it is not among the others who work meanwhile.
  const elapsedUs = (arrivals / measured.rate) * 1_000_000;
  const redisCores = (after.cpuUs - before.cpuUs) / elapsedUs;
  measured.others = Math.max(0, measured.others - redisCores);
  const line = { case: of.name, server: of.server };
  return [
    ...samplesOf(of.server, of.name, measured, of.metrics),
    ...Object.entries(OF_REDIS).map(([field, unit]) => {
      const value = (after[field] - before[field]) / messages;
      return { ...line, metric: NAMES[field], unit, value };
    }),
  ];
}
