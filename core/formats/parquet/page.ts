import { TidemarkError } from '../../errors.ts';
import type { Codec } from './codec.ts';
import { type ThriftWriter, thriftWriter } from './thrift.ts';

/** Parquet's numbers (enum Encoding). */
export const encoding = { plain: 0, rle: 3, rleDictionary: 8 } as const;
/** Parquet's numbers (enum PageType). */
export const pageType = { data: 0, dictionary: 2 } as const;

/** A page as it stands in the file. */
export type Page = {
  /** the header, then the compressed body */
  readonly pieces: readonly [Uint8Array, Uint8Array];
  readonly bytes: number;
  /** header and body before compression: what the footer's `total_uncompressed_size` adds up */
  readonly uncompressedBytes: number;
};

export type PageWriter = {
  /**
   * @param rows of the page, NULLs included
   * @param stored do not try to make it smaller
   */
  data(body: Uint8Array, rows: number, valueEncoding: number, stored: boolean): Page;
  dictionary(body: Uint8Array, entries: number): Page;
  /** The most bytes that a dictionary page with a body of so many bytes can take. */
  dictionaryBytesMax(bodyBytes: number): number;
};

/** The format counts a page's bytes in 31 bits. */
const bodyBytesMax = 0x7fff_ffff;
const headerBytesMax = 64;

export function pageWriter(codec: Codec): PageWriter {
  const thrift = thriftWriter();

  const write = (
    type: number,
    body: Uint8Array,
    compress: (body: Uint8Array) => Uint8Array,
    specific: (thrift: ThriftWriter) => void,
  ): Page => {
    if (codec.bytesMax(body.length) > bodyBytesMax) {
      throw new TidemarkError(
        'ValueNotRepresentable',
        `A Parquet page would have ${body.length} bytes, more than the format can count: the values of one batch of a column are too large.`,
      );
    }
    const compressed = compress(body);
    thrift.i32(1, type);
    thrift.i32(2, body.length);
    thrift.i32(3, compressed.length);
    specific(thrift);
    const header = thrift.take();
    return {
      pieces: [header, compressed],
      bytes: header.length + compressed.length,
      uncompressedBytes: header.length + body.length,
    };
  };

  return {
    data: (body, rows, valueEncoding, stored) =>
      write(pageType.data, body, (stored && codec.store) || codec.compress, () =>
        thrift.struct(5, () => {
          thrift.i32(1, rows);
          thrift.i32(2, valueEncoding);
          // the levels' encodings; a required column has none, and nothing is repeated
          thrift.i32(3, encoding.rle);
          thrift.i32(4, encoding.rle);
        }),
      ),
    dictionary: (body, entries) =>
      write(pageType.dictionary, body, codec.compress, () =>
        thrift.struct(7, () => {
          thrift.i32(1, entries);
          thrift.i32(2, encoding.plain);
        }),
      ),
    dictionaryBytesMax: (bodyBytes) => headerBytesMax + codec.bytesMax(bodyBytes),
  };
}
