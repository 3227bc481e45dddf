import { spawn } from 'node:child_process';

export interface Application {
  /** The Node program to run it with. Default: the one that runs the tests. */
  readonly program?: string;
  readonly script: string;
  /** What the script finds, as JSON, in the environment variable `APP`. */
  readonly settings: object;
  /** Called once, with the first text of standard output that ends a line. */
  readonly onLine?: (line: string) => void;
}

export interface ApplicationEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

// Far above what any of them needs: one that hangs fails its test by its signal instead of holding it up.
const KILL_AFTER_MILLIS = 40_000;

/** Runs a script in a process of its own; resolves when it has ended and all its output was read. */
export function runApplication({ program = process.execPath, script, settings, onLine }: Application): Promise<ApplicationEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [script], { env: { ...environmentOfApplications(), APP: JSON.stringify(settings) }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const hadLine = stdout.includes('\n');
      stdout += String(chunk);
      if (!hadLine && stdout.includes('\n')) {
        onLine?.(stdout.slice(0, stdout.indexOf('\n')));
      }
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MILLIS);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** Without what another OpenTelemetry set-up, or Jest, has put there. */
function environmentOfApplications(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_') && name !== 'NODE_OPTIONS'));
}
