import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { loadRecord } from '../../../scripts/load/load-record';
import { OtlpWalk } from '../../../scripts/load/otlp-walk';
import { SequenceCounter } from '../../../scripts/load/sequence-counter';
import { countSequencesInText, LineCounter } from '../../../scripts/load/text-scan';

function otlpRequest(sequences: readonly number[]): Buffer {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  sequences.forEach((sequence, index) => provider.getLogger(index % 2 === 0 ? 'even' : 'odd').emit(loadRecord(sequence)));
  return Buffer.from(ProtobufLogsSerializer.serializeRequest(exporter.getFinishedLogRecords())!);
}

function countOtlp(total: number, body: Buffer): SequenceCounter {
  const counter = new SequenceCounter(total);
  new OtlpWalk(body).countRecords(counter, 1);
  return counter;
}

describe('SequenceCounter', () => {
  it('counts different numbers, duplicates and what came late, and ignores the warm-up', () => {
    const counter = new SequenceCounter(10);
    [0, 1, 3, 2, 3, 9, 10, 4711].forEach((sequence, index) => counter.add(sequence, index));
    expect(counter.counts()).toEqual({ unique: 5, duplicates: 1, outOfOrder: 1, unreadable: 0, lastMillis: 5 });
  });

  it('counts every number of a run once, also at the ends of its bytes', () => {
    const counter = new SequenceCounter(1001);
    for (let sequence = 0; sequence < 1001; sequence += 1) {
      counter.add(sequence, 1);
    }
    expect(counter.counts()).toMatchObject({ unique: 1001, duplicates: 0, outOfOrder: 0 });
  });

  it('does not take what is no sequence number', () => {
    const counter = new SequenceCounter(10);
    [-1, 1.5, NaN].forEach((sequence) => counter.add(sequence, 1));
    expect(counter.counts()).toMatchObject({ unique: 0, unreadable: 3, lastMillis: 0 });
  });
});

describe('OtlpWalk', () => {
  it('finds the sequence number of every record that the stock serializer wrote', () => {
    const sequences = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31 + 5];
    const counter = countOtlp(2 ** 32, otlpRequest(sequences));
    expect(counter.counts()).toMatchObject({ unique: sequences.length, duplicates: 0, unreadable: 0 });
  });

  it('counts a record without the attribute as unreadable', () => {
    const request = otlpRequest([7]);
    request.write('sez', request.indexOf('seq'));
    expect(countOtlp(10, request).counts()).toMatchObject({ unique: 0, unreadable: 1 });
  });

  it('throws on a body that is cut anywhere but between two resources', () => {
    const request = otlpRequest([5, 6, 7]);
    for (let length = 1; length < request.length; length += 1) {
      expect(() => countOtlp(10, request.subarray(0, length))).toThrow(RangeError);
    }
  });
});

describe('text', () => {
  it('finds numbers and numbers in strings', () => {
    const counter = new SequenceCounter(1000);
    expect(countSequencesInText(Buffer.from('{"a":"x","seq":12,"b":1}{"seq":"345"} "seq":'), counter, 1)).toBe(3);
    expect(counter.counts()).toMatchObject({ unique: 2, unreadable: 1 });
  });

  it('counts the same lines, however the stream is cut', () => {
    const text = Buffer.from(Array.from({ length: 20 }, (_, sequence) => `{"body":"request completed","attributes":{"seq":${sequence}}}\n`).join(''));
    for (let size = 1; size < 90; size += 1) {
      const counter = new SequenceCounter(20);
      const lines = new LineCounter(counter);
      for (let at = 0; at < text.length; at += size) {
        lines.push(text.subarray(at, at + size));
      }
      lines.end();
      expect(counter.counts()).toMatchObject({ unique: 20, duplicates: 0, outOfOrder: 0, unreadable: 0 });
    }
  });

  it('counts a line without a number and a last line without its end as unreadable', () => {
    const counter = new SequenceCounter(20);
    const lines = new LineCounter(counter);
    lines.push(Buffer.from('{"seq":1}\nError: something printed\n{"se'));
    lines.end();
    expect(counter.counts()).toMatchObject({ unique: 1, unreadable: 2 });
  });
});
