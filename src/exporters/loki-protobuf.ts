import { varintWidth, WireBuffer } from '../otlp/wire-buffer';
import type { LokiContext } from './loki-contexts';
import { labelText } from './loki-label-text';
import type { LokiMetadata, MetadataWriter } from './loki-metadata';
import type { LokiName } from './loki-names';
import { ADDED_BY_LOKI_BYTES, MAX_PUSH_BYTES, type LokiPush, type LokiPushBody } from './loki-push';
import { snappyLiteralHead } from './snappy';

// pkg/push/push.proto of Loki: the fields of PushRequest, StreamAdapter, EntryAdapter, Timestamp and LabelPairAdapter.
const STREAM_TAG = 0x0a;
const LABELS_TAG = 0x0a;
const ENTRY_TAG = 0x12;
const TIMESTAMP_TAG = 0x0a;
const SECONDS_TAG = 0x08;
const NANOS_TAG = 0x10;
const LINE_TAG = 0x12;
const METADATA_TAG = 0x1a;
const NAME_TAG = 0x0a;
const VALUE_TAG = 0x12;

const NANOS_DIGITS = 9;

// Tag and length.
const STREAM_HEAD_BYTES = 6;

// Its tag and length, and those of its timestamp with two varints.
const ENTRY_HEAD_BYTES = 40;

// What the length of an entry is guessed from, beside its line: time, and metadata of the usual size.
const USUAL_ENTRY_BYTES = 200;

// Small, because there may be many streams; it doubles.
const INITIAL_STREAM_BYTES = 4096;

interface EncodedContext {
  /** The labels in a form that tells streams apart. */
  readonly key: string;
  /** The field `labels` of a stream. */
  readonly labels: Uint8Array;
  /** Fields `structuredMetadata` of an entry. */
  readonly metadata: Uint8Array;
}

const encodedContexts = new WeakMap<LokiContext, EncodedContext>();

function encodedContextOf(context: LokiContext): EncodedContext {
  let encoded = encodedContexts.get(context);
  if (encoded === undefined) {
    const wire = new WireBuffer(INITIAL_STREAM_BYTES);
    const key = labelText(context.labels);
    wire.byte(LABELS_TAG);
    wire.string(key);
    const labelsEnd = wire.position;
    for (const [name, value] of context.entries) {
      writePair(wire, name, value);
    }
    encoded = { key, labels: new Uint8Array(wire.bytes.subarray(0, labelsEnd)), metadata: wire.copyFrom(labelsEnd) };
    encodedContexts.set(context, encoded);
  }
  return encoded;
}

function writePair(wire: WireBuffer, name: string, value: string): void {
  const width = varintWidth(name.length + value.length + 4);
  wire.reserve(2 + width);
  wire.byte(METADATA_TAG);
  const start = wire.open(width);
  wire.byte(NAME_TAG);
  wire.string(name);
  wire.reserve(1);
  wire.byte(VALUE_TAG);
  wire.string(value);
  wire.close(start, width);
}

class Stream implements MetadataWriter {
  readonly #labels: Uint8Array;
  /** Its entries. */
  readonly #wire = new WireBuffer(INITIAL_STREAM_BYTES);
  #common: Uint8Array = new Uint8Array();
  #records = 0;

  constructor(labels: Uint8Array) {
    this.#labels = labels;
  }

  /** Whether more would be too much for one request. */
  get isFull(): boolean {
    return this.#wire.position + this.#records * ADDED_BY_LOKI_BYTES >= MAX_PUSH_BYTES;
  }

  add(timestamp: string, line: string, common: Uint8Array, metadata: LokiMetadata): void {
    const wire = this.#wire;
    const width = varintWidth(line.length + USUAL_ENTRY_BYTES);
    wire.reserve(ENTRY_HEAD_BYTES);
    wire.byte(ENTRY_TAG);
    const start = wire.open(width);
    wire.byte(TIMESTAMP_TAG);
    const timeStart = wire.open(1);
    wire.byte(SECONDS_TAG);
    wire.int64(Number(timestamp.slice(0, -NANOS_DIGITS)));
    wire.byte(NANOS_TAG);
    wire.uint32(Number(timestamp.slice(-NANOS_DIGITS)));
    wire.close(timeStart, 1);
    wire.byte(LINE_TAG);
    wire.string(line);
    this.#common = common;
    metadata.writeTo(this);
    wire.close(start, width);
    this.#records++;
  }

  writeCommon(): void {
    this.#wire.raw(this.#common);
  }

  write(name: LokiName, value: string): void {
    writePair(this.#wire, name.name, value);
  }

  finish(): LokiPushBody {
    const entries = this.#wire.take();
    const head = new WireBuffer(STREAM_HEAD_BYTES);
    head.byte(STREAM_TAG);
    head.uint32(this.#labels.length + entries.length);
    const parts = [head.take(), this.#labels, entries];
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    return { bytes: Buffer.concat([snappyLiteralHead(length), ...parts]), records: this.#records };
  }
}

/** Pushes as protobuf in a block of the Snappy format, which Loki wants around it. */
export class LokiProtobufPush implements LokiPush {
  readonly #bodies: LokiPushBody[] = [];
  readonly #streams = new Map<string, Stream>();

  add(context: LokiContext, timestamp: string, line: string, metadata: LokiMetadata): void {
    const encoded = encodedContextOf(context);
    const stream = this.#streams.get(encoded.key) ?? this.#addStream(encoded);
    stream.add(timestamp, line, encoded.metadata, metadata);
    if (stream.isFull) {
      this.#bodies.push(stream.finish());
      this.#streams.delete(encoded.key);
    }
  }

  finish(): LokiPushBody[] {
    return [...this.#bodies, ...Array.from(this.#streams.values(), (stream) => stream.finish())];
  }

  #addStream({ key, labels }: EncodedContext): Stream {
    const stream = new Stream(labels);
    this.#streams.set(key, stream);
    return stream;
  }
}
