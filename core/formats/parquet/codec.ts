import zlib from 'node:zlib';
import { TidemarkError } from '../../errors.ts';

export type Compression = 'zstd' | 'snappy' | 'none';

/** How the pages of a file are compressed. */
export type Codec = {
  /** Parquet's number for it (enum CompressionCodec) */
  readonly id: number;
  /** May return its input. */
  compress(page: Uint8Array): Uint8Array;
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
      return { id: 0, compress: (page) => page, bytesMax: (bytes) => bytes };
    case 'snappy': {
      const compressSync = await loadSnappy();
      return {
        id: 1,
        // a copy of its own, else the page would keep the compressor's whole output buffer alive
        compress: (page) => compressSync(page, { copyOutputData: true }),
        bytesMax: (bytes) => 32 + bytes + Math.ceil(bytes / 6),
      };
    }
    case 'zstd':
      return { id: 6, compress: zstd(), bytesMax: (bytes) => bytes + Math.ceil(bytes / 128) + 128 };
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
  return (page) => compressSync(page, { params, pledgedSrcSize: page.length, chunkSize: zstdOutputBytes });
}
