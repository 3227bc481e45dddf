import type { MessagePort } from 'node:worker_threads';
import type { ExporterDescription } from '../exporters/description';
import type { ExportOperation } from '../lane/export-operation';
import type { Undelivered } from '../lane/lane-group';
import type { ResolvedLaneOptions } from '../lane/lane-options';
import type { SharedQueueMemory } from '../queue/shared-queue';

/** What draining the ring takes. All of it can be cloned or shared. */
export interface RingData {
  readonly lanes: readonly { readonly name: string; readonly exporter: ExporterDescription; readonly options: ResolvedLaneOptions }[];
  readonly queue: SharedQueueMemory;
  readonly table: SharedArrayBuffer;
  /** Names this processor in its spools: a thread that takes a dead one's place goes on with what that has left. */
  readonly spoolOwner: string;
  readonly exitTimeoutMillis: number;
  /** Whether somebody wants to know of exports. */
  readonly tellsExports: boolean;
}

/** What the thread is started with. */
export interface ThreadData extends RingData {
  /** Tells this thread from an application's own. */
  readonly isOtelLogQueue: true;
  /** Of the package on the main thread. */
  readonly version: string;
  readonly stats: SharedArrayBuffer;
  /** A channel of our own, because the main thread can read it while it is blocked at the end of the process. */
  readonly port: MessagePort;
}

/** Whether this is the `workerData` of a thread of this package. */
export function isOwnThreadData(data: unknown): data is ThreadData {
  return typeof data === 'object' && data !== null && (data as Partial<ThreadData>).isOtelLogQueue === true;
}

/** To the thread. `target` is the position in the ring up to which a command covers records. */
export type ThreadCommand =
  | { readonly type: 'flush'; readonly id: number; readonly target: number; readonly timeoutMillis: number }
  | { readonly type: 'shutdown'; readonly id: number; readonly target: number; readonly timeoutMillis: number }
  /** The main thread is blocked and waits until the shared statistics say that this is done. */
  | { readonly type: 'exit'; readonly id: number; readonly target: number; readonly timeoutMillis: number };

/** From the thread. */
export type ThreadMessage =
  | { readonly type: 'done'; readonly id: number; readonly undelivered: Undelivered }
  | { readonly type: 'diag'; readonly level: 'error' | 'warn' | 'info' | 'debug'; readonly text: string }
  | { readonly type: 'loss'; readonly lane: string; readonly lastFailure: string | undefined }
  | { readonly type: 'export-failed'; readonly lane: string; readonly errorType: string; readonly count: number }
  | { readonly type: 'operation'; readonly lane: string; readonly operation: ExportOperation };
