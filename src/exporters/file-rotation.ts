import type { FileSystem } from './file-system';
import { errorCode } from './write-error';

/**
 * Makes place for a new file: `path` becomes `path.1`, `path.1` becomes `path.2`, and so on; the file that would be one too many is deleted.
 * Can be repeated after a failure: what is moved already leaves a gap, and the files behind a gap are not moved again.
 *
 * @param maxFiles how many files there may be after the new one is made
 */
export async function rotateFiles(fs: FileSystem, path: string, maxFiles: number): Promise<void> {
  if (maxFiles === 1) {
    await fs.unlink(path);
    return;
  }
  let last = 1;
  while (last < maxFiles - 1 && (await exists(fs, `${path}.${last}`))) {
    last++;
  }
  for (let number = last; number > 1; number--) {
    await fs.rename(`${path}.${number - 1}`, `${path}.${number}`);
  }
  await fs.rename(path, `${path}.1`);
}

async function exists(fs: FileSystem, path: string): Promise<boolean> {
  try {
    await fs.stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}
