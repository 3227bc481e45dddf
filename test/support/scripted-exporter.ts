import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { BuiltInExporter, type ExportOutcome } from '../../src/exporters/built-in-exporter';
import { ExportError } from '../../src/exporters/export-error';
import type { LogRecord } from '../../src/record';
import { seqOf } from './records';

export interface ExportCall {
  readonly seqs: number[];
  readonly isAnswered: boolean;
  succeed(): void;
  /** Without a status: a failure that may be tried again. */
  fail(status?: number): void;
}

/** An exporter object whose answers the test gives, one by one. */
export class ScriptedExporter implements LogRecordExporter {
  readonly calls: ExportCall[] = [];
  readonly delivered: number[] = [];
  maxInFlight = 0;
  shutdowns = 0;
  flushes = 0;
  forceFlush: () => Promise<void> = () => {
    this.flushes++;
    return Promise.resolve();
  };

  get inFlight(): number {
    return this.calls.filter((call) => !call.isAnswered).length;
  }

  export(records: LogRecord[], callback: Parameters<LogRecordExporter['export']>[1]): void {
    const seqs = records.map(seqOf);
    let isAnswered = false;
    this.calls.push({
      seqs,
      get isAnswered() {
        return isAnswered;
      },
      succeed: () => {
        isAnswered = true;
        this.delivered.push(...seqs);
        callback({ code: 0 });
      },
      fail: (status) => {
        isAnswered = true;
        const error = new Error(`scripted failure ${status ?? ''}`);
        callback({ code: 1, error: status === undefined ? error : Object.assign(error, { code: status }) });
      },
    });
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
  }

  shutdown(): Promise<void> {
    this.shutdowns++;
    return Promise.resolve();
  }
}

type Answer = ExportOutcome | ExportError | 'hang' | 'ignore-abort';

/** A built-in exporter that answers by a script; the last answer repeats. */
export class ScriptedBuiltIn extends BuiltInExporter {
  readonly attempts: number[][] = [];
  readonly delivered: number[] = [];
  aborted = 0;
  closed = 0;

  constructor(
    readonly answers: Answer[] = [{}],
    readonly maxBatchBytes = Infinity,
    readonly recordBytes = 1,
  ) {
    super();
  }

  sizeOf(): number {
    return this.recordBytes;
  }

  exportOnce(records: readonly LogRecord[], signal: AbortSignal): Promise<ExportOutcome> {
    const seqs = records.map(seqOf);
    this.attempts.push(seqs);
    const answer = (this.answers.length > 1 ? this.answers.shift() : this.answers[0]) as Answer;
    if (answer === 'hang' || answer === 'ignore-abort') {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          this.aborted++;
          if (answer === 'hang') {
            reject(signal.reason as Error);
          }
        });
      });
    }
    if (answer instanceof ExportError) {
      return Promise.reject(answer);
    }
    this.delivered.push(...seqs);
    return Promise.resolve(answer);
  }

  protected close(): void {
    this.closed++;
  }
}

export const transient = (retryAfterMillis?: number): ExportError => new ExportError('503 from the script', { retryable: true, status: 503, retryAfterMillis });

export const permanent = (): ExportError => new ExportError('401 from the script', { retryable: false, status: 401 });
