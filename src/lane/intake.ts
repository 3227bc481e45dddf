import { BuiltInExporter } from '../exporters/built-in-exporter';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { admissionFor, type Admission } from '../queue/overflow-policy';
import { RecordQueue, type TakenBatch } from '../queue/record-queue';
import type { LogRecord } from '../record';
import { estimateRecordBytes } from '../record-size';
import type { LossReason } from '../stats';
import type { ResolvedLaneOptions } from './lane-options';

// A request costs the main thread as much as hundreds of records, so an exporter that takes all that waits waits for half a queue, but not for more than this.
const MAX_DUE_RECORDS = 4096;

// Weighing a batch takes one turn of the event loop.
const MAX_BATCH_RECORDS = 8192;

/** Most records of a batch. */
export function mostBatchRecords(exporter: LogRecordExporter, options: ResolvedLaneOptions): number {
  return takesAll(exporter, options) ? MAX_BATCH_RECORDS : options.maxExportBatchSize;
}

/** Built-in exporters take all that waits unless the user says how much. */
function takesAll(exporter: LogRecordExporter, options: ResolvedLaneOptions): boolean {
  return exporter instanceof BuiltInExporter && !options.batchSizeIsSet;
}

/** The queue of a lane, with what gets in, how much makes a batch due, and how much a batch may hold. */
export class Intake {
  readonly #queue: RecordQueue;
  #admit: Admission;
  readonly #onEvict: () => void;
  readonly #dueRecords: number;
  readonly #dueBytes: number;
  readonly #maxBatchRecords: number;
  readonly #maxBatchBytes: number;
  readonly #sizeOf: (record: LogRecord) => number;

  /** @param onEvict called for each queued record that had to make room */
  constructor(exporter: LogRecordExporter, options: ResolvedLaneOptions, onEvict: () => void) {
    const builtIn = exporter instanceof BuiltInExporter ? exporter : undefined;
    this.#queue = new RecordQueue({ maxRecords: options.maxQueueSize, maxBytes: options.maxQueueBytes });
    this.#admit = admissionFor(options.onQueueFull);
    this.#onEvict = onEvict;
    this.#dueRecords = takesAll(exporter, options) ? Math.min(Math.ceil(options.maxQueueSize / 2), MAX_DUE_RECORDS) : options.maxExportBatchSize;
    this.#dueBytes = options.maxQueueBytes === undefined ? Infinity : options.maxQueueBytes / 2;
    // With a spool half of the queue is never in flight, so that what goes to disk to make room goes in pieces.
    const share = options.spool === undefined ? 1 : 2;
    this.#maxBatchRecords = Math.min(mostBatchRecords(exporter, options), Math.ceil(options.maxQueueSize / share));
    this.#maxBatchBytes = Math.min(options.maxExportBatchBytes ?? builtIn?.maxBatchBytes ?? Infinity, (options.maxQueueBytes ?? Infinity) / share);
    this.#sizeOf = builtIn === undefined ? estimateRecordBytes : (record) => builtIn.sizeOf(record);
  }

  /** Records that wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** The position of the oldest record that waits; what is before it has left the queue. */
  get headPosition(): number {
    return this.#queue.headPosition;
  }

  /** One behind the newest record. */
  get endPosition(): number {
    return this.#queue.endPosition;
  }

  /** Whether a batch is due, however short its records have waited. */
  get hasEnough(): boolean {
    return this.#queue.length >= this.#dueRecords || this.#queue.bytes >= this.#dueBytes;
  }

  /**
   * Puts the record into the queue or says why not. Never throws.
   * @param bytes an estimate; only looked at if `maxQueueBytes` is set
   */
  offer(record: LogRecord, severityNumber: number | undefined, bytes: number): LossReason | undefined {
    try {
      return this.#admit(this.#queue, record, severityNumber, bytes, this.#onEvict);
    } catch {
      // A getter of a record that was made by hand: the SDK's have none that throw.
      return 'invalid';
    }
  }

  /** Whether the queue has room for a record of this size. */
  fits(bytes: number): boolean {
    return this.#queue.fits(bytes);
  }

  /** How many more records of this size the queue has room for. */
  roomFor(recordBytes: number): number {
    const queue = this.#queue;
    const byRecords = queue.maxRecords - queue.size;
    return queue.maxBytes === Infinity || queue.bytes === 0 ? byRecords : Math.min(byRecords, Math.floor((queue.maxBytes - queue.bytes) / recordBytes));
  }

  /** The oldest records that wait, which stay where they are. */
  oldest(maxRecords: number): LogRecord[] {
    return this.#queue.oldest(maxRecords);
  }

  /** Removes so many of the oldest records. */
  removeOldest(count: number): void {
    for (let removed = 0; removed < count; removed++) {
      this.#queue.evictOldest();
    }
  }

  takeBatch(): TakenBatch {
    return this.#queue.take(this.#maxBatchRecords, this.#maxBatchBytes, this.#sizeOf);
  }

  /** Gives the room of a batch free. */
  release(batch: TakenBatch): void {
    this.#queue.release(batch);
  }

  clear(): void {
    this.#queue.clear();
  }

  /** From now on every record is refused for this reason. */
  close(reason: LossReason): void {
    // Here and not by a flag, so that a working lane pays nothing for it.
    this.#admit = () => reason;
  }
}
