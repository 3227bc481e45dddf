import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ExportError } from '../../src/exporters/export-error';
import { resolveStdoutOptions, stdout, StdoutLogRecordExporter, type StdoutExporterOptions } from '../../src/exporters/stdout';
import type { StdoutFileSystem } from '../../src/exporters/stdout-sink';
import type { LogRecord } from '../../src/record';
import { range } from '../support/records';
import { numberedRecords, unreadableRecord } from './numbered-records';

const never = new AbortController().signal;

type Step = 'all' | 'half' | 'one byte' | (string & {});

/** Descriptor 1 of a test: what each call does, by its number from 1 on; the others write everything. */
class FakeStdout {
  readonly steps = new Map<number, Step>();
  written: Buffer = Buffer.alloc(0);
  calls = 0;
  longest = 0;
  onCall: () => void = () => undefined;

  readonly fileSystem: StdoutFileSystem = {
    writeSync: ((fd: number, bytes: Buffer, offset: number, length: number): number => {
      expect(fd).toBe(1);
      this.onCall();
      this.longest = Math.max(this.longest, length);
      const step = this.steps.get(++this.calls) ?? 'all';
      const taken = step === 'all' ? length : step === 'half' ? Math.ceil(length / 2) : step === 'one byte' ? 1 : 0;
      if (taken === 0) {
        throw Object.assign(new Error(`${step}: for a test`), { code: step, syscall: 'write' });
      }
      this.written = Buffer.concat([this.written, bytes.subarray(offset, offset + taken)]);
      return taken;
    }) as StdoutFileSystem['writeSync'],
  };

  lines(): string[] {
    return this.written.toString().split('\n').slice(0, -1);
  }

  sequences(): number[] {
    return this.lines().map((line) => (JSON.parse(line) as { attributes: { seq: number } }).attributes.seq);
  }
}

const upTo = (count: number): number[] => range(0, count);
const exporterOn = (fake: FakeStdout, options?: StdoutExporterOptions): StdoutLogRecordExporter => new StdoutLogRecordExporter(options, fake.fileSystem);

async function exportWithRetries(exporter: StdoutLogRecordExporter, batch: readonly LogRecord[]): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      await exporter.exportOnce(batch, never);
      return attempt;
    } catch (error) {
      if (!(error instanceof ExportError) || !error.retryable || attempt === 10) {
        throw error;
      }
    }
  }
}

