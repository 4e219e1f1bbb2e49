import zlib from 'node:zlib';
import { TidemarkError } from '../../errors.ts';
import { writeVarint } from './rle.ts';

export type Compression = 'zstd' | 'snappy' | 'none';

/** How the pages of a file are compressed. */
export type Codec = {
  /** Parquet's number for it (enum CompressionCodec) */
  readonly id: number;
  /** The result is memory of its own, no larger than it needs. */
  compress(page: Uint8Array): Uint8Array;
  /** Likewise for a page in which nothing repeats: no search, a copy. null: `compress` is as fast with those. */
  readonly store: ((page: Uint8Array) => Uint8Array) | null;
  /** The most bytes that a page of so many bytes can become. */
  bytesMax(pageBytes: number): number;
};

/** What every runtime that Tidemark supports can do best: zstd came into Node with 22.15. */
export const defaultCompression = (): Compression =>
  typeof zlib.zstdCompressSync === 'function' ? 'zstd' : 'snappy';

/**
 * Measured with Node 24 on rows like TPC-H's lineitem: level 3 costs the whole encoder 18 % more CPU time than
 * level 1 and makes files 2.5 % smaller; level 2 gains nothing.
 */
const zstdLevel = 1;

/** @throws TidemarkError DefinitionInvalid: this machine cannot compress so */
export async function loadCodec(compression: Compression): Promise<Codec> {
  switch (compression) {
    case 'none':
      return { id: 0, compress: (page) => Uint8Array.from(page), store: null, bytesMax: (bytes) => bytes };
    case 'snappy': {
      const compressSync = await loadSnappy();
      return {
        id: 1,
        // a copy of its own, else the page would keep the compressor's whole output buffer alive
        compress: (page) => compressSync(page, { copyOutputData: true }),
        store: snappyLiteral,
        bytesMax: (bytes) => 32 + bytes + Math.ceil(bytes / 6),
      };
    }
    case 'zstd':
      return { id: 6, compress: zstd(), store: null, bytesMax: zstdBytesMax };
  }
}

async function loadSnappy(): Promise<typeof import('snappy')['compressSync']> {
  try {
    const snappy = await import('snappy');
    return snappy.compressSync;
  } catch (cause) {
    throw new TidemarkError(
      'DefinitionInvalid',
      `compression: snappy needs the npm package "snappy", which cannot be loaded here. Allowed without it: none, and zstd from Node 22.15 on (this is ${process.version}).`,
      { cause },
    );
  }
}

/**
 * A page as snappy's format has it when nothing repeats: its length, then one literal.
 * Source: https://github.com/google/snappy/blob/main/format_description.txt
 */
export function snappyLiteral(page: Uint8Array): Uint8Array {
  const head = Buffer.alloc(10);
  let end = writeVarint(page.length, head, 0);
  if (page.length > 0) {
    // 63: the length − 1 follows in 4 bytes
    head[end] = 63 << 2;
    end = head.writeUInt32LE(page.length - 1, end + 1);
  }
  return Buffer.concat([head.subarray(0, end), page]);
}

const zstdBytesMax = (bytes: number): number => bytes + Math.ceil(bytes / 128) + 128;

/**
 * zlib collects its output in buffers of this size. With its own 16 KiB the pieces of a page are joined once more,
 * and the garbage made the encoder's memory peak a third higher (measured: 344 against 250 MB for a file of 96 MB).
 */
const zstdOutputBytes = 64 * 1024;

function zstd(): (page: Uint8Array) => Uint8Array {
  const compressSync = zlib.zstdCompressSync;
  if (typeof compressSync !== 'function') {
    throw new TidemarkError(
      'DefinitionInvalid',
      `compression: zstd needs Node 22.15 or newer, this is ${process.version}. Allowed here: snappy, none.`,
    );
  }
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: zstdLevel };
  return (page) => {
    const chunkSize = Math.min(zstdOutputBytes, zstdBytesMax(page.length));
    const compressed = compressSync(page, { params, pledgedSrcSize: page.length, chunkSize });
    // a small page lies in a buffer that has room for a larger one; Buffer.from would take it into its pool
    return compressed.length * 2 < compressed.buffer.byteLength ? new Uint8Array(compressed) : compressed;
  };
}
