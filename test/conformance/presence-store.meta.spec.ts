/** A suite that cannot fail proves nothing: stores with one fault each, and the clauses that find it. */
import { describe, expect, it } from '@jest/globals';

import type { Clock, PresenceStore } from '../../lib/core/index.js';
import type { MemoryPresenceOptions } from '../../lib/memory/index.js';
import * as leases from './faulty-presence/leases.js';
import * as records from './faulty-presence/records.js';
import * as watching from './faulty-presence/watching.js';
import { WrappedStore } from './faulty-presence/wrapped-store.js';
import { sharedPresence } from './presence-store.shared.js';
import { presenceChecks, type PresenceWorld } from './presence-store.suite.js';
import { brokenClauses } from './suite.js';

type Store = new (clock: Clock, options: MemoryPresenceOptions) => PresenceStore;

const faults: [string, Store, string[]][] = [
  ['counts devices', records.CountsDevices, ['S1']],
  ['takes a user out with one device', records.ForgetsWithOneDevice, ['S1']],
  ['keeps one device a user', records.KeepsLastDevice, ['S1']],
  ['forgets what everyone may know', records.ForgetsInfo, ['S1']],
  ['has a client that comes back there twice', records.IgnoresClient, ['S2']],
  ['removes whichever connection is shown', records.RemovesByClient, ['S2']],
  ['forgets what was replaced', records.ForgetsOlder, ['S2']],
  ['leaves older records of a client behind', records.KeepsOlder, ['S2']],
  ['takes a changed record for a new one', records.MovesChanged, ['S2']],
  ['mixes rooms', records.LeaksRooms, ['S7']],
  ['keeps users in an object', records.KnowsProto, ['S7']],
  ['removes later than it was asked to', records.RemovesLate, ['S9']],
  ['is done before it has put', records.PutsLate, ['S9']],
  ['leaves a change out', watching.LosesChange, ['S3']],
  ['tells a change twice', watching.DoublesChange, ['S3', 'S4']],
  ['tells changes in the wrong order', watching.SwapsChanges, ['S3']],
  ['does not tell a node what it did itself', watching.TellsOthersOnly, ['S3']],
  ['tells of what changes nothing', watching.TellsNoChange, ['S3']],
  ['tells a part of the member', watching.TellsFirstDevice, ['S3']],
  ['has every device join', watching.JoinsByDevice, ['S3']],
  ['tells of rooms that are not watched', watching.TellsAllRooms, ['S3']],
  ['does not tell what others removed', watching.ForgetsOthersRemovals, ['S3']],
  ['begins to tell after the snapshot', watching.ListensLate, ['S4']],
  ['gives the first snapshot again', watching.KeepsSnapshot, ['S4']],
  ['reads the version apart from the members', watching.ReadsVersionApart, ['S4']],
  ['lists everybody', watching.ListsEverybody, ['S4']],
  ['lists some', watching.ListsSome, ['S4']],
  ['tells after unwatch', watching.IgnoresUnwatch, ['S5']],
  ['unwatches later than it was asked to', watching.UnwatchesLate, ['S5']],
  ['unwatches for all nodes', watching.UnwatchesForAll, ['S5']],
  ['finds the dead late', leases.SweepsLate, ['S6']],
  ['takes the living for dead', leases.RenewsLate, ['S6']],
  ['does not say that records are gone', leases.ExpiresSilently, ['S6']],
  ['says too late that records are gone', leases.ExpiresLate, ['S6']],
  ['brings removed records back', leases.Resurrects, ['S6']],
  ['is deaf after it was away', leases.DeafAfterExpiry, ['S6']],
  ['removes its records when it closes', leases.RemovesOnClose, ['S8']],
  ['goes on after close', leases.IgnoresClose, ['S8']],
];

function worldOf(Faulty: Store): () => Promise<PresenceWorld> {
  return () => sharedPresence((clock, options) => new Faulty(clock, options));
}

describe('the presence suite', () => {
  it.each(faults)('goes red for a store that %s', async (_, Faulty, clauses) => {
    const broken = await brokenClauses(presenceChecks, worldOf(Faulty));
    expect(broken).toEqual(expect.arrayContaining(clauses));
  });

  it('stays green for the store that the faulty ones are made of', async () => {
    expect(await brokenClauses(presenceChecks, worldOf(WrappedStore))).toEqual([]);
  });

  it('has a check for each of the 9 clauses of the contract', () => {
    const clauses = new Set(presenceChecks.map(({ clause }) => clause));
    expect([...clauses].toSorted()).toEqual(
      Array.from({ length: 9 }, (__, n) => `S${String(n + 1)}`),
    );
  });
});
