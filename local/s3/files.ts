import fs from 'node:fs';
import { type Checksum, type ChecksumAlgorithm, createDigest } from './checksums.ts';

const blockBytes = 1024 * 1024;

/** Yields a file's bytes from an open descriptor; the block is used again. Does not close it. */
async function* blocksOf(fd: number): AsyncGenerator<Buffer> {
  const block = Buffer.allocUnsafe(blockBytes);
  for (let at = 0; ; ) {
    const bytes = await read(fd, block, at);
    if (bytes === 0) return;
    yield block.subarray(0, bytes);
    at += bytes;
  }
}

const read = (fd: number, block: Buffer, at: number): Promise<number> =>
  new Promise((resolve, reject) => {
    fs.read(fd, block, 0, block.length, at, (error, bytes) => (error ? reject(error) : resolve(bytes)));
  });

/** A new file that grows at its end; `close` once, whatever happens. */
export async function createFile(file: string): Promise<{
  append(pieces: readonly Buffer[]): Promise<void>;
  close(): Promise<void>;
}> {
  const handle = await fs.promises.open(file, 'wx');
  return {
    append: async (pieces) => {
      let rest = pieces.filter((piece) => piece.length > 0);
      while (rest.length > 0) {
        let { bytesWritten } = await handle.writev(rest);
        // a disk that fills up takes a part first; the next call says so
        while (rest[0] !== undefined && bytesWritten >= rest[0].length) {
          bytesWritten -= rest[0].length;
          rest = rest.slice(1);
        }
        if (rest[0] !== undefined) rest = [rest[0].subarray(bytesWritten), ...rest.slice(1)];
      }
    },
    close: () => handle.close(),
  };
}

export type Hashes = { readonly md5: string; readonly checksum: Checksum | undefined };

/** Hashes an open file, and copies it to the new file `copy` on the way if one is named. Does not close `fd`. */
export async function hashFile(
  fd: number,
  algorithm: ChecksumAlgorithm | undefined,
  copy?: string,
): Promise<Hashes> {
  const md5 = createDigest('MD5');
  const other = algorithm === undefined ? undefined : createDigest(algorithm);
  const target = copy === undefined ? undefined : await createFile(copy);
  try {
    for await (const block of blocksOf(fd)) {
      md5.update(block);
      other?.update(block);
      await target?.append([block]);
    }
  } finally {
    await target?.close();
  }
  return {
    md5: md5.digest().toString('hex'),
    checksum:
      algorithm === undefined || other === undefined
        ? undefined
        : { algorithm, value: other.digest().toString('base64'), type: 'FULL_OBJECT' },
  };
}

/** Appends files one after the other to the new file `target`, handing every block to `each`. */
export async function concatenate(
  files: readonly string[],
  target: string,
  each: (block: Buffer) => void,
): Promise<void> {
  const out = await createFile(target);
  try {
    for (const file of files) {
      const handle = await fs.promises.open(file, 'r');
      try {
        for await (const block of blocksOf(handle.fd)) {
          each(block);
          await out.append([block]);
        }
      } finally {
        await handle.close();
      }
    }
  } finally {
    await out.close();
  }
}
