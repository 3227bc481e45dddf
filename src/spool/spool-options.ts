import { resolve } from 'node:path';
import { checkBoolean, checkInteger, checkObject, checkOneOf, checkString, warnUnknownKeys } from '../check';

/** A lane's overflow on disk. */
export interface SpoolOptions {
  /** Where the files go, in a sub-folder for each lane and process; made, with mode 0700, if it is not there. It may not be a symbolic link itself. */
  readonly directory: string;
  /** Most bytes of records on disk, for each lane of each process; beyond, the oldest are lost (`spool_full`). The marks of what is delivered, a few bytes a batch, come on top. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Whether each write waits until the disk has it: needed to survive a power cut, not to survive the end of the process. Default false. */
  readonly fsync?: boolean;
  /** `overflow`: records go to disk when the lane cannot deliver them. `journal`: every record is on disk before it is exported. Default `overflow`. */
  readonly mode?: 'overflow' | 'journal';
  /** What is delivered first after an outage: new records, or all in the order in which they came. Default `fresh-first`. */
  readonly replay?: 'fresh-first' | 'in-order';
}

export type ResolvedSpoolOptions = Required<SpoolOptions>;

const OPTION_KEYS = ['directory', 'maxBytes', 'fsync', 'mode', 'replay'] as const satisfies readonly (keyof SpoolOptions)[];

const DEFAULT_MAX_BYTES = 1024 * 1024 * 1024;

/**
 * Fills in what is not set and checks the rest.
 *
 * @param option how messages name the option
 * @throws TypeError or RangeError naming option, range and value
 */
export function resolveSpoolOptions(option: string, value: unknown): ResolvedSpoolOptions {
  const given = checkObject(option, value);
  warnUnknownKeys(option, given, OPTION_KEYS);
  const { maxBytes, fsync, mode, replay } = given;
  return {
    // Now, because the application may change its working directory.
    directory: resolve(checkString(`${option}.directory`, given['directory'])),
    maxBytes: maxBytes === undefined ? DEFAULT_MAX_BYTES : checkInteger(`${option}.maxBytes`, maxBytes, 1),
    fsync: fsync === undefined ? false : checkBoolean(`${option}.fsync`, fsync),
    mode: mode === undefined ? 'overflow' : checkOneOf(`${option}.mode`, mode, ['overflow', 'journal']),
    replay: replay === undefined ? 'fresh-first' : checkOneOf(`${option}.replay`, replay, ['fresh-first', 'in-order']),
  };
}
