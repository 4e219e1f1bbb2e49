import { describe, expect, test } from 'vitest';
import { readAvro, toLong, writeAvro } from '../../../../core/publish/iceberg/avro.ts';
import { headerOf, layoutOfAvro, readAvroFile } from '../../../support/iceberg-reader.ts';

const schema = {
  type: 'record',
  name: 'r',
  fields: [
    { name: 'id', type: 'long', 'field-id': 1 },
    { name: 'other', type: ['null', 'long'], default: null, 'field-id': 2 },
    { name: 'text', type: 'string', 'field-id': 3 },
    {
      name: 'all',
      type: { type: 'array', items: 'long', 'element-id': 5 },
      'field-id': 4,
    },
  ],
};
const record = (id: number | bigint, text = '') => ({ id, other: id, text, all: [id] });
const write = (records: readonly unknown[], metadata = {}) => writeAvro(schema, records, metadata);

const longs: (number | bigint)[] = [
  ...[0, -1, 2 ** 31, -(2 ** 31), 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
  ...[2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n), 3_051_729_675_574_597_004n],
];

test('longs come back as they were: numbers where they are exact, bigints beyond', async () => {
  const body = await write(longs.map((long) => record(long)));
  expect(await readAvro(body)).toEqual(longs.map((long) => record(long)));
  // icebird makes a bigint of every long
  const { records } = await readAvroFile(body);
  expect(records.map(({ id, other, all }) => [id, other, all])).toEqual(
    longs.map((long) => [BigInt(long), BigInt(long), [BigInt(long)]]),
  );
});

test('a bigint that is exact as a number is written as that number', async () => {
  expect(await readAvro(await write([record(5n)]))).toEqual([record(5)]);
  expect([toLong(2n ** 53n - 1n), toLong(2n ** 53n)]).toEqual([Number.MAX_SAFE_INTEGER, 2n ** 53n]);
});

test.each([[1.5], [2 ** 53], [Number.NaN], ['7'], [undefined]])('%s is no long: refused', (value) => {
  expect(() => write([record(value as number)])).toThrow();
});

test.each([[2n ** 63n], [-(2n ** 63n) - 1n]])('%s has more than 64 bits: refused', (value) => {
  expect(() => write([record(value)])).toThrow();
});

test('text of all scripts, in the records and in the header', async () => {
  const text = 'Ärger €𝄞 日本 \u0000 العربية 🎼\u{10ffff}';
  const body = await write([record(1, text)], { schema: JSON.stringify({ text }), content: text });
  expect(await readAvro(body)).toEqual([record(1, text)]);
  expect(layoutOfAvro(body).header).toMatchObject({ content: text, schema: JSON.stringify({ text }) });
  expect((await readAvroFile(body)).records[0]).toMatchObject({ text });
});

test('the header has the schema as it was given, with every field id', async () => {
  const { header } = layoutOfAvro(await write([record(1)], { 'format-version': '2' }));
  expect(JSON.parse(header['avro.schema']!)).toEqual(schema);
  expect(header).toMatchObject({ 'avro.codec': 'deflate', 'format-version': '2' });
});

test('no records, one, and several blocks of them', async () => {
  for (const count of [0, 1, 10_000]) {
    const records = Array.from({ length: count }, (_, at) => record(at, `text ${at}`));
    const body = await write(records);
    expect(await readAvro(body)).toEqual(records);
    expect((await readAvroFile(body)).records).toHaveLength(count);
    expect(layoutOfAvro(body).ends).toHaveLength(count === 10_000 ? 4 : 1 + count);
  }
});

describe('what is not a whole file is refused', () => {
  test('cut anywhere but between blocks', async () => {
    const body = await write([record(1, 'one'), record(2, 'two')]);
    // what ends with a block is a whole file for Avro: who names the file must know its length
    const { ends } = layoutOfAvro(body);
    for (let length = 0; length < body.length; length++) {
      if (ends.includes(length)) continue;
      expect(() => readAvro(body.subarray(0, length)), `${length} of ${body.length} bytes`).toThrow();
    }
  });

  test('of several blocks, cut around the ends of each', async () => {
    const body = await write(Array.from({ length: 10_000 }, (_, at) => record(at, `text ${at}`)));
    for (const end of layoutOfAvro(body).ends) {
      for (const length of [end - 17, end - 16, end - 1, end + 1, end + 2, end + 20]) {
        if (length >= body.length) continue;
        expect(() => readAvro(body.subarray(0, length)), `${length} bytes`).toThrow();
      }
    }
  });

  test('followed by something', async () => {
    const body = await write([record(1)]);
    for (const rest of [Buffer.of(0), Buffer.from('more'), Buffer.alloc(40), body]) {
      expect(() => readAvro(Buffer.concat([body, rest])), `${rest.length} bytes more`).toThrow();
    }
  });

  test('with any one bit of its block flipped: refused, or at least never shorter', async () => {
    const records = [record(1, 'one'), record(2, 'two')];
    const body = await write(records);
    const shorter: string[] = [];
    for (let bit = headerOf(body).length * 8; bit < body.length * 8; bit++) {
      const damaged = Buffer.from(body);
      damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
      let found: unknown[] | null = null;
      try {
        found = readAvro(damaged);
      } catch {}
      if (found && found.length < records.length) {
        shorter.push(
          `byte ${(bit >> 3) - headerOf(body).length} of the block, bit ${bit & 7}: ${found.length}`,
        );
      }
    }
    expect(shorter).toEqual([]);
  });

  test.each(['', 'Obj', 'Obj\u0001', '{"snapshots": []}', '<html>', 'PAR1', '\u0000'.repeat(100)])(
    'nonsense: %j',
    async (text) => {
      expect(() => readAvro(Buffer.from(text, 'latin1'))).toThrow();
    },
  );
});
