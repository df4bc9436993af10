/** A suite that cannot fail proves nothing: brokers with one fault each, and the clauses that find it. */
import { describe, expect, it } from '@jest/globals';

import type { Broker } from '../../lib/core/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { turn } from '../support/turns.js';
import { brokerChecks, type BrokerWorld } from './broker.suite.js';
import * as history from './faulty-brokers/history.js';
import * as operations from './faulty-brokers/operations.js';
import * as stream from './faulty-brokers/stream.js';
import * as volatile from './faulty-brokers/volatile.js';
import { META_TTL_MS, OPERATIONS, WrappedBroker } from './faulty-brokers/wrapped-broker.js';
import { brokenClauses } from './suite.js';

const faults: [string, new (clock: ManualClock) => Broker, string[]][] = [
  ['gives an offset twice', stream.ReusesOffset, ['B1']],
  ['leaves a message out', stream.LosesMessage, ['B2', 'B3']],
  ['delivers twice', stream.DoublesMessage, ['B2', 'B3', 'B4']],
  ['delivers after unsubscribe', stream.IgnoresUnsubscribe, ['B5']],
  ['mixes rooms', stream.LeaksRooms, ['B9']],
  ['subscribes after it has read the top', stream.SubscribesLate, ['B4']],
  ['goes on after close', stream.IgnoresClose, ['B11']],
  ['forgets its own node', stream.ForgetsItself, ['B8']],
  ['does not ask its own node', stream.AsksNobody, ['B10']],
  ['invents an epoch for an empty room', stream.InventsEpoch, ['B7']],
  ['reuses an epoch', stream.KeepsEpochName, ['B6']],
  ['has holes in its history', history.HoldsHoles, ['B12']],
  ['leaves the newest message out of its history', history.EndsBelowTop, ['B12']],
  ['reads its top apart from its messages', history.ReadsTopLate, ['B12']],
  ['holds messages for ever', history.IgnoresTtl, ['B12']],
  ['holds any number of messages', history.IgnoresSize, ['B12']],
  ['holds any number of bytes', history.IgnoresBytes, ['B12']],
  ['takes size 0 for no bound', history.TakesNoneForAll, ['B12']],
  ['goes by the policy of the first publish', history.KeepsFirstPolicy, ['B12']],
  ['forgets a position with the last message', history.ForgetsWithMessages, ['B12']],
  ['reads backwards in the wrong order', history.ReadsForwardsOnly, ['B12']],
  ['reads from an offset inclusively', history.ReadsInclusively, ['B12']],
  ['gives nothing where a page is too small', history.GivesEmptyPage, ['B12']],
  ['ignores the bytes of a query', history.IgnoresQueryBytes, ['B12']],
  ['ignores the limit of a query', history.IgnoresQueryLimit, ['B12']],
  ['drops what a message has in its history', history.DropsFields, ['B12']],
  ['forgets operations', operations.ForgetsOperations, ['B13']],
  ['answers a repeat with its own id', operations.AnswersOwnId, ['B13']],
  ['delivers a repeat', operations.DeliversRepeat, ['B13']],
  ['looks up an operation before the first is done', operations.LooksTooEarly, ['B13']],
  ['mixes the operations of clients', operations.MixesClients, ['B13']],
  ['glues the names of client and operation', operations.GluesNames, ['B13']],
  ['remembers operations for ever', operations.RemembersForEver, ['B13']],
  ['remembers operations for half of the time', operations.ForgetsEarly, ['B13']],
  ['remembers half of the operations', operations.RemembersHalf, ['B13']],
  ['bounds the operations of all clients together', operations.SharesWindow, ['B13']],
  ['repeats volatile messages', operations.RepeatsVolatile, ['B13']],
  ['stores volatile messages', volatile.StoresVolatile, ['B14']],
  ['says that volatile messages are stored', volatile.ClaimsDurability, ['B14']],
  ['gives volatile messages an offset', volatile.CountsVolatile, ['B14']],
  ['delivers volatile messages late', volatile.DelaysVolatile, ['B14']],
  ['loses volatile messages', volatile.DropsVolatile, ['B14']],
  ['says that all is late when nothing is', stream.CriesWolf, ['B16']],
];

function worldOf(Faulty: new (clock: ManualClock) => Broker): () => Promise<BrokerWorld> {
  return () => {
    const clock = new ManualClock();
    const broker = new Faulty(clock);
    return Promise.resolve({
      nodes: [broker],
      operations: OPERATIONS,
      forget: async () => {
        clock.advance(META_TTL_MS + 1);
        await broker.top('another');
      },
      advance: async (ms) => {
        clock.advance(ms);
        await turn();
      },
      settle: turn,
      dispose: () => undefined,
    });
  };
}

describe('the broker suite', () => {
  it.each(faults)('goes red for a broker that %s', async (_, Faulty, clauses) => {
    const checks = brokerChecks.filter(({ clause }) => clauses.includes(clause));
    expect(await brokenClauses(checks, worldOf(Faulty))).toEqual(clauses);
  });

  it('stays green for the broker that the faulty ones are made of', async () => {
    expect(await brokenClauses(brokerChecks, worldOf(WrappedBroker))).toEqual([]);
  });

  it('has a check for each clause of the contract but B15, which takes a store that loses something', () => {
    const clauses = new Set(brokerChecks.map(({ clause }) => clause));
    const numbers = Array.from({ length: 16 }, (__, n) => n + 1).filter((number) => number !== 15);
    expect([...clauses]).toEqual(numbers.map((number) => `B${String(number)}`));
  });
});
