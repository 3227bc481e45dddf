import { nodeFileSystem, type FileSystem } from '../../src/exporters/file-system';

/** `half write` and `one byte` cut a write short and change no other call; anything else is the code of an error. */
export type Fault = string;

const SHORT_WRITES: readonly Fault[] = ['half write', 'one byte'];

/** The real file system, but for the calls with these numbers (from 1 on). */
export class FaultyFileSystem implements FileSystem {
  readonly faults: Map<number, Fault>;
  /** The fault of every call that has none of its own. */
  always: Fault | undefined = undefined;
  /** The name of each call so far. */
  readonly calls: string[] = [];

  constructor(faults: Iterable<readonly [number, Fault]> = []) {
    this.faults = new Map(faults);
  }

  open = (path: string, flags: string, mode: number): Promise<number> => this.#call('open', () => nodeFileSystem.open(path, flags, mode));
  close = (fd: number): Promise<void> => this.#call('close', () => nodeFileSystem.close(fd));
  read = (fd: number, bytes: Buffer, offset: number, length: number, position: number): Promise<number> =>
    this.#call('read', () => nodeFileSystem.read(fd, bytes, offset, length, position));
  fstat = (fd: number): ReturnType<FileSystem['fstat']> => this.#call('fstat', () => nodeFileSystem.fstat(fd));
  stat = (path: string): ReturnType<FileSystem['stat']> => this.#call('stat', () => nodeFileSystem.stat(path));
  rename = (from: string, to: string): Promise<void> => this.#call('rename', () => nodeFileSystem.rename(from, to));
  unlink = (path: string): Promise<void> => this.#call('unlink', () => nodeFileSystem.unlink(path));
  mkdir = (path: string): Promise<void> => this.#call('mkdir', () => nodeFileSystem.mkdir(path));

  write = (fd: number, bytes: Buffer, offset: number, length: number): Promise<number> =>
    this.#call('write', (fault) => {
      const part = fault === 'half write' ? Math.ceil(length / 2) : fault === 'one byte' ? 1 : length;
      return nodeFileSystem.write(fd, bytes, offset, part);
    });

  async #call<T>(name: string, call: (fault: Fault | undefined) => Promise<T>): Promise<T> {
    this.calls.push(name);
    const fault = this.faults.get(this.calls.length) ?? this.always;
    if (fault !== undefined && !SHORT_WRITES.includes(fault)) {
      throw Object.assign(new Error(`${fault}: for a test, ${name}`), { code: fault, syscall: name });
    }
    return call(fault);
  }
}
