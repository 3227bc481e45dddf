import type { LogRecord } from '../../src/record';
import { FrameReader } from '../../src/thread/frame-reader';
import { FrameWriter } from '../../src/thread/frame-writer';
import { createStringTable, StringTableWriter } from '../../src/thread/string-table';
import { StringTableReader } from '../../src/thread/string-table-reader';

/** Both sides of the frames, in one thread. */
export class FrameRig {
  readonly shared: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  readonly table: StringTableWriter;
  readonly tableReader: StringTableReader;
  readonly writer: FrameWriter;
  readonly reader: FrameReader;

  constructor(options: { tableBytes?: number; dataBytes?: number; onUnsettled?: ConstructorParameters<typeof StringTableWriter>[1] } = {}) {
    this.shared = createStringTable(options.tableBytes);
    this.data = new SharedArrayBuffer(options.dataBytes ?? 1024 * 1024);
    this.bytes = new Uint8Array(this.data);
    this.table = new StringTableWriter(this.shared, options.onUnsettled);
    this.tableReader = new StringTableReader(this.shared);
    this.writer = new FrameWriter(this.table, this.data);
    this.reader = new FrameReader(this.tableReader);
  }

  /** @throws Error if the frame is refused */
  through(record: LogRecord, offset = 0): LogRecord {
    const length = this.writer.write(record, offset, this.bytes.length);
    if (length <= 0) {
      throw new Error(`the writer returned ${length}`);
    }
    return this.reader.read(this.bytes, offset, length);
  }
}

/** What a value must be after it has crossed, by other means than the frame's. */
export function nearestForm(value: unknown, ancestors: readonly object[] = []): unknown {
  if (typeof value === 'string') {
    return value.toWellFormed();
  }
  if (typeof value === 'function' || typeof value === 'symbol') {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (value instanceof Uint8Array) {
    return Uint8Array.from(value);
  }
  if (ancestors.length === 64 || ancestors.includes(value)) {
    return undefined;
  }
  const around = [...ancestors, value];
  return Array.isArray(value) ? Array.from(value, (element) => nearestForm(element, around)) : nearestEntries(value, around);
}

export function nearestEntries(map: object, around: readonly object[] = []): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key.toWellFormed(), nearestForm(value, around)]));
}

/** What is compared of a record: the fields of its type that are set, the resource and the scope by their values. */
export function plainRecord(record: LogRecord): Record<string, unknown> {
  const { resource, instrumentationScope: scope } = record;
  return dropUnset({
    hrTime: record.hrTime,
    hrTimeObserved: record.hrTimeObserved,
    spanContext: record.spanContext === undefined ? undefined : { ...record.spanContext },
    severityText: nearestForm(record.severityText),
    severityNumber: record.severityNumber,
    body: nearestForm(record.body),
    eventName: nearestForm(record.eventName),
    attributes: nearestEntries(record.attributes),
    droppedAttributesCount: record.droppedAttributesCount,
    resource: dropUnset({ attributes: nearestEntries(resource.attributes), schemaUrl: resource.schemaUrl, asyncAttributesPending: resource.asyncAttributesPending }),
    instrumentationScope: dropUnset({
      name: nearestForm(scope.name),
      version: nearestForm(scope.version),
      schemaUrl: scope.schemaUrl,
      droppedAttributesCount: scope.droppedAttributesCount,
      attributes: scope.attributes === undefined ? undefined : nearestEntries(scope.attributes),
    }),
  });
}

function dropUnset(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
