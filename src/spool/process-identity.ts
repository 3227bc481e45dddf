import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process, on which machine. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the kernel counts; empty where that cannot be read (anywhere but on Linux). A process id is used again, this pair is not. */
  readonly started: string;
  /** The host name and, on Linux, the space of process ids: in another container the same id is another process. */
  readonly host: string;
}

// Fields 3 and 22 of /proc/<pid>/stat, counted from behind the name in parentheses: proc_pid_stat(5).
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

export function currentProcess(): ProcessIdentity {
  return { pid: process.pid, started: kernelRecord(process.pid)[START_TIME_FIELD] ?? '', host: hostIdentity() };
}

/** Whether the process of this host runs. If that cannot be told, it does. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) {
    return false;
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is one, of another user.
    return (error as { code?: unknown }).code !== 'ESRCH';
  }
  const fields = kernelRecord(pid);
  const isZombie = fields[STATE_FIELD] === 'Z' || fields[STATE_FIELD] === 'X';
  const found = fields[START_TIME_FIELD];
  return !isZombie && (started === '' || found === undefined || found === started);
}

function kernelRecord(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function hostIdentity(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
