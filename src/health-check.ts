import type { Loss } from './loss-reporter';
import type { QueueLogRecordProcessor } from './processor';
import type { LaneState, QueueStats } from './stats';

/** How a processor shows itself to `healthCheck`. By `Symbol.for`, so that the ESM and the CJS copy of this package know each other's processors. */
export const HEALTH_VIEW: unique symbol = Symbol.for('otel-log-queue.health-view.1');

export interface HealthView {
  readonly isShutDown: boolean;
  readonly recentLosses: readonly Loss[];
}

/**
 * `ok`: delivers, and has lost nothing in the last minute. `degraded`: has lost records in the last minute, or cannot deliver at this moment and tries again. `failed`: has given up for good, or has
 * no worker at this moment. `shutdown`: `shutdown()` was called.
 */
export type HealthStatus = 'ok' | 'degraded' | 'failed' | 'shutdown';

export interface LaneHealth {
  readonly status: HealthStatus;
  readonly state: LaneState;
  readonly queued: number;
  readonly inFlight: number;
  /** Records on disk. */
  readonly spooled: number;
  readonly lostLastMinute: number;
}

/** What a readiness endpoint can answer; plain, for `JSON.stringify`. */
export interface Health {
  /** The worst of the lanes' and of what is in front of them. */
  readonly status: HealthStatus;
  readonly worker: 'event-loop' | 'thread';
  /** Accepted and not yet in the lanes: in the ring of a thread. */
  readonly queued: number;
  /** Records lost in the last 60 s, everywhere; a record lost in two lanes counts twice. */
  readonly lostLastMinute: number;
  /** The same by place and reason; without a `lane`: before any. */
  readonly losses: readonly Loss[];
  readonly lanes: Readonly<Record<string, LaneHealth>>;
}

const ORDER = ['ok', 'degraded', 'failed', 'shutdown'] as const satisfies readonly HealthStatus[];

/**
 * The state of a processor at this moment. Reads counters and nothing else: no backend is asked and no timer is set, so it may be called at any rate.
 *
 * Logs that cannot be delivered are no reason to take a service out of rotation, as a rule: answer 503 for `failed` at most.
 *
 * @throws TypeError if it is no `QueueLogRecordProcessor`
 */
export function healthCheck(processor: QueueLogRecordProcessor): Health {
  const view = (processor as Partial<QueueLogRecordProcessor> | undefined)?.[HEALTH_VIEW];
  if (view === undefined) {
    throw new TypeError(`healthCheck takes a QueueLogRecordProcessor, received ${processor === null ? 'null' : typeof processor}`);
  }
  const { worker, queued, lanes } = processor.stats();
  const losses = view.recentLosses;
  const lostIn = (place: string | undefined): number => losses.reduce((sum, { lane, count }) => (lane === place ? sum + count : sum), 0);
  const laneHealth = Object.fromEntries(Object.entries(lanes).map(([name, lane]) => [name, healthOf(lane, lostIn(name), view.isShutDown)]));
  const front = view.isShutDown ? 'shutdown' : lostIn(undefined) > 0 ? 'degraded' : 'ok';
  return {
    status: Object.values(laneHealth).reduce<HealthStatus>((worst, { status }) => worse(worst, status), front),
    worker,
    queued,
    lostLastMinute: losses.reduce((sum, { count }) => sum + count, 0),
    losses,
    lanes: laneHealth,
  };
}

function healthOf({ state, queued, inFlight, spooled }: QueueStats['lanes'][string], lostLastMinute: number, isShutDown: boolean): LaneHealth {
  const status = isShutDown ? 'shutdown' : worse(statusOf(state), lostLastMinute > 0 ? 'degraded' : 'ok');
  return { status, state, queued, inFlight, spooled, lostLastMinute };
}

function statusOf(state: LaneState): HealthStatus {
  switch (state) {
    case 'ready':
    case 'exporting':
      return 'ok';
    case 'backing-off':
    case 'open':
    case 'half-open':
    case 'stuck':
      return 'degraded';
    // The lanes of a thread that has died.
    case 'shutdown':
    case 'failed':
      return 'failed';
  }
}

function worse(first: HealthStatus, second: HealthStatus): HealthStatus {
  return ORDER.indexOf(first) > ORDER.indexOf(second) ? first : second;
}
