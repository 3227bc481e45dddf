import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { ExportError } from '../../src/exporters/export-error';
import { file, FileLogRecordExporter, resolveFileOptions, type FileExporterOptions } from '../../src/exporters/file';
import type { FileSystem } from '../../src/exporters/file-system';
import type { LogRecord } from '../../src/record';
import { FaultyFileSystem, type Fault } from './faulty-file-system';
import { range } from '../support/records';
import { numberedRecords, unreadableRecord } from './numbered-records';

const never = new AbortController().signal;
let folder: string;
let target: string;
let open: FileLogRecordExporter[];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'otel-log-queue-file-'));
  target = path.join(folder, 'logs.jsonl');
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((exporter) => exporter.shutdown()));
  fs.rmSync(folder, { recursive: true, force: true });
});

function exporterOf(options: FileExporterOptions = {}, fileSystem?: FileSystem): FileLogRecordExporter {
  const exporter = new FileLogRecordExporter({ path: target, format: 'json', ...options }, fileSystem);
  open.push(exporter);
  return exporter;
}

/** Every file of the folder, the oldest first. */
function files(): string[] {
  const age = (name: string): number => Number(/\.jsonl\.(\d+)$/.exec(name)?.[1] ?? 0);
  return fs.readdirSync(folder).sort((a, b) => age(b) - age(a)).map((name) => path.join(folder, name));
}

const linesOf = (name: string): string[] => fs.readFileSync(name, 'utf8').split('\n').slice(0, -1);
const allText = (): string => files().map((name) => fs.readFileSync(name, 'utf8')).join('');

function sequencesOf(line: string): number[] {
  const value = JSON.parse(line) as {
    attributes?: { seq: number };
    resourceLogs?: { scopeLogs: { logRecords: { attributes: { key: string; value: { intValue: string | number } }[] }[] }[] }[];
  };
  return value.resourceLogs === undefined
    ? [value.attributes?.seq ?? -1]
    : value.resourceLogs.flatMap((each) => each.scopeLogs).flatMap((each) => each.logRecords)
      .map((record) => Number(record.attributes.find((each) => each.key === 'seq')?.value.intValue));
}

const allSequences = (): number[] => files().flatMap(linesOf).flatMap(sequencesOf);
const upTo = (count: number): number[] => range(0, count);

/** As a lane does it: the same array until it is settled. */
async function exportWithRetries(exporter: FileLogRecordExporter, batch: readonly LogRecord[], attempts = 10): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      await exporter.exportOnce(batch, never);
      return attempt;
    } catch (error) {
      if (!(error instanceof ExportError) || !error.retryable || attempt === attempts) {
        throw error;
      }
    }
  }
}

