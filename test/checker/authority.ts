/** Assertions 15 and 16: nothing reaches those it is not for. */
import { keyOf, ofType } from './collections.js';
import type { Grant, HistoryRecord, Revoke, SubscriberIdentity } from './history.js';
import type { IndexedHistory } from './indexed-history.js';
import type { Verdict } from './verdict.js';

/** Whether a history says anything about rights. */
export function hasGrants({ records }: IndexedHistory): boolean {
  return records.some(({ type }) => type === 'grant' || type === 'revoke');
}

/** Whether a history says anything about tenants. */
export function hasTenants({ records }: IndexedHistory): boolean {
  return records.some((record) => 'tenant' in record && record.tenant !== undefined);
}

/** 15 authority: a subscriber receives only while its user may read the room, or shortly after. */
export function authority({ records, options }: IndexedHistory, verdict: Verdict): void {
  const { revokeBound = 0 } = options;
  const identities = new Map<string, SubscriberIdentity>();
  const rights = new Map<string, Grant | Revoke>();
  for (const record of records) {
    if (record.type === 'subscriber') identities.set(record.p, record);
    else if (record.type === 'grant' || record.type === 'revoke') {
      note(rights, record);
    } else if (record.type === 'recv') {
      const identity = identities.get(record.p);
      if (identity === undefined) continue;
      verdict.judged += 1;
      const right = rights.get(keyOf(identity.user, record.room));
      if (right?.type === 'grant') continue;
      if (right !== undefined && record.t - right.t <= revokeBound) continue;
      const excerpt = right === undefined ? [identity, record] : [identity, right, record];
      const who = `${record.p} received ${record.id} in room ${record.room}`;
      verdict.offence(excerpt, `${who}, which ${identity.user} may not read`);
    }
  }
}

/** Revoked twice is revoked since the first time. */
function note(rights: Map<string, Grant | Revoke>, change: Grant | Revoke): void {
  const key = keyOf(change.user, change.room);
  if (rights.get(key)?.type !== change.type) rights.set(key, change);
}

/** 16 tenancy: the canary in what a subscriber receives is its own tenant's, and the publisher's. */
export function tenancy({ records, publications }: IndexedHistory, verdict: Verdict): void {
  const identities = new Map(ofType(records, 'subscriber').map((record) => [record.p, record]));
  for (const record of ofType(records, 'recv')) {
    const call = publications.get(record.id)?.calls[0];
    const identity = identities.get(record.p);
    const witnesses: readonly (HistoryRecord & { readonly tenant?: string | undefined })[] = [
      ...(identity === undefined ? [] : [identity]),
      ...(call === undefined ? [] : [call]),
      record,
    ];
    const known = witnesses.filter(({ tenant }) => tenant !== undefined);
    verdict.judged += known.length > 1 ? 1 : 0;
    const other = known.find(({ tenant }) => tenant !== known[0]?.tenant);
    if (other === undefined) continue;
    const what = `${record.p} received ${record.id} in room ${record.room}`;
    const tenants = `${known[0]?.tenant ?? ''} and ${other.tenant ?? ''}`;
    verdict.offence([...new Set([known[0]!, other, record])], `${what} across ${tenants}`);
  }
}
