/** What functions print: a file per function, as a log group in CloudWatch. */
import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';

export type FunctionLogs = {
  write(functionName: string, requestId: string | null, line: string): void;
  close(): Promise<void>;
};

const fileBytesMax = 16 * 1024 * 1024;

/**
 * Appends to `<folder>/<function>.log`. A file that has grown beyond 16 MiB is put aside as `<function>.old.log`
 * when it is opened. A disk that is full loses lines and nothing else.
 */
export function openLogs(folder: string): FunctionLogs {
  mkdirSync(folder, { recursive: true });
  const files = new Map<string, WriteStream>();
  let closed = false;
  const open = (functionName: string): WriteStream => {
    const path = join(folder, `${functionName}.log`);
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > fileBytesMax) {
      renameSync(path, join(folder, `${functionName}.old.log`));
    }
    const file = createWriteStream(path, { flags: 'a' });
    file.on('error', () => {});
    files.set(functionName, file);
    return file;
  };
  return {
    write: (functionName, requestId, line) => {
      if (closed) return;
      const file = files.get(functionName) ?? open(functionName);
      file.write(`${new Date().toISOString()} ${requestId ?? '-'} ${line}\n`);
    },
    close: async () => {
      closed = true;
      await Promise.all(
        [...files.values()].map((file) => new Promise<void>((done) => file.close(() => done()))),
      );
    },
  };
}