describe('FileLogRecordExporter', () => {
  it('appends one readable object a line', async () => {
    const exporter = exporterOf();
    await exporter.exportOnce(numberedRecords(2), never);
    await exporter.exportOnce(numberedRecords(1, 2), never);
    expect(allSequences()).toEqual(upTo(3));
  });

  it('writes OTLP documents by default, in the order of the records', async () => {
    const exporter = new FileLogRecordExporter({ path: target });
    open.push(exporter);
    await exporter.exportOnce(numberedRecords(100), never);
    expect(linesOf(target)).toHaveLength(1);
    expect(JSON.parse(linesOf(target)[0]!)).toMatchObject({ resourceLogs: [{ scopeLogs: [{ scope: { name: 'test-scope' } }] }] });
    expect(allSequences()).toEqual(upTo(100));
  });

  it('keeps the lines of OTLP below the megabyte at which the Collector cuts them, also where JSON is six times the text', async () => {
    const exporter = exporterOf({ format: 'otlp' });
    await exporter.exportOnce(numberedRecords(2000, 0, '\u0001'.repeat(1000)), never);
    const lengths = linesOf(target).map((line) => line.length);
    expect(lengths.length).toBeGreaterThan(10);
    expect(Math.max(...lengths)).toBeLessThan(1024 * 1024);
    expect(allSequences()).toEqual(upTo(2000));
  });

  it('writes in pieces, so that a batch is never in memory as a whole', async () => {
    const lengths: number[] = [];
    const fileSystem = new FaultyFileSystem();
    const { write } = fileSystem;
    fileSystem.write = (fd, bytes, offset, length) => {
      lengths.push(bytes.length);
      return write(fd, bytes, offset, length);
    };
    await exporterOf({}, fileSystem).exportOnce(numberedRecords(1000, 0, 'x'.repeat(2000)), never);
    expect(lengths.length).toBeGreaterThan(10);
    expect(Math.max(...lengths)).toBeLessThan(256 * 1024);
  });

  it('gives the event loop turns while it writes a large batch', async () => {
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns++;
      if (!isDone) {
        setImmediate(count);
      }
    };
    const run = exporterOf().exportOnce(numberedRecords(20_000), never).then(() => (isDone = true));
    setImmediate(count);
    await run;
    expect(turns).toBeGreaterThan(20);
  });

  it('makes the file for its owner alone, and the folders above it', async () => {
    target = path.join(folder, 'a', 'b', 'logs.jsonl');
    await exporterOf().exportOnce(numberedRecords(1), never);
    expect(fs.statSync(target).mode & 0o777).toBe(0o600);
  });

  it('counts a record without a valid form as invalid and writes its neighbours', async () => {
    const broken = unreadableRecord();
    const [first, second] = numberedRecords(2) as [LogRecord, LogRecord];
    for (const format of ['json', 'otlp'] as const) {
      fs.rmSync(target, { force: true });
      const outcome = await exporterOf({ format }).exportOnce([broken, first, broken, second], never);
      expect(outcome).toMatchObject({ lost: { invalid: 2 } });
      expect(allSequences()).toEqual([0, 1]);
    }
    fs.rmSync(target);
    expect(await exporterOf({ format: 'otlp' }).exportOnce([broken], never)).toMatchObject({ lost: { invalid: 1 } });
    expect(allText()).toBe('');
  });

  it('writes the same array again when it was delivered before', async () => {
    const exporter = exporterOf();
    const batch = numberedRecords(1);
    await exporter.exportOnce(batch, never);
    await exporter.exportOnce(batch, never);
    expect(allSequences()).toEqual([0, 0]);
  });

  it('keeps lines whole when exports are not awaited, as the SDK\'s simple processor does', async () => {
    const exporter = exporterOf({ maxBytes: 2000, maxFiles: 1000 });
    const results = await Promise.all(upTo(50).map((sequence) => new Promise((resolve) => exporter.export(numberedRecords(1, sequence), resolve))));
    expect(results).toEqual(upTo(50).map(() => ({ code: 0 })));
    expect(allSequences()).toEqual(upTo(50));
  });

  it('begins on a new line when an earlier process left the file in the middle of one', async () => {
    fs.writeFileSync(target, '{"attributes":{"seq":0}}\n{"attributes":{"se');
    await exporterOf().exportOnce(numberedRecords(1, 1), never);
    expect(linesOf(target).slice(1, 2)).toEqual(['{"attributes":{"se']);
    expect(sequencesOf(linesOf(target)[2]!)).toEqual([1]);
  });

  it('closes a descriptor that it cannot look at', async () => {
    const closed: number[] = [];
    const fileSystem = new FaultyFileSystem([[2, 'EIO']]);
    const { close } = fileSystem;
    fileSystem.close = (fd) => {
      closed.push(fd);
      return close(fd);
    };
    await expect(exporterOf({}, fileSystem).exportOnce(numberedRecords(1), never)).rejects.toMatchObject({ retryable: true });
    expect(fileSystem.calls).toEqual(['open', 'fstat', 'close']);
    expect(closed).toHaveLength(1);
  });

  it('counts what is invalid in every piece of a batch, and after a retry not twice', async () => {
    const fileSystem = new FaultyFileSystem([[4, 'EIO']]);
    const exporter = exporterOf({}, fileSystem);
    const batch = upTo(400).flatMap((sequence) => (sequence % 100 === 50 ? [unreadableRecord()] : numberedRecords(1, sequence, 'x'.repeat(1000))));
    await expect(exporter.exportOnce(batch, never)).rejects.toMatchObject({ retryable: true });
    expect(await exporter.exportOnce(batch, never)).toMatchObject({ lost: { invalid: 4 } });
    expect(allSequences()).toHaveLength(396);
  });

  it('has no descriptor open after shutdown', async () => {
    const openDescriptors = (): string[] => fs.readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return [];
      }
    }).filter((each) => each.startsWith(folder));
    const exporter = exporterOf({ maxBytes: 1000 });
    await exporter.exportOnce(numberedRecords(20), never);
    expect(openDescriptors()).toEqual([target]);
    await exporter.shutdown();
    expect(openDescriptors()).toEqual([]);
  });

  it('does not begin a batch after it was aborted', async () => {
    const abort = new AbortController();
    abort.abort();
    await expect(exporterOf().exportOnce(numberedRecords(1), abort.signal)).rejects.toMatchObject({ name: 'ExportError', retryable: true });
    expect(files()).toEqual([]);
  });

  it('stops between two pieces when it is aborted, and goes on there', async () => {
    const abort = new AbortController();
    const fileSystem = new FaultyFileSystem();
    const { write } = fileSystem;
    fileSystem.write = (...args) => {
      abort.abort();
      return write(...args);
    };
    const exporter = exporterOf({}, fileSystem);
    const batch = numberedRecords(1000, 0, 'x'.repeat(1000));
    await expect(exporter.exportOnce(batch, abort.signal)).rejects.toMatchObject({ retryable: true });
    expect(fileSystem.calls.filter((call) => call === 'write')).toHaveLength(1);
    await exporter.exportOnce(batch, never);
    expect(allSequences()).toEqual(upTo(1000));
  });
});

