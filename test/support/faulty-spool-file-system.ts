import { nodeSpoolFileSystem, type SpoolFileSystem } from '../../src/spool/spool-file-system';

/** The real file system, but for the calls that are told to fail; knows which descriptors are open. */
export class FaultySpoolFileSystem implements SpoolFileSystem {
  /** The name of each call so far. */
  readonly calls: string[] = [];
  readonly openDescriptors = new Set<number>();
  /** Which call fails (the first is number 0), and with what code. */
  fault: ((call: number, name: string) => string | undefined) | undefined = undefined;

  readonly openSync: SpoolFileSystem['openSync'] = (...args) => {
    const fd = this.#call('open', () => nodeSpoolFileSystem.openSync(...args));
    this.openDescriptors.add(fd);
    return fd;
  };
  readonly closeSync: SpoolFileSystem['closeSync'] = (fd) => {
    // As on Linux: the descriptor is gone even if close() fails.
    nodeSpoolFileSystem.closeSync(fd);
    this.openDescriptors.delete(fd);
    this.#call('close', () => undefined);
  };
  readonly writeSync: SpoolFileSystem['writeSync'] = (fd, bytes, offset, length) => {
    try {
      return this.#call('write', () => nodeSpoolFileSystem.writeSync(fd, bytes, offset, length));
    } catch (error) {
      // The worst that a write that fails can leave.
      nodeSpoolFileSystem.writeSync(fd, bytes, offset, Math.floor(length / 2));
      throw error;
    }
  };
  readonly readSync: SpoolFileSystem['readSync'] = (...args) => this.#call('read', () => nodeSpoolFileSystem.readSync(...args));
  readonly ftruncateSync: SpoolFileSystem['ftruncateSync'] = (...args) => this.#call('ftruncate', () => nodeSpoolFileSystem.ftruncateSync(...args));
  /** Does nothing: what is written survives the end of a process without it, and a run with hundreds of faults would take minutes. */
  readonly fsyncSync: SpoolFileSystem['fsyncSync'] = () => this.#call('fsync', () => undefined);
  readonly fstatSync: SpoolFileSystem['fstatSync'] = (...args) => this.#call('fstat', () => nodeSpoolFileSystem.fstatSync(...args));
  readonly lstatSync: SpoolFileSystem['lstatSync'] = (...args) => this.#call('lstat', () => nodeSpoolFileSystem.lstatSync(...args));
  readonly mkdirSync: SpoolFileSystem['mkdirSync'] = (...args) => this.#call('mkdir', () => nodeSpoolFileSystem.mkdirSync(...args));
  readonly readdirSync: SpoolFileSystem['readdirSync'] = (...args) => this.#call('readdir', () => nodeSpoolFileSystem.readdirSync(...args));
  readonly renameSync: SpoolFileSystem['renameSync'] = (...args) => this.#call('rename', () => nodeSpoolFileSystem.renameSync(...args));
  readonly unlinkSync: SpoolFileSystem['unlinkSync'] = (...args) => this.#call('unlink', () => nodeSpoolFileSystem.unlinkSync(...args));
  readonly rmdirSync: SpoolFileSystem['rmdirSync'] = (...args) => this.#call('rmdir', () => nodeSpoolFileSystem.rmdirSync(...args));
  readonly lutimesSync: SpoolFileSystem['lutimesSync'] = (...args) => this.#call('lutimes', () => nodeSpoolFileSystem.lutimesSync(...args));

  #call<T>(name: string, run: () => T): T {
    const call = this.calls.push(name) - 1;
    const code = this.fault?.(call, name);
    if (code !== undefined) {
      throw Object.assign(new Error(`${code}: for a test, ${name}`), { code, syscall: name });
    }
    return run();
  }
}