describe('StdoutLogRecordExporter', () => {
  it('writes one readable object a line by default', async () => {
    const fake = new FakeStdout();
    await exporterOn(fake).exportOnce(numberedRecords(3), never);
    expect(fake.sequences()).toEqual([0, 1, 2]);
  });

  it('writes OTLP documents and pretty lines', async () => {
    const otlp = new FakeStdout();
    await exporterOn(otlp, { format: 'otlp' }).exportOnce(numberedRecords(3), never);
    expect(otlp.lines()).toHaveLength(1);
    expect(JSON.parse(otlp.lines()[0]!)).toHaveProperty('resourceLogs');
    const pretty = new FakeStdout();
    await exporterOn(pretty, { format: 'pretty' }).exportOnce(numberedRecords(2), never);
    expect(pretty.lines()).toEqual([0, 1].map((seq) => `2023-11-14T22:13:20.000Z INFO  [test-scope] record ${seq} seq=${seq}`));
  });

  it('touches neither process.stdout nor console', async () => {
    const write = jest.spyOn(process.stdout, 'write');
    await exporterOn(new FakeStdout()).exportOnce(numberedRecords(3), never);
    expect(write).not.toHaveBeenCalled();
    write.mockRestore();
  });

  it('writes in pieces and gives the event loop a turn after each', async () => {
    const fake = new FakeStdout();
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns++;
      if (!isDone) {
        setImmediate(count);
      }
    };
    setImmediate(count);
    const turnsAtCall: number[] = [];
    fake.onCall = () => turnsAtCall.push(turns);
    await exporterOn(fake).exportOnce(numberedRecords(5000, 0, 'x'.repeat(300)), never);
    isDone = true;
    expect(fake.calls).toBeGreaterThan(20);
    expect(fake.longest).toBeLessThan(128 * 1024);
    expect(new Set(turnsAtCall).size).toBe(turnsAtCall.length);
    expect(fake.sequences()).toEqual(upTo(5000));
  });

  it('counts a record without a valid form as invalid and writes its neighbours', async () => {
    const fake = new FakeStdout();
    const broken = unreadableRecord();
    expect(await exporterOn(fake).exportOnce([...numberedRecords(1), broken, ...numberedRecords(1, 1)], never)).toMatchObject({ lost: { invalid: 1 } });
    expect(fake.sequences()).toEqual([0, 1]);
  });

  it('waits while the pipe is full and lets the event loop go on', async () => {
    const fake = new FakeStdout();
    for (let call = 2; call <= 7; call++) {
      fake.steps.set(call, 'EAGAIN');
    }
    fake.steps.set(1, 'half');
    let timers = 0;
    const timer = setInterval(() => timers++, 1);
    await exporterOn(fake).exportOnce(numberedRecords(3), never);
    clearInterval(timer);
    expect(fake.calls).toBe(8);
    expect(timers).toBeGreaterThan(3);
    expect(fake.sequences()).toEqual([0, 1, 2]);
  });

  it('keeps the process alive while it waits, so that a natural end loses nothing', async () => {
    const fake = new FakeStdout();
    const abort = new AbortController();
    const timers = (): number => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
    const before = timers();
    const waits = new Promise<void>((resolve) => {
      fake.onCall = () => {
        fake.steps.set(fake.calls + 1, 'EAGAIN');
        setImmediate(resolve);
      };
    });
    const run = exporterOn(fake).exportOnce(numberedRecords(1), abort.signal);
    await waits;
    expect(timers()).toBeGreaterThan(before);
    abort.abort();
    await expect(run).rejects.toMatchObject({ retryable: true });
  });

  it('rejects retryably when it is aborted at a full pipe, and goes on in the middle of the line', async () => {
    const fake = new FakeStdout();
    const exporter = exporterOn(fake);
    const batch = numberedRecords(3);
    const abort = new AbortController();
    fake.steps.set(1, 'half').set(2, 'EAGAIN').set(3, 'EAGAIN');
    fake.onCall = () => (fake.calls === 2 ? abort.abort() : undefined);
    await expect(exporter.exportOnce(batch, abort.signal)).rejects.toMatchObject({ name: 'ExportError', retryable: true });
    expect(fake.written.at(-1)).not.toBe(10);
    await exporter.exportOnce(batch, never);
    expect(fake.sequences()).toEqual([0, 1, 2]);
  });

  it('begins a new line after a batch that was given up in the middle of one', async () => {
    const fake = new FakeStdout();
    const exporter = exporterOn(fake);
    fake.steps.set(1, 'one byte').set(2, 'EIO');
    await expect(exporter.exportOnce(numberedRecords(1, 100), never)).rejects.toMatchObject({ retryable: true });
    await exporter.exportOnce(numberedRecords(2), never);
    expect(fake.lines()[0]).toBe('{');
    expect(fake.lines().slice(1).map((line) => (JSON.parse(line) as { attributes: unknown }).attributes)).toEqual([{ seq: 0 }, { seq: 1 }]);
  });

  it('writes each line once and whole, whichever call fails and how', async () => {
    const run = async (steps: [number, Step][]): Promise<FakeStdout> => {
      const fake = new FakeStdout();
      steps.forEach(([call, step]) => fake.steps.set(call, step));
      const exporter = exporterOn(fake);
      await exportWithRetries(exporter, numberedRecords(200, 0, 'x'.repeat(1000)));
      await exportWithRetries(exporter, numberedRecords(3, 200));
      expect(fake.sequences()).toEqual(upTo(203));
      return fake;
    };
    const { calls } = await run([]);
    expect(calls).toBeGreaterThan(3);
    for (let call = 1; call <= calls; call++) {
      for (const steps of [['EIO'], ['ENOSPC'], ['EAGAIN'], ['half'], ['one byte'], ['half', 'EIO'], ['one byte', 'EAGAIN', 'ENOSPC'], ['half', 'half', 'EIO', 'one byte']]) {
        await run(steps.map((step, index) => [call + index, step]));
      }
    }
  });

  it.each(['EPIPE', 'EBADF', 'ECONNRESET'])('calls %s permanent', async (code) => {
    const fake = new FakeStdout();
    fake.steps.set(1, code);
    const message: unknown = expect.stringContaining(code);
    await expect(exporterOn(fake).exportOnce(numberedRecords(1), never)).rejects.toMatchObject({ name: 'ExportError', retryable: false, reason: 'export_failed', message });
  });

  it('keeps lines whole when exports are not awaited', async () => {
    const fake = new FakeStdout();
    const exporter = exporterOn(fake);
    for (let call = 1; call < 200; call += 2) {
      fake.steps.set(call, 'half');
    }
    await Promise.all(upTo(50).map((sequence) => exporter.exportOnce(numberedRecords(1, sequence), never)));
    expect(fake.sequences()).toEqual(upTo(50));
  });
});