describe('rotation', () => {
  it.each([['json', 7], ['otlp', 7], ['json', 70], ['otlp', 70]] as const)('never exceeds maxBytes, keeps every line whole and in order, and fills the files (%s, batches of %i)', async (format, perBatch) => {
    // Short writes make it go on in the middle of a file that is nearly full.
    for (const fault of [undefined, 'half write'] as const) {
      const fileSystem = new FaultyFileSystem();
      fileSystem.always = fault;
      const exporter = exporterOf({ format, maxBytes: 5000, maxFiles: 1000 }, fileSystem);
      for (let first = 0; first < 140; first += perBatch) {
        await exporter.exportOnce(numberedRecords(perBatch, first), never);
      }
      const sizes = files().map((name) => fs.statSync(name).size);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(5000);
      expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(2000);
      expect(allSequences()).toEqual(upTo(140));
      files().forEach((name) => fs.rmSync(name));
    }
  });

  it('counts the newline that ends a torn line', async () => {
    await exporterOf().exportOnce(numberedRecords(1), never);
    const lineBytes = fs.statSync(target).size;
    for (const [maxBytes, expected] of [[lineBytes + 5, 2], [lineBytes + 6, 1]] as const) {
      fs.rmSync(target);
      fs.writeFileSync(target, 'torn!');
      await exporterOf({ maxBytes }).exportOnce(numberedRecords(1), never);
      expect(files()).toHaveLength(expected);
      expect(Math.max(...files().map((name) => fs.statSync(name).size))).toBeLessThanOrEqual(maxBytes);
      fs.rmSync(`${target}.1`, { force: true });
    }
  });

  it('does not move the new file of another process that rotated in the same moment', async () => {
    const fileSystem = new FaultyFileSystem();
    const exporter = exporterOf({ maxBytes: 1 }, fileSystem);
    await exporter.exportOnce(numberedRecords(1), never);
    const { stat } = fileSystem;
    let looks = 0;
    fileSystem.stat = (name) => {
      if (name === target && ++looks === 2) {
        fs.renameSync(target, `${target}.1`);
        fs.writeFileSync(target, '');
      }
      return stat(name);
    };
    await exporter.exportOnce(numberedRecords(1, 1), never);
    expect(files().map((name) => linesOf(name).flatMap(sequencesOf))).toEqual([[0], [1]]);
  });

  it('fills a file to the last byte', async () => {
    await exporterOf().exportOnce(numberedRecords(1), never);
    const lineBytes = fs.statSync(target).size;
    fs.rmSync(target);
    await exporterOf({ maxBytes: 3 * lineBytes }).exportOnce(numberedRecords(6), never);
    expect(files().map((name) => fs.statSync(name).size)).toEqual([3 * lineBytes, 3 * lineBytes]);
    fs.rmSync(folder, { recursive: true });
    await exporterOf({ maxBytes: 3 * lineBytes - 1 }).exportOnce(numberedRecords(6), never);
    expect(files().map((name) => fs.statSync(name).size)).toEqual([2 * lineBytes, 2 * lineBytes, 2 * lineBytes]);
  });

  it('gives a line that is larger than maxBytes a file of its own', async () => {
    const large = numberedRecords(1, 1, 'x'.repeat(5000));
    await exporterOf({ maxBytes: 1000 }).exportOnce([...numberedRecords(1), ...large, ...numberedRecords(1, 2)], never);
    expect(files().map((name) => linesOf(name).flatMap(sequencesOf))).toEqual([[0], [1], [2]]);
  });

  it.each([1, 2, 3])('keeps the newest %i files, the current one included', async (maxFiles) => {
    const exporter = exporterOf({ maxBytes: 1, maxFiles });
    for (let sequence = 0; sequence < 6; sequence++) {
      await exporter.exportOnce(numberedRecords(1, sequence), never);
      expect(files().length).toBeLessThanOrEqual(maxFiles);
    }
    expect(files().map((name) => path.basename(name))).toEqual(['logs.jsonl.2', 'logs.jsonl.1', 'logs.jsonl'].slice(-maxFiles));
    expect(allSequences()).toEqual(upTo(6).slice(-maxFiles));
  });

  it('keeps five files by default', async () => {
    await exporterOf({ maxBytes: 1 }).exportOnce(numberedRecords(9), never);
    expect(allSequences()).toEqual([4, 5, 6, 7, 8]);
  });

  it('counts what an earlier process wrote', async () => {
    await exporterOf().exportOnce(numberedRecords(2), never);
    await exporterOf({ maxBytes: fs.statSync(target).size }).exportOnce(numberedRecords(1, 2), never);
    expect(files().map((name) => linesOf(name).flatMap(sequencesOf))).toEqual([[0, 1], [2]]);
  });
});

