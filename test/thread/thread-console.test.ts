import { spawn, type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { writeOutputDirectly } from '../../src/thread/thread-console';
import { compileSources } from '../support/compile-sources';
import { range } from '../support/records';

let folder: string;

beforeAll(() => {
  folder = compileSources(['src/thread/thread-console', 'src/exporters/write-error', 'src/exporters/export-error']);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

jest.setTimeout(60_000);

function start(sources: string, lines = 0): ChildProcess {
  return spawn(process.execPath, [join(__dirname, 'fixtures', 'console-in-thread.cjs'), sources, String(lines)]);
}

async function outputOf(child: ChildProcess): Promise<{ stdout: Buffer; stderr: string }> {
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  await new Promise((resolve) => child.on('close', resolve));
  return { stdout: Buffer.concat(stdout), stderr };
}

describe('the output of the thread', () => {
  it('is there although the main thread is in an exit listener, where the output as Node makes it is lost', async () => {
    const { stdout, stderr } = await outputOf(start(folder));
    expect(stdout.toString('latin1')).toBe(`from console.log 1\n${Buffer.from('AP/Y', 'base64').toString('latin1')}from a buffer\n`);
    expect(stderr).toBe('from console.error\nfrom a callback\n');

    const child = start('none');
    expect((await outputOf(child)).stdout.toString()).not.toContain('from a buffer');
  });

  it('waits for a reader that is slow, beyond what a pipe holds', async () => {
    const child = start(folder, 50_000);
    // Nobody reads before the pipe is full, because this thread is busy until then.
    const busyUntil = Date.now() + 300;
    while (Date.now() < busyUntil);
    const { stdout } = await outputOf(child);
    expect(stdout.toString('latin1').split('from a buffer\n')[1]).toBe(range(0, 50_000).map((line) => `${line}\n`).join(''));
  });

  it('is discarded without an error where the reader is gone', async () => {
    const child = start(folder, 50_000);
    child.stdout?.destroy();
    const { stderr } = await outputOf(child);
    expect(stderr).toBe('from console.error\nfrom a callback\n');
  });
});

describe('writeOutputDirectly', () => {
  const systemError = (code: string): Error => Object.assign(new Error(code), { code });

  it('goes on behind a partial write, and gives up a pipe that stays full: for one write with a wait, then without, until something is taken', () => {
    const written: string[] = [];
    let answers: ('full' | number)[] = [];
    let calls = 0;
    const writeSync = (_descriptor: number, bytes: Uint8Array, offset: number): number => {
      calls++;
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer === 'full' || answer === undefined) {
        throw systemError('EAGAIN');
      }
      const taken = Math.min(answer, bytes.length - offset);
      written.push(Buffer.from(bytes.subarray(offset, offset + taken)).toString());
      return taken;
    };
    const stdout = new Writable();
    writeOutputDirectly({ stdout, stderr: new PassThrough() }, { writeSync: writeSync as never });

    answers = [2, 'full', 3];
    stdout.write('abcde');
    expect(written).toEqual(['ab', 'cde']);

    answers = ['full'];
    calls = 0;
    stdout.write('lost');
    expect(calls).toBeGreaterThan(2);
    calls = 0;
    stdout.write('lost');
    expect(calls).toBe(1);

    answers = [9];
    stdout.write('taken');
    answers = ['full', 9];
    stdout.write('waited for');
    expect(written.slice(2).join('')).toBe('takenwaited for');
  });

  it('throws nothing, whatever the descriptor says', async () => {
    const stdout = new Writable();
    const writeSync = (): never => {
      throw systemError('EPIPE');
    };
    writeOutputDirectly({ stdout, stderr: new PassThrough() }, { writeSync });
    await expect(new Promise((resolve) => stdout.write('x', resolve))).resolves.toBeFalsy();
  });
});
