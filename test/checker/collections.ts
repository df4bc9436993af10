import type { HistoryRecord } from './history.js';

/** A record of one of these types. */
export type RecordOf<T extends HistoryRecord['type']> = Extract<
  HistoryRecord,
  { readonly type: T }
>;

/** One key of several names, whatever characters they are made of. */
export function keyOf(...parts: readonly (string | number)[]): string {
  return JSON.stringify(parts);
}

/** The value of a key, made if it is not there yet. */
export function ensure<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/** `Map.groupBy`, which Node 20 does not have. */
export function groupBy<K, V>(values: Iterable<V>, keyOfValue: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) ensure(groups, keyOfValue(value), () => []).push(value);
  return groups;
}

/** The records of some types. */
export function ofType<T extends HistoryRecord['type']>(
  records: readonly HistoryRecord[],
  ...types: readonly T[]
): RecordOf<T>[] {
  const wanted: readonly string[] = types;
  return records.filter((record): record is RecordOf<T> => wanted.includes(record.type));
}

/** How many values of a rising list are at most `limit`. */
export function countUpTo(rising: readonly number[], limit: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
