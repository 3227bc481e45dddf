import { join } from 'node:path';
import { isOrphan, removeLock } from './owner-lock';
import { isMissing, type SpoolFileSystem } from './spool-file-system';

const OWNER_FOLDER = /^\d+-[\w.-]+$/;
const ADOPTED_FOLDER = /^adopted-\d+$/;
const SEGMENT_FILE = /^\d{8,}\.jsonl$/;

/** A segment of an earlier process, or of an earlier thread of this one. */
export interface FoundSegment {
  readonly path: string;
  /** When it was last written to. */
  readonly mtimeMs: number;
}

/**
 * Moves the folders of dead processes into one's own, whole and atomically: only one process gets each, and what a crash leaves half done the next one finds.
 * They stand side by side there, however many processes have died one after the other.
 *
 * @param onFailure called for what could not be moved; it stays where it is for the next time
 */
export function claimOrphans(files: SpoolFileSystem, laneFolder: string, ownName: string, now: number, onFailure: (error: unknown) => void): void {
  const own = join(laneFolder, ownName);
  for (const name of folders(files, laneFolder, OWNER_FOLDER)) {
    const folder = join(laneFolder, name);
    if (name !== ownName) {
      attempt(onFailure, () => {
        if (isOrphan(files, folder, now)) {
          moveInto(files, folder, own);
        }
      });
    }
  }
  // Grows while it is gone through: what is inside an adopted folder is moved beside it.
  const adopted = folders(files, own, ADOPTED_FOLDER);
  for (const name of adopted) {
    const folder = join(own, name);
    attempt(onFailure, () => removeLock(files, folder));
    attempt(onFailure, () => {
      for (const inner of folders(files, folder, ADOPTED_FOLDER)) {
        adopted.push(moveInto(files, join(folder, inner), own));
      }
    });
  }
}

/**
 * Every segment in one's own folder and those that were moved into it. Other files are left alone.
 * @throws the error of the file system
 */
export function findSegments(files: SpoolFileSystem, own: string): FoundSegment[] {
  const found: FoundSegment[] = [];
  for (const folder of [own, ...folders(files, own, ADOPTED_FOLDER).map((name) => join(own, name))]) {
    const before = found.length;
    for (const name of files.readdirSync(folder).sort().filter((each) => SEGMENT_FILE.test(each))) {
      const path = join(folder, name);
      const stats = files.lstatSync(path);
      // Neither a symbolic link nor a pipe, which would never end.
      if (stats.isFile()) {
        found.push({ path, mtimeMs: stats.mtimeMs });
      }
    }
    if (found.length === before && folder !== own) {
      removeEmptyFolder(files, folder);
    }
  }
  return found;
}

/** Removes a folder without segments, and the marks in it, which belong to nothing any more. Foreign files keep the folder. */
export function removeEmptyFolder(files: SpoolFileSystem, folder: string): void {
  try {
    const names = files.readdirSync(folder);
    if (!names.some((name) => SEGMENT_FILE.test(name))) {
      names.filter((name) => /^\d{8,}\.done$/.test(name)).forEach((name) => files.unlinkSync(join(folder, name)));
      files.rmdirSync(folder);
    }
  } catch {
    // It holds nothing of ours: the next process may try again.
  }
}

function folders(files: SpoolFileSystem, folder: string, pattern: RegExp): string[] {
  return files.readdirSync(folder).sort().filter((name) => pattern.test(name) && isFolder(files, join(folder, name)));
}

function isFolder(files: SpoolFileSystem, path: string): boolean {
  try {
    return files.lstatSync(path).isDirectory();
  } catch (error) {
    if (isMissing(error)) {
      return false;
    }
    throw error;
  }
}

/** Returns the new name. */
function moveInto(files: SpoolFileSystem, folder: string, own: string): string {
  const taken = new Set(files.readdirSync(own));
  let number = 1;
  while (taken.has(`adopted-${number}`)) {
    number++;
  }
  files.renameSync(folder, join(own, `adopted-${number}`));
  return `adopted-${number}`;
}

function attempt(onFailure: (error: unknown) => void, step: () => void): void {
  try {
    step();
  } catch (error) {
    // Another process was faster.
    if (!isMissing(error)) {
      onFailure(error);
    }
  }
}
