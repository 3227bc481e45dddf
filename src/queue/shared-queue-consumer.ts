/// <reference lib="es2024.sharedmemory" />
import { BASE, CAPACITY, FRAME_HEADER_BYTES, HEAD, maxFrameBytes, SKIPS_TO_START, TAIL, WAITERS, WAKE, type SharedQueueMemory } from './shared-queue';

const DEFAULT_PIECE_BYTES = 256 * 1024;

/** A copy of frames in private memory. */
interface Piece {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

/**
 * The worker thread's end of a shared queue. It takes in two steps: `peek` copies the oldest frames out, `commit` takes them off the ring.
 * If `commit` says no, the producer has evicted some of them and the copy means nothing. So under `drop-oldest` a frame is read only after its commit.
 *
 * ```ts
 * if (consumer.peek() > 0 && consumer.commit()) {
 *   while (consumer.nextFrame()) {
 *     reader.read(consumer.bytes, consumer.frameOffset, consumer.frameLength);
 *   }
 * }
 * ```
 */
export class SharedQueueConsumer {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #ring: Uint8Array;
  readonly #capacity: number;
  readonly #maxPieceBytes: number;
  readonly #standardPiece: Piece;
  #piece: Piece;
  /** Most bytes of the next piece: less after a lost race, because a short copy is more likely to win the next one. */
  #pieceLimit: number;
  #head = 0;
  #pieceBytes = 0;
  #pieceEnd = 0;
  #hasPiece = false;
  #next = 0;
  #frameOffset = 0;
  #frameLength = 0;

  /** @param maxPieceBytes most bytes that one `peek` copies, but for a frame that is larger by itself; a multiple of 8. Default 256 KiB. */
  constructor(memory: SharedQueueMemory, maxPieceBytes = DEFAULT_PIECE_BYTES) {
    this.#control = new Int32Array(memory.control);
    this.#words = new Int32Array(memory.data);
    this.#ring = new Uint8Array(memory.data);
    this.#capacity = this.#control[CAPACITY] as number;
    this.#maxPieceBytes = this.#pieceLimit = Math.min(maxPieceBytes, this.#capacity);
    this.#standardPiece = this.#piece = newPiece(this.#maxPieceBytes);
  }

  /** The copy. Its content is valid until the next `peek`. */
  get bytes(): Buffer {
    return this.#piece.bytes;
  }

  /** Where the current frame's content begins in `bytes`, a multiple of 8. */
  get frameOffset(): number {
    return this.#frameOffset;
  }

  /** Bytes of the current frame's content. */
  get frameLength(): number {
    return this.#frameLength;
  }

  /** Whether nothing waits that was published before the producer's position was `position`. */
  hasTakenUpTo(position: number): boolean {
    return ((Atomics.load(this.#control, HEAD) - position) | 0) >= 0;
  }

  /** Bytes that wait to be taken. */
  get waitingBytes(): number {
    const head = Atomics.load(this.#control, HEAD);
    // Between the two loads the producer may evict and write more.
    return Math.min((Atomics.load(this.#control, TAIL) - head) | 0, this.#capacity);
  }

  /**
   * Copies the oldest frames out, `maxRecords` of them at most.
   * @returns how many records; 0 if none waits
   * @throws Error if the ring holds something that no producer writes
   */
  peek(maxRecords = Infinity): number {
    for (;;) {
      this.#hasPiece = false;
      this.#piece = this.#standardPiece;
      const head = Atomics.load(this.#control, HEAD);
      const waiting = (Atomics.load(this.#control, TAIL) - head) | 0;
      if (waiting === 0 || maxRecords < 1) {
        return 0;
      }
      const records = this.#copyFrom(head, waiting, maxRecords);
      if (records > 0) {
        return records;
      }
      // What is no frame was overwritten after an eviction, and then the head has moved.
      if (Atomics.load(this.#control, HEAD) === head) {
        throw new Error(`otel-log-queue: the shared queue is damaged at position ${head >>> 0}`);
      }
    }
  }

  /**
   * Takes what `peek` copied off the ring. Wakes a producer that waits for room.
   * @returns false: the producer has evicted some of it, the copy means nothing
   */
  commit(): boolean {
    if (!this.#hasPiece) {
      return false;
    }
    this.#hasPiece = false;
    if (Atomics.compareExchange(this.#control, HEAD, this.#head, this.#pieceEnd) !== this.#head) {
      this.#pieceLimit = this.#pieceBytes >>> 1;
      this.#pieceBytes = 0;
      return false;
    }
    this.#pieceLimit = Math.min(Math.max(this.#pieceLimit, this.#pieceBytes) * 2, this.#maxPieceBytes);
    if (Atomics.load(this.#control, WAITERS) > 0) {
      Atomics.notify(this.#control, HEAD);
    }
    return true;
  }

  /** Goes to the next frame of the copy; false behind the last one. */
  nextFrame(): boolean {
    if (this.#next >= this.#pieceBytes) {
      return false;
    }
    const length = this.#piece.words[this.#next >> 2] as number;
    this.#frameOffset = this.#next + FRAME_HEADER_BYTES;
    this.#frameLength = length - FRAME_HEADER_BYTES;
    this.#next += length;
    return true;
  }

  /** A token for `waitForWake`: to be read before one looks whether there is something to do. */
  get wakeCount(): number {
    return Atomics.load(this.#control, WAKE);
  }

  /**
   * Resolves at the next `notify` of the producer or when the time is over. Does not keep the event loop alive.
   * @returns undefined if there was a `notify` since `wakeCount` was read: look again
   */
  waitForWake(wakeCount: number, timeoutMillis: number): Promise<unknown> | undefined {
    const wait = Atomics.waitAsync(this.#control, WAKE, wakeCount, timeoutMillis);
    return wait.async ? wait.value : undefined;
  }

  /** @returns how many records; 0 if there is no frame at the head */
  #copyFrom(head: number, waiting: number, maxRecords: number): number {
    let position = head;
    let start = (position - Atomics.load(this.#control, BASE)) & (this.#capacity - 1);
    let length = this.#words[start >> 2] as number;
    if ((length & SKIPS_TO_START) !== 0) {
      position = (position + this.#capacity - start) | 0;
      start = 0;
      length = this.#words[0] as number;
    }
    const contiguous = Math.min((head + waiting - position) | 0, this.#capacity - start);
    if (length <= FRAME_HEADER_BYTES || length % 8 !== 0 || length > Math.min(contiguous, maxFrameBytes(this.#capacity))) {
      return 0;
    }
    const copied = Math.min(Math.max(length, this.#pieceLimit), contiguous);
    if (copied > this.#maxPieceBytes) {
      // Not kept: one large record must not hold half a ring of memory for ever.
      this.#piece = newPiece(copied);
    }
    this.#piece.bytes.set(this.#ring.subarray(start, start + copied));
    let records = 0;
    let end = 0;
    while (end < copied && records < maxRecords) {
      const frame = this.#piece.words[end >> 2] as number;
      if (frame <= FRAME_HEADER_BYTES || (frame & SKIPS_TO_START) !== 0 || end + frame > copied) {
        break;
      }
      end += frame;
      records++;
    }
    this.#hasPiece = records > 0;
    this.#head = head;
    this.#pieceBytes = end;
    this.#pieceEnd = (position + end) | 0;
    this.#next = 0;
    return records;
  }
}

function newPiece(bytes: number): Piece {
  const memory = new ArrayBuffer(bytes);
  return { bytes: Buffer.from(memory), words: new Int32Array(memory) };
}
