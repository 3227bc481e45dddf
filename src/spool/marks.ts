import type { LineIndex, LineRange } from './line-index';
import { isMissing, openForAppend, openForRead, readFully, withDescriptor, writeFully, type SpoolFileSystem } from './spool-file-system';

// More marks than a segment can have lines.
const MAX_MARKS_BYTES = 64 * 1024 * 1024;

/** The file beside a segment that says what of it is done: lines with start and end in bytes. */
export function marksPath(segmentPath: string): string {
  return segmentPath.replace(/\.jsonl$/, '.done');
}

/**
 * @param mayBeTorn whether half a mark may stand at the end: then a line break comes first, so that it does not run into these
 * @throws the error of the file system
 */
export function addMarks(files: SpoolFileSystem, segmentPath: string, index: LineIndex, ranges: readonly LineRange[], mayBeTorn: boolean): void {
  const text = (mayBeTorn ? '\n' : '') + ranges.map(({ from, to }) => `${index.startOf(from)} ${index.endOf(to - 1)}\n`).join('');
  withDescriptor(files, openForAppend(files, marksPath(segmentPath)), (fd) => writeFully(files, fd, Buffer.from(text)));
}

/**
 * The lines that are done. What is no mark, or none of whole lines, counts for nothing: better to deliver twice than not at all.
 * @throws the error of the file system
 */
export function readMarks(files: SpoolFileSystem, segmentPath: string, index: LineIndex): LineRange[] {
  let text: string;
  try {
    text = withDescriptor(files, openForRead(files, marksPath(segmentPath)), (fd) => {
      const bytes = Buffer.alloc(Math.min(files.fstatSync(fd).size, MAX_MARKS_BYTES));
      return bytes.toString('latin1', 0, readFully(files, fd, bytes, 0));
    });
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // ELOOP: a symbolic link, which is none of ours.
    if (isMissing(error) || code === 'ELOOP') {
      return [];
    }
    throw error;
  }
  // Without its line break a mark may be cut.
  return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').flatMap((line) => {
    const [, start, end] = /^(\d{1,15}) (\d{1,15})$/.exec(line) ?? [];
    return (start === undefined ? undefined : index.between(Number(start), Number(end))) ?? [];
  });
}