describe('a file that is changed from outside', () => {
  it.each([
    ['moved', () => fs.renameSync(target, path.join(folder, 'logs.jsonl.9'))],
    ['deleted', () => fs.rmSync(target)],
    ['deleted with its folder', () => fs.rmSync(folder, { recursive: true })],
    ['replaced', () => {
      fs.writeFileSync(path.join(folder, 'other'), '');
      fs.renameSync(path.join(folder, 'other'), target);
    }],
    ['truncated', () => fs.truncateSync(target)],
  ])('is made anew before the next batch: %s', async (_, change) => {
    const exporter = exporterOf();
    await exporter.exportOnce(numberedRecords(1), never);
    change();
    await exporter.exportOnce(numberedRecords(2, 1), never);
    expect(linesOf(target).flatMap(sequencesOf)).toEqual([1, 2]);
    expect(fs.existsSync(path.join(folder, 'logs.jsonl.9')) ? allSequences() : [0, 1, 2]).toEqual([0, 1, 2]);
  });

  it('knows the size of a file that somebody truncated', async () => {
    const exporter = exporterOf({ maxBytes: 1000 });
    await exporter.exportOnce(numberedRecords(3), never);
    fs.truncateSync(target);
    await exporter.exportOnce(numberedRecords(3, 3), never);
    expect(files()).toEqual([target]);
  });

  it('writes a line that was begun in the old file once more and whole into the new one', async () => {
    const fileSystem = new FaultyFileSystem();
    const exporter = exporterOf({}, fileSystem);
    const batch = numberedRecords(3);
    fileSystem.faults.set(3, 'half write').set(4, 'ENOSPC');
    await expect(exporter.exportOnce(batch, never)).rejects.toMatchObject({ retryable: true });
    fs.renameSync(target, path.join(folder, 'logs.jsonl.9'));
    await exporter.exportOnce(batch, never);
    expect(linesOf(target).flatMap(sequencesOf)).toEqual([1, 2]);
    expect(fs.readFileSync(path.join(folder, 'logs.jsonl.9'), 'utf8')).not.toMatch(/\n$/);
    expect(linesOf(path.join(folder, 'logs.jsonl.9')).flatMap(sequencesOf)).toEqual([0]);
  });
});

