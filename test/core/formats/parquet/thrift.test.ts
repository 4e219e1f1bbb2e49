import fc from 'fast-check';
import { expect, test } from 'vitest';
import { thriftWriter } from '../../../../core/formats/parquet/thrift.ts';
import { readThrift } from './thrift-reader.ts';

test('the bytes of the protocol’s own examples', () => {
  const thrift = thriftWriter();
  thrift.bool(1, true);
  thrift.i32(2, -1);
  thrift.i64(20, 300);
  thrift.text(21, 'é');
  thrift.struct(22, () => thrift.i8(1, -2));
  thrift.i32List(23, [1, 2]);
  // field 20 is more than 15 after 2: its number is written out
  expect(thrift.take().toString('hex')).toBe(
    '11' + '1501' + '0628d804' + '1802c3a9' + '1c13fe00' + '19250204' + '00',
  );
});

test('whole numbers of any size and lists of any length', () => {
  const thrift = thriftWriter();
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), { maxLength: 40 }),
      fc.array(fc.string({ unit: 'binary' }), { maxLength: 40 }),
      fc.uint8Array({ maxLength: 3000 }),
      (numbers, texts, bytes) => {
        for (const [index, number] of numbers.entries()) thrift.i64(index + 1, number);
        thrift.structList(100, numbers, (number) => thrift.i64(1, number));
        thrift.textList(200, texts);
        thrift.binary(201, bytes);
        const written = thrift.take();
        const { struct, end } = readThrift(written);
        expect(end).toBe(written.length);
        expect(numbers.map((_, index) => struct[index + 1])).toEqual(numbers.map(BigInt));
        expect(struct[100]).toEqual(numbers.map((number) => ({ 1: BigInt(number) })));
        expect((struct[200] as Buffer[]).map(String)).toEqual(texts);
        expect(Buffer.from(bytes).equals(struct[201] as Buffer)).toBe(true);
      },
    ),
  );
});
