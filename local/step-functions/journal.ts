import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { TidemarkError } from '../../core/errors.ts';

/** Where a record stands in a journal: offset and length in bytes. */
export type Place = readonly [offset: number, bytes: number];

/**
 * An append-only file of JSON records, a line each. What `append` has returned from survives a `kill -9` of this
 * process (not a power failure: nothing is synced to the disk). The file is opened when needed, so `close` is
 * harmless at any time.
 */
export type Journal = {
  /** @throws TidemarkError CloudBroken; then the file is as it was before */
  append(record: unknown): Place;
  read(place: Place): unknown;
  close(): void;
};

const newline = 0x0a;
const stepBytes = 256 * 1024;

export function openJournal(file: string): Journal {
  let fd: number | null = null;
  let end = 0;
  const open = (): number => {
    if (fd !== null) return fd;
    mkdirSync(dirname(file), { recursive: true });
    fd = openSync(file, 'a+');
    end = fstatSync(fd).size;
    return fd;
  };
  return {
    append(record) {
      const line = Buffer.from(`${JSON.stringify(record)}\n`);
      try {
        const target = open();
        for (let written = 0; written < line.length; ) written += writeSync(target, line, written);
      } catch (error) {
        if (fd !== null) ftruncateSync(fd, end);
        throw new TidemarkError('CloudBroken', `${file} cannot be written: ${(error as Error).message}`, {
          cause: error,
        });
      }
      const place: Place = [end, line.length];
      end += line.length;
      return place;
    },
    read([offset, bytes]) {
      const line = Buffer.alloc(bytes);
      readSync(open(), line, 0, bytes, offset);
      return JSON.parse(line.toString());
    },
    close() {
      if (fd !== null) closeSync(fd);
      fd = null;
    },
  };
}

/**
 * Visits every record in order, in bounded memory. A last line without its end is what a killed process was about to
 * write, and was never acknowledged: it is cut off.
 */
export function scanJournal(file: string, visit: (record: unknown, place: Place) => void): void {
  if (!existsSync(file)) return;
  const fd = openSync(file, 'r+');
  try {
    const end = scanLines(fd, (line, place) => visit(recordOf(line, file, place), place));
    if (end < fstatSync(fd).size) ftruncateSync(fd, end);
  } finally {
    closeSync(fd);
  }
}

function recordOf(line: string, file: string, [offset]: Place): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new TidemarkError('CloudBroken', `${file} is damaged at byte ${offset}: not a record`, {
      cause: error,
    });
  }
}

/** Visits the whole lines of a file; returns where the last one ends. */
function scanLines(fd: number, visit: (line: string, place: Place) => void): number {
  const step = Buffer.alloc(stepBytes);
  let pieces: Buffer[] = [];
  let lineStart = 0;
  for (let offset = 0; ; ) {
    const bytes = readSync(fd, step, 0, step.length, offset);
    if (bytes === 0) return lineStart;
    let from = 0;
    for (let at = step.indexOf(newline, from); at >= 0 && at < bytes; at = step.indexOf(newline, from)) {
      const lineBytes = offset + at + 1 - lineStart;
      pieces.push(step.subarray(from, at));
      visit(Buffer.concat(pieces).toString(), [lineStart, lineBytes]);
      pieces = [];
      lineStart += lineBytes;
      from = at + 1;
    }
    if (from < bytes) pieces.push(Buffer.from(step.subarray(from, bytes)));
    offset += bytes;
  }
}