describe('a process that writes to its stdout', () => {
  let child: ChildProcess;

  function start(count: number, format = 'json', wait = ''): { reports: Record<string, unknown>[]; reported: (key: string) => Promise<void> } {
    child = spawn(process.execPath, ['-r', 'ts-node/register/transpile-only', path.join(__dirname, 'fixtures', 'write-to-stdout.ts'), String(count), format, wait], { stdio: ['pipe', 'pipe', 'pipe'] });
    const reports: Record<string, unknown>[] = [];
    const waiting = new Map<string, () => void>();
    createInterface({ input: child.stderr! }).on('line', (line) => {
      const report = (line.startsWith('{') ? JSON.parse(line) : { other: line }) as Record<string, unknown>;
      reports.push(report);
      Object.keys(report).forEach((key) => waiting.get(key)?.());
    });
    return { reports, reported: (key) => (reports.some((report) => key in report) ? Promise.resolve() : new Promise((resolve) => waiting.set(key, resolve))) };
  }

  afterEach(() => {
    child.kill('SIGKILL');
  });

  it('ends with code 0 when its reader has gone, and the batch is lost for good', async () => {
    const { reports } = start(1000, 'json', 'wait');
    child.stdout!.destroy();
    await once(child.stdout!, 'close');
    child.stdin!.end('\n');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(reports).toEqual([{ name: 'ExportError', retryable: false, reason: 'export_failed', message: 'cannot write to stdout: EPIPE (write)' }]);
  }, 60_000);

  it('delivers every line once and whole to a slow reader before its natural end, and its event loop goes on meanwhile', async () => {
    const { reports, reported } = start(5000);
    await reported('full');
    const chunks: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
    expect(await once(child, 'close')).toEqual([0, null]);
    const lines = Buffer.concat(chunks).toString().split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => (JSON.parse(line) as { attributes: { seq: number } }).attributes.seq)).toEqual(upTo(5000));
    expect(reports.at(-1)).toEqual({ delivered: true });
    expect(reports[0]).toMatchObject({ full: 10 });
    expect(reports[0]!['turns']).toBeGreaterThan(5);
  }, 60_000);

  it('has no colours in a pipe', async () => {
    start(10, 'pretty');
    const chunks: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(child, 'close');
    expect(Buffer.concat(chunks).toString().split('\n')).toHaveLength(11);
    expect(Buffer.concat(chunks)).not.toContain(0x1b);
  }, 60_000);
});

describe('stdout()', () => {
  it('describes the exporter as a value that can be cloned', () => {
    expect(structuredClone(stdout())).toEqual({ type: 'stdout', options: { format: 'json' } });
    expect(stdout({ format: 'pretty' }).options).toEqual({ format: 'pretty' });
  });

  it.each([
    [{ format: 'xml' }, RangeError],
    [{ format: 1 }, TypeError],
    [5, TypeError],
  ])('rejects %j', (options, type) => {
    expect(() => resolveStdoutOptions(options as never)).toThrow(type);
  });
});
