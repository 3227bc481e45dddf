import fc from 'fast-check';
import type { LogRecord } from '../../src/record';

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withSparseArray: true, withNullPrototype: true });

/** Text with what is dangerous in names, in JSON and in UTF-8. */
export const lokiText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('\ud800', '\udc00', 'é', '_', '日', '1', '"', '\\', '\n', 'a') }));
const attributes = fc.dictionary(lokiText, fc.oneof(anything, lokiText, fc.double(), fc.dictionary(lokiText, anything)), { maxKeys: 150, noNullPrototype: true });
const time = fc.oneof(fc.tuple(fc.oneof(fc.double(), fc.integer()), fc.oneof(fc.double(), fc.integer())), fc.constant([1_700_000_000, 5]), anything);

/** What an application can make the SDK hand on, and worse. */
export const lokiRecord = fc.record({
  hrTime: time,
  hrTimeObserved: time,
  severityNumber: fc.oneof(fc.integer({ min: -5, max: 30 }), anything),
  severityText: fc.oneof(lokiText, anything),
  body: fc.oneof(anything, lokiText, attributes),
  attributes: fc.oneof(attributes, anything),
  droppedAttributesCount: fc.oneof(fc.nat(), anything),
  eventName: fc.oneof(lokiText, anything),
  spanContext: fc.oneof(fc.record({ traceId: lokiText, spanId: lokiText, traceFlags: fc.nat() }), anything),
  resource: fc.oneof(fc.record({ attributes: fc.oneof(attributes, fc.record({ 'service.name': anything })) }), fc.constant(undefined)),
  instrumentationScope: fc.oneof(fc.record({ name: lokiText, version: lokiText, attributes }), anything),
}) as unknown as fc.Arbitrary<LogRecord>;
