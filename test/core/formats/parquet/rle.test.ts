import fc from 'fast-check';
import { expect, test } from 'vitest';
import { levelsBytesMax, packBits, writeLevels } from '../../../../core/formats/parquet/levels.ts';
import { bitWidthOf, hybridBytesMax, writeHybrid } from '../../../../core/formats/parquet/rle.ts';

/** Decodes as the format describes it, and refuses what it does not allow. */
function decode(bytes: Buffer, bitWidth: number, count: number): number[] {
  const values: number[] = [];
  let at = 0;
  while (values.length < count) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const length = Math.floor(header / 2);
    if (length === 0) throw new Error('an empty run');
    if (header % 2 === 0) {
      let value = 0;
      for (let bits = 0; bits < bitWidth; bits += 8) value += bytes[at++]! * 2 ** bits;
      for (let index = 0; index < length; index++) values.push(value);
      if (values.length > count) throw new Error('a run beyond the end');
    } else {
      for (let index = 0; index < length * 8; index++) {
        let value = 0;
        for (let bit = 0; bit < bitWidth; bit++) {
          const position = index * bitWidth + bit;
          value += ((bytes[at + (position >> 3)]! >> (position & 7)) & 1) * 2 ** bit;
        }
        values.push(value);
      }
      at += length * bitWidth;
      if (values.length >= count + 8) throw new Error('more padding than a group needs');
    }
  }
  expect(at).toBe(bytes.length);
  return values.slice(0, count);
}

/** Runs of every length between stretches of different values. */
const stretches = (max: number) =>
  fc
    .array(fc.tuple(fc.nat(max), fc.integer({ min: 1, max: 200 }), fc.boolean()), { maxLength: 30 })
    .map((parts) =>
      parts.flatMap(([value, length, run]) =>
        Array.from({ length }, (_, index) => (run ? value : (value + index * 7919) % (max + 1))),
      ),
    );

test('indexes of every width come back', () => {
  fc.assert(
    fc.property(
      fc
        .integer({ min: 1, max: 31 })
        .chain((bitWidth) => fc.tuple(fc.constant(bitWidth), stretches(2 ** bitWidth - 1))),
      ([bitWidth, values]) => {
        const bytesMax = hybridBytesMax(values.length, bitWidth);
        const out = Buffer.alloc(bytesMax + 3, 0xee);
        const end = writeHybrid(Int32Array.from(values), values.length, bitWidth, out, 3);
        expect(end - 3).toBeLessThanOrEqual(bytesMax);
        expect(decode(out.subarray(3, end), bitWidth, values.length)).toEqual(values);
      },
    ),
    { numRuns: 300 },
  );
});

test('a column of one value takes a few bytes', () => {
  const out = Buffer.alloc(hybridBytesMax(16_384, 1));
  expect(writeHybrid(new Int32Array(16_384), 16_384, 1, out, 0)).toBe(4);
});

test('runs between other values are found, wherever they begin', () => {
  for (let shift = 0; shift < 8; shift++) {
    const values = Array.from({ length: 40 }, (_, run) => [
      ...Array.from({ length: shift }, (_, index) => (run * 7 + index * 11 + 1) % 64),
      ...new Array<number>(100).fill((run * 5) % 64),
    ]).flat();
    const out = Buffer.alloc(hybridBytesMax(values.length, 6));
    const end = writeHybrid(Int32Array.from(values), values.length, 6, out, 0);
    expect(decode(out.subarray(0, end), 6, values.length)).toEqual(values);
    // a run takes 3 bytes, and up to two packed groups of 1 + 6 bytes before it; packed, it would take 75
    expect(end).toBeLessThan(40 * 18);
  }
});

test('the width of indexes', () => {
  expect([1, 2, 3, 4, 5, 256, 257, 65_536].map(bitWidthOf)).toEqual([1, 1, 2, 2, 3, 8, 9, 16]);
});

test('definition levels come back', () => {
  fc.assert(
    fc.property(stretches(1), (levels) => {
      const present = Uint8Array.from(levels);
      const values = levels.filter((level) => level === 1).length;
      const bytesMax = levelsBytesMax(levels.length);
      const out = Buffer.alloc(bytesMax, 0xee);
      const scratch = Buffer.alloc((levels.length + 7) >> 3, 0xee);
      const end = writeLevels(present, levels.length, values, scratch, out, 0);
      expect(end).toBeLessThanOrEqual(bytesMax);
      expect(out.readUInt32LE(0)).toBe(end - 4);
      if (levels.length > 0) expect(decode(out.subarray(4, end), 1, levels.length)).toEqual(levels);
    }),
    { numRuns: 300 },
  );
});

test('only NULLs, and no NULLs, are one run', () => {
  const out = Buffer.alloc(64);
  const levels = (flag: 0 | 1) => {
    const present = new Uint8Array(10_000).fill(flag);
    return writeLevels(present, 10_000, flag * 10_000, Buffer.alloc(1250), out, 0);
  };
  expect([levels(0), levels(1)]).toEqual([8, 8]);
});

test('bits are packed from the lowest on', () => {
  const out = Buffer.alloc(3);
  expect(packBits(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1, 0, 1), 10, out, 1)).toBe(3);
  expect([...out]).toEqual([0, 0x81, 0x02]);
});
