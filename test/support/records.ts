import type { LogRecord } from '../../src/record';

const RESOURCE = { attributes: { 'service.name': 'test' }, getRawAttributes: () => [], merge: () => RESOURCE } as unknown as LogRecord['resource'];
const SCOPE = { name: 'test-scope' };

/** A plain record; `seq` is its only attribute. */
export function makeRecord(seq: number, overrides: Partial<LogRecord> = {}): LogRecord {
  return {
    hrTime: [1_700_000_000, seq],
    hrTimeObserved: [1_700_000_000, seq],
    severityNumber: 9,
    severityText: 'INFO',
    body: `record ${seq}`,
    attributes: { seq },
    droppedAttributesCount: 0,
    resource: RESOURCE,
    instrumentationScope: SCOPE,
    ...overrides,
  };
}

export function seqOf(record: LogRecord): number {
  return record.attributes['seq'] as number;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
