import fc from 'fast-check';
import { orderByGroup } from '../../src/otlp/grouping';
import type { LogRecord } from '../../src/record';
import { recordByHand } from '../support/captured-records';

const resources = [{ resource: 0 }, { resource: 1 }, { resource: 2 }];
const scopes = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];

function records(groups: readonly (readonly [number, number])[]): LogRecord[] {
  return groups.map(([resource, scope], body) => recordByHand({ resource: resources[resource], instrumentationScope: scopes[scope], body }));
}

function bodies(ordered: readonly LogRecord[]): unknown[] {
  return ordered.map(({ body }) => body);
}

describe('orderByGroup', () => {
  it('puts the records of a resource together, in them those of a scope, first seen first', () => {
    expect(bodies(orderByGroup(records([[1, 0], [0, 0], [1, 1], [0, 0], [1, 0], [1, 1]])))).toEqual([0, 4, 2, 5, 1, 3]);
  });

  it.each([
    ['an empty batch', []],
    ['one group', [[0, 0], [0, 0]]],
    ['groups that stand together already', [[0, 0], [0, 0], [0, 1], [1, 1], [1, 0]]],
  ] as const)('returns the same array for %s', (_name, groups) => {
    const batch = records(groups);
    expect(orderByGroup(batch)).toBe(batch);
  });

  it('loses none, keeps the order inside a group, and lets each group appear once', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { maxLength: 30 }), (groups) => {
        const batch = records(groups);
        const before = [...batch];
        const ordered = orderByGroup(batch);
        expect(batch).toEqual(before);
        expect([...ordered].sort((one, other) => Number(one.body) - Number(other.body))).toEqual(before);
        const runs = new Map<string, number>();
        let previous: LogRecord | undefined;
        for (const record of ordered) {
          const group = `${resources.indexOf(record.resource as never)}-${scopes.indexOf(record.instrumentationScope)}`;
          const isSameRun = previous?.resource === record.resource && previous.instrumentationScope === record.instrumentationScope;
          expect(isSameRun ? Number(previous?.body) < Number(record.body) : !runs.has(group)).toBe(true);
          runs.set(group, 1);
          previous = record;
        }
        const resourceRuns = ordered.filter((record, index) => record.resource !== ordered[index - 1]?.resource);
        expect(resourceRuns).toHaveLength(new Set(ordered.map((record) => record.resource)).size);
      }),
    );
  });

  it('does not throw for records whose getters do', () => {
    const hostile = Object.defineProperty(recordByHand(), 'resource', { get: () => { throw new Error('resource'); } });
    const one = recordByHand();
    const two = recordByHand();
    expect(orderByGroup([one, hostile, two, undefined as unknown as LogRecord])).toEqual([one, two, hostile, undefined]);
  });
});