describe('a file system that fails', () => {
  const BATCHES = 4;
  const PER_BATCH = 5;
  const MAX_BYTES = { json: 1200, otlp: 1500 };

  /** Writes some batches with three rotations in between. */
  async function scenario(format: 'json' | 'otlp', fileSystem: FileSystem): Promise<void> {
    const exporter = exporterOf({ format, maxBytes: MAX_BYTES[format], maxFiles: 50 }, fileSystem);
    for (let batch = 0; batch < BATCHES; batch++) {
      await exportWithRetries(exporter, numberedRecords(PER_BATCH, batch * PER_BATCH), 100);
    }
    await exporter.shutdown();
  }

  function expectEveryRecordOnce(format: 'json' | 'otlp'): void {
    expect(allText().endsWith('\n')).toBe(true);
    expect(allSequences()).toEqual(upTo(BATCHES * PER_BATCH));
    expect(Math.max(...files().map((name) => fs.statSync(name).size))).toBeLessThanOrEqual(MAX_BYTES[format]);
    files().forEach((name) => fs.rmSync(name));
  }

  it.each(['json', 'otlp'] as const)('costs no line and doubles none, whichever call fails and how (%s)', async (format) => {
    const healthy = new FaultyFileSystem();
    await scenario(format, healthy);
    expectEveryRecordOnce(format);
    expect(healthy.calls.filter((call) => call === 'rename').length).toBeGreaterThan(2);
    for (let call = 1; call <= healthy.calls.length; call++) {
      const faults: Fault[][] = ['EIO', 'ENOSPC', 'EMFILE', 'EAGAIN', 'EACCES'].map((code) => [code]);
      if (healthy.calls[call - 1] === 'write') {
        faults.push(['half write'], ['one byte'], ['half write', 'ENOSPC'], ['one byte', 'EIO'], ['half write', 'one byte', 'ENOSPC'], ['ENOSPC', 'EIO', 'half write']);
      }
      for (const sequence of faults) {
        const fileSystem = new FaultyFileSystem(sequence.map((fault, index) => [call + index, fault]));
        await scenario(format, fileSystem);
        expectEveryRecordOnce(format);
      }
    }
  }, 60_000);

  it('costs no line and doubles none, whatever fails one after the other', async () => {
    const fault = fc.option(fc.constantFrom<Fault>('ENOSPC', 'EIO', 'EMFILE', 'half write', 'half write', 'one byte'), { nil: undefined });
    await fc.assert(fc.asyncProperty(fc.array(fault, { maxLength: 80 }), async (faults) => {
      const fileSystem = new FaultyFileSystem(faults.flatMap((each, index) => (each === undefined ? [] : [[index + 1, each] as const])));
      await scenario('json', fileSystem);
      expectEveryRecordOnce('json');
    }), { numRuns: 200 });
  }, 60_000);

  it('leaves at most one part of a line when a batch is given up, and the next batch begins on a new one', async () => {
    const fileSystem = new FaultyFileSystem([[3, 'half write'], [4, 'ENOSPC']]);
    const exporter = exporterOf({}, fileSystem);
    await expect(exporter.exportOnce(numberedRecords(1, 100), never)).rejects.toMatchObject({ retryable: true });
    await exporter.exportOnce(numberedRecords(2), never);
    const [torn, ...whole] = linesOf(target);
    expect(() => sequencesOf(torn!)).toThrow(SyntaxError);
    expect(whole.flatMap(sequencesOf)).toEqual([0, 1]);
  });

  it('writes a line whole again when another batch came in between', async () => {
    const fileSystem = new FaultyFileSystem([[3, 'half write'], [4, 'ENOSPC']]);
    const exporter = exporterOf({}, fileSystem);
    const interrupted = numberedRecords(1);
    await expect(exporter.exportOnce(interrupted, never)).rejects.toMatchObject({ retryable: true });
    await exporter.exportOnce(numberedRecords(1, 1), never);
    await exporter.exportOnce(interrupted, never);
    expect(linesOf(target).slice(1).flatMap(sequencesOf)).toEqual([1, 0]);
  });

  it('opens the file again when its descriptor was closed by somebody else', async () => {
    const fileSystem = new FaultyFileSystem([[3, 'half write'], [4, 'EBADF']]);
    const exporter = exporterOf({}, fileSystem);
    expect(await exportWithRetries(exporter, numberedRecords(3))).toBe(2);
    expect(fileSystem.calls.filter((call) => call === 'open')).toHaveLength(2);
    const lines = linesOf(target);
    expect(() => sequencesOf(lines[1]!)).toThrow(SyntaxError);
    expect([lines[0]!, ...lines.slice(2)].flatMap(sequencesOf)).toEqual([0, 1, 2]);
  });

  it('keeps files that a failed rotation has moved already', async () => {
    fs.writeFileSync(`${target}.1`, 'one\n');
    fs.writeFileSync(`${target}.2`, 'two\n');
    fs.writeFileSync(`${target}.3`, 'three\n');
    fs.writeFileSync(target, 'current\n');
    // With four files there is no gap: the first rename goes over `.3`. The second one fails.
    const fileSystem = new FaultyFileSystem();
    const { rename } = fileSystem;
    let renames = 0;
    fileSystem.rename = (from, to) => (++renames === 2 ? Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) : rename(from, to));
    expect(await exportWithRetries(exporterOf({ maxBytes: 1, maxFiles: 4 }, fileSystem), numberedRecords(1))).toBe(2);
    expect([1, 2, 3].map((number) => fs.readFileSync(`${target}.${number}`, 'utf8'))).toEqual(['current\n', 'one\n', 'two\n']);
  });

  it.each(['ENOSPC', 'EIO', 'EMFILE', 'ENFILE', 'EAGAIN', 'EACCES', 'EPERM', 'EROFS', 'EDQUOT', 'ENOENT'])('calls %s retryable', async (code) => {
    const fileSystem = new FaultyFileSystem();
    fileSystem.always = code;
    const run = exporterOf({}, fileSystem).exportOnce(numberedRecords(1), never);
    await expect(run).rejects.toMatchObject({ name: 'ExportError', retryable: true, reason: 'export_failed', message: expect.stringContaining(code) as unknown });
  });

  it('calls a folder in the place of the file permanent, and a path through a file too', async () => {
    await expect(exporterOf({ path: folder }).exportOnce(numberedRecords(1), never)).rejects.toMatchObject({ retryable: false, message: expect.stringContaining('EISDIR') as unknown });
    fs.writeFileSync(target, '');
    await expect(exporterOf({ path: path.join(target, 'x') }).exportOnce(numberedRecords(1), never)).rejects.toMatchObject({ retryable: false, message: expect.stringContaining('ENOTDIR') as unknown });
    await expect(exporterOf({ path: path.join(folder, 'x'.repeat(5000)) }).exportOnce(numberedRecords(1), never)).rejects.toMatchObject({ retryable: false });
    await expect(exporterOf({ path: path.join(folder, 'x\0y') }).exportOnce(numberedRecords(1), never)).rejects.toMatchObject({ name: 'ExportError', retryable: false });
  });

  it('has messages of bounded length', async () => {
    const error: unknown = await exporterOf({ path: path.join(folder, 'x'.repeat(5000)) }).exportOnce(numberedRecords(1), never).catch((each: unknown) => each);
    expect((error as Error).message.length).toBeLessThan(400);
  });
});

