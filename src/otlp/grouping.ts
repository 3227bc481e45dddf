import type { LogRecord } from '../record';

/**
 * Orders a batch so that the records of one resource and scope stand together: first seen first, order kept inside.
 * Resources and scopes are told apart by identity, as the stock serializers do. Never throws, whatever the records are.
 * @returns the same array when there is nothing to order
 */
export function orderByGroup(records: readonly LogRecord[]): readonly LogRecord[] {
  const resource = resourceOf(records[0]);
  const scope = scopeOf(records[0]);
  // Nearly every batch has one resource, and many have one scope: they cost one comparison a record and no allocation.
  const other = records.findIndex((record) => resourceOf(record) !== resource || scopeOf(record) !== scope);
  if (other === -1) {
    return records;
  }
  const groups = new Map<unknown, Map<unknown, LogRecord[]>>([[resource, new Map([[scope, records.slice(0, other)]])]]);
  for (let index = other; index < records.length; index++) {
    const record = records[index] as LogRecord;
    const scopes = getOrInsert(groups, resourceOf(record), () => new Map<unknown, LogRecord[]>());
    getOrInsert(scopes, scopeOf(record), () => [] as LogRecord[]).push(record);
  }
  const ordered = [...groups.values()].flatMap((scopes) => [...scopes.values()].flat());
  return ordered.every((record, index) => record === records[index]) ? records : ordered;
}

// Records made by hand may have getters that throw: those count as one group, and the encoder rejects them one by one.
function resourceOf(record: LogRecord | undefined): unknown {
  try {
    return record?.resource;
  } catch {
    return undefined;
  }
}

function scopeOf(record: LogRecord | undefined): unknown {
  try {
    return record?.instrumentationScope;
  } catch {
    return undefined;
  }
}

function getOrInsert<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
