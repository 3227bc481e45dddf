import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ResourceUse {
  readonly eventLoopDelayMillis: { readonly p50: number; readonly p99: number; readonly max: number };
  /** `mainThread` is null where Node has no `process.threadCpuUsage`. */
  readonly cpuMicrosPerRecord: { readonly mainThread: number | null; readonly process: number };
  readonly peakRssBytes: number;
}

// In Node 24 and 22.19; the types are of Node 20.
type ThreadCpuUsage = () => { readonly user: number; readonly system: number };
const threadCpuUsage = (process as { threadCpuUsage?: ThreadCpuUsage }).threadCpuUsage?.bind(process);

/** The monitor measures from one turn of its timer to the next: without a turn before and behind it, a synchronous loop would not count. */
const MONITOR_TURN_MILLIS = 5;

/** CPU, event-loop delay and memory of this process between start and stop. */
export class ResourceMeter {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 1 });
  #begin = cpuMicros();

  async start(): Promise<void> {
    this.#delay.enable();
    await sleep(MONITOR_TURN_MILLIS);
    this.#begin = cpuMicros();
  }

  async stop(records: number): Promise<ResourceUse> {
    const [begin, end] = [this.#begin, cpuMicros()];
    await sleep(MONITOR_TURN_MILLIS);
    this.#delay.disable();
    const hasDelays = this.#delay.count > 0;
    return {
      eventLoopDelayMillis: {
        p50: hasDelays ? this.#delay.percentile(50) / 1e6 : 0,
        p99: hasDelays ? this.#delay.percentile(99) / 1e6 : 0,
        max: hasDelays ? this.#delay.max / 1e6 : 0,
      },
      cpuMicrosPerRecord: {
        mainThread: end.mainThread === null || begin.mainThread === null ? null : (end.mainThread - begin.mainThread) / records,
        process: (end.process - begin.process) / records,
      },
      peakRssBytes: peakRssBytes(),
    };
  }
}

/** CPU time used so far. */
export function cpuMicros(): { readonly mainThread: number | null; readonly process: number } {
  return { mainThread: threadCpuUsage === undefined ? null : total(threadCpuUsage()), process: total(process.cpuUsage()) };
}

function total(usage: { readonly user: number; readonly system: number }): number {
  return usage.user + usage.system;
}

/** On Linux `maxRSS` of a child starts at the size of the process that forked it, which here has the TypeScript compiler inside; the kernel's own high-water mark does not. */
function peakRssBytes(): number {
  if (process.platform === 'linux') {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kibibytes !== undefined) {
      return Number(kibibytes) * 1024;
    }
  }
  return process.resourceUsage().maxRSS * 1024;
}
