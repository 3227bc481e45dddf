import fc from 'fast-check';
import { truncateRecord, TRUNCATED_ATTRIBUTE } from '../../src/lane/record-truncation';
import { estimateRecordBytes } from '../../src/record-size';
import { makeRecord } from '../support/records';

describe('truncateRecord', () => {
  it('leaves a record alone that is small enough', () => {
    const record = makeRecord(1);
    expect(truncateRecord(record, estimateRecordBytes(record))).toBe(record);
  });

  it('cuts the longest strings first, marks the copy and leaves the record as it was', () => {
    const attributes = { long: 'a'.repeat(3000), longer: 'b'.repeat(5000), short: 'c'.repeat(100), count: 7 };
    const record = makeRecord(1, { body: 'd'.repeat(200), attributes, eventName: 'e' });
    const cut = truncateRecord(record, 2000);
    expect(estimateRecordBytes(cut)).toBeLessThanOrEqual(2000);
    expect(estimateRecordBytes(cut)).toBeGreaterThan(1990);
    expect(cut.body).toBe(record.body);
    expect(cut.attributes).toMatchObject({ short: attributes.short, count: 7, [TRUNCATED_ATTRIBUTE]: true });
    const lengths = [cut.attributes['long'], cut.attributes['longer']].map((value) => (value as string).length);
    expect(lengths[0]).toBe(lengths[1]);
    expect(cut).toMatchObject({ hrTime: record.hrTime, severityText: 'INFO', severityNumber: 9, resource: record.resource, instrumentationScope: record.instrumentationScope, eventName: 'e' });
    expect(record.attributes).toBe(attributes);
    expect(attributes.longer).toHaveLength(5000);
  });

  it('reaches into objects and arrays, of the body and of attributes', () => {
    const cut = truncateRecord(makeRecord(1, { body: { list: ['x'.repeat(4000), 1] }, attributes: { deep: { er: 'y'.repeat(4000) } } }), 600);
    expect(estimateRecordBytes(cut)).toBeLessThanOrEqual(600);
    expect(cut.body).toEqual({ list: [expect.stringMatching(/^x{50,300}$/), 1] });
  });

  it('never splits a surrogate pair', () => {
    for (const maxBytes of [300, 301]) {
      const body = truncateRecord(makeRecord(1, { body: '😀'.repeat(500) }), maxBytes).body as string;
      expect(body).toBe('😀'.repeat(body.length / 2));
      expect(body.length).toBeGreaterThan(50);
    }
  });

  it('is within the bound whenever strings are what makes a record large', () => {
    const text = fc.string({ maxLength: 2000, unit: 'binary' });
    fc.assert(
      fc.property(text, fc.dictionary(fc.string({ maxLength: 5 }), text, { maxKeys: 5 }), fc.integer({ min: 400, max: 3000 }), (body, attributes, maxBytes) => {
        const cut = truncateRecord(makeRecord(1, { body, attributes }), maxBytes);
        expect(estimateRecordBytes(cut)).toBeLessThanOrEqual(maxBytes);
        expect((cut.body as string).isWellFormed()).toBe(body.isWellFormed());
      }),
    );
  });

  it('keeps what is no string, even if the record stays too large', () => {
    const record = makeRecord(1, { body: 'text', attributes: { bytes: new Uint8Array(5000), __proto__: 'own' } });
    const cut = truncateRecord(record, 300);
    expect(cut.attributes['bytes']).toHaveLength(5000);
    expect(cut.body).toBe('');
  });

  it('gives a record back whose getters throw, and one without any string', () => {
    const throwing = Object.defineProperty(makeRecord(1, { body: 'x'.repeat(5000) }), 'attributes', {
      get() {
        throw new Error('no');
      },
    });
    expect(truncateRecord(throwing, 300)).toBe(throwing);
    const bytes = makeRecord(1, { body: new Uint8Array(5000) });
    expect(truncateRecord(bytes, 300)).toBe(bytes);
  });
});