describe('a process that is killed while it writes', () => {
  it('has every acknowledged record in the file, no gap, and at most its last line torn; the next process goes on', async () => {
    let first = 0;
    for (let run = 0; run < 2; run++) {
      const child = spawn(process.execPath, ['-r', 'ts-node/register/transpile-only', path.join(__dirname, 'fixtures', 'write-until-killed.ts'), target, String(first)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      let acknowledged = first - 1;
      child.on('message', (sequence: number) => {
        acknowledged = sequence;
        if (sequence >= first + 2000) {
          child.kill('SIGKILL');
        }
      });
      const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
      expect([code, signal]).toEqual([null, 'SIGKILL']);
      expect(acknowledged).toBeGreaterThanOrEqual(first + 2000);
      const lines = fs.readFileSync(target, 'utf8').split('\n');
      lines.pop();
      const sequences = lines.flatMap((line) => {
        try {
          return sequencesOf(line);
        } catch {
          return [];
        }
      });
      expect(lines.length - sequences.length).toBeLessThanOrEqual(run);
      expect(new Set(sequences).size).toBe(sequences.length);
      expect(sequences).toEqual(upTo(sequences.length));
      expect(sequences.length).toBeGreaterThan(acknowledged);
      first = sequences.length;
    }
  }, 60_000);
});

describe('file()', () => {
  it('describes the exporter as a value that can be cloned, with an absolute path', () => {
    expect(structuredClone(file({ path: 'logs/a.jsonl' }))).toEqual({ type: 'file', options: { path: path.resolve('logs/a.jsonl'), format: 'otlp', maxFiles: 5 } });
    expect(file({ path: '/a', format: 'json', maxBytes: 10, maxFiles: 2 }).options).toEqual({ path: '/a', format: 'json', maxBytes: 10, maxFiles: 2 });
  });

  it('takes the path from the environment if none is given', () => {
    expect(resolveFileOptions({}, { OTEL_LOG_QUEUE_FILE_PATH: '/from/env' }).path).toBe('/from/env');
    expect(resolveFileOptions({ path: '/given' }, { OTEL_LOG_QUEUE_FILE_PATH: '/from/env' }).path).toBe('/given');
  });

  it.each([
    [{}, TypeError, 'path'],
    [{ path: '' }, TypeError, 'path'],
    [{ path: 5 }, TypeError, 'path'],
    [{ path: '/a', format: 'pretty' }, RangeError, 'format'],
    [{ path: '/a', maxBytes: 0 }, RangeError, 'maxBytes'],
    [{ path: '/a', maxBytes: '1' }, TypeError, 'maxBytes'],
    [{ path: '/a', maxFiles: 0 }, RangeError, 'maxFiles'],
    [{ path: '/a', maxFiles: 1001 }, RangeError, 'maxFiles'],
  ])('rejects %j', (options, type, word) => {
    expect(() => resolveFileOptions(options as never, {})).toThrow(type);
    expect(() => resolveFileOptions(options as never, {})).toThrow(word);
  });
});
