import { LogsJsonReader } from '../otlp/json-read';
import { LineIndex, LineState } from './line-index';
import { readMarks } from './marks';
import { openForRead, withDescriptor, type SpoolFileSystem } from './spool-file-system';

const PIECE_BYTES = 1024 * 1024;

// Twice what a record may take: a longer line was not written here.
const MAX_LINE_BYTES = 128 * 1024 * 1024;

const NEWLINE = 0x0a;

// As `LogsJsonEncoder` writes them. In a text inside the document the quotes would be escaped.
const DOCUMENT_START = Buffer.from('{"resourceLogs":[');
const DOCUMENT_END = Buffer.from(']}]}]}');
const RECORD_START = Buffer.from('{"timeUnixNano":"');

const CORRUPT = -1;

export interface ScannedSegment {
  readonly index: LineIndex;
  /** Lines that are no records and were not marked; they are done now. */
  readonly corrupt: number;
}

/**
 * Finds the lines of a file of an earlier process, in one pass and in pieces of 1 MiB. Records are counted and not looked at: the time is that of reading the file.
 * @throws the error of the file system
 */
export function scanSegment(files: SpoolFileSystem, path: string): ScannedSegment {
  const index = new LineIndex();
  const corruptLines: number[] = [];
  withDescriptor(files, openForRead(files, path), (fd) =>
    eachLine(files, fd, (line, end, isWhole) => {
      const records = line === undefined ? CORRUPT : countRecords(line, isWhole);
      if (records === CORRUPT) {
        corruptLines.push(index.length);
      }
      index.add(end, Math.max(records, 0), records === 0 ? LineState.Done : LineState.Waiting);
    }),
  );
  for (const range of readMarks(files, path, index)) {
    index.set(range, LineState.Done);
  }
  let corrupt = 0;
  for (const line of corruptLines) {
    if (index.stateOf(line) !== LineState.Done) {
      corrupt++;
      index.set({ from: line, to: line + 1 }, LineState.Done);
    }
  }
  return { index, corrupt };
}

/** @param onLine gets each line, undefined for one that is too long, where it ends with its line break, and whether it has one */
function eachLine(files: SpoolFileSystem, fd: number, onLine: (line: Buffer | undefined, end: number, isWhole: boolean) => void): void {
  let buffer = Buffer.allocUnsafe(PIECE_BYTES);
  let filled = 0;
  let position = 0;
  for (;;) {
    if (filled === buffer.length) {
      if (buffer.length >= MAX_LINE_BYTES) {
        onLine(undefined, files.fstatSync(fd).size, false);
        return;
      }
      buffer = Buffer.concat([buffer], 2 * buffer.length);
    }
    const read = files.readSync(fd, buffer, filled, buffer.length - filled, position + filled);
    if (read <= 0) {
      break;
    }
    filled += read;
    const bytes = buffer.subarray(0, filled);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      onLine(bytes.subarray(start, end), position + end + 1, true);
      start = end + 1;
    }
    buffer.copyWithin(0, start, filled);
    filled -= start;
    position += start;
  }
  if (filled > 0) {
    onLine(buffer.subarray(0, filled), position + filled, false);
  }
}

function countRecords(line: Buffer, isWhole: boolean): number {
  if (line.length === 0) {
    return 0;
  }
  if (isWhole && line.subarray(0, DOCUMENT_START.length).equals(DOCUMENT_START) && line.subarray(-DOCUMENT_END.length).equals(DOCUMENT_END)) {
    let records = 0;
    for (let at = line.indexOf(RECORD_START); at !== -1; at = line.indexOf(RECORD_START, at + RECORD_START.length)) {
      records++;
    }
    if (records > 0) {
      return records;
    }
  }
  try {
    return new LogsJsonReader().read(line.toString()).length;
  } catch {
    return CORRUPT;
  }
}
