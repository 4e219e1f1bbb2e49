/** Buffers that all columns of all files use in turn, while they write a page. */
export type Scratch = {
  /** at least so many bytes, with any content */
  page(bytes: number): Buffer;
  bits(bytes: number): Buffer;
  indexes(count: number): Int32Array;
};

/** A larger buffer, for a page with an enormous value, is not kept. */
const keptBytesMax = 16 * 1024 * 1024;

export function scratch(): Scratch {
  let page = Buffer.alloc(0);
  let bits = Buffer.alloc(0);
  let indexes = new Int32Array(0);
  return {
    page(bytes) {
      if (page.length >= bytes) return page;
      const larger = Buffer.allocUnsafeSlow(roundUp(bytes));
      if (larger.length <= keptBytesMax) page = larger;
      return larger;
    },
    bits(bytes) {
      if (bits.length < bytes) bits = Buffer.allocUnsafeSlow(roundUp(bytes));
      return bits;
    },
    indexes(count) {
      if (indexes.length < count) indexes = new Int32Array(roundUp(count));
      return indexes;
    },
  };
}

/** To a multiple of 64 Ki, so that slowly growing pages do not each make a new buffer. */
const roundUp = (size: number): number => (size + 0xffff) & ~0xffff;
