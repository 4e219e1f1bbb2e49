import { expect, test } from 'vitest';
import { createdBy } from '../../../../core/formats/parquet/footer.ts';
import packageJson from '../../../../package.json' with { type: 'json' };
import { batchesOf, columnsOf, type Value } from '../../../support/batches.ts';
import { encode } from './readers.ts';
import { chunksOf, readFooter, readThrift, type ThriftStruct } from './thrift-reader.ts';

const columns = columnsOf({
  id: { kind: 'int', bits: 64 },
  word: [{ kind: 'string' }],
  flag: [{ kind: 'boolean' }],
});
const rows = Array.from({ length: 30_000 }, (_, index): Value[] => [
  BigInt(index),
  // the dictionary of the later row groups overflows
  index % 10 === 9 ? null : `word ${index < 12_000 || index % 12_000 < 4500 ? index % 50 : index}`,
  index % 3 === 0 ? null : index % 2 === 0,
]);

test('the pages fill the file from end to end, and the footer says of each chunk what its pages are', async () => {
  const file = await encode(columns, batchesOf(columns, rows, 777), {
    rowGroupRows: 12_000,
    dictionaryEntries: 100,
    compression: 'snappy',
  });
  const { struct: footer, start } = readFooter(file);
  let at = 4;
  const seen = new Set<string>();
  for (const [index, group] of (footer[4] as ThriftStruct[]).entries()) {
    const groupStart = at;
    let groupUncompressed = 0;
    for (const chunk of chunksOf(footer)[index]!) {
      const chunkStart = at;
      let uncompressed = 0;
      let values = 0;
      let dictionaryAt: bigint | undefined;
      let dataAt: bigint | undefined;
      const kinds = new Map<string, bigint>();
      const chunkEnd = at + Number(chunk[7]);
      while (at < chunkEnd) {
        const { struct: page, end } = readThrift(file, at);
        const data = page[5] as ThriftStruct | undefined;
        const dictionary = page[7] as ThriftStruct | undefined;
        // one of the two, as the type says
        expect([page[1], data === undefined, dictionary === undefined]).toEqual(
          data === undefined ? [2n, true, false] : [0n, false, true],
        );
        if (dictionary !== undefined) {
          expect(at).toBe(chunkStart);
          dictionaryAt = BigInt(at);
        }
        if (data !== undefined) {
          dataAt ??= BigInt(at);
          values += Number(data[1]);
          expect([data[3], data[4]]).toEqual([3n, 3n]);
        }
        const kind = `${page[1]} ${(data ?? dictionary)![2]}`;
        kinds.set(kind, (kinds.get(kind) ?? 0n) + 1n);
        uncompressed += end - at + Number(page[2]);
        at = end + Number(page[3]);
      }
      expect(at).toBe(chunkEnd);
      expect(chunk[4]).toBe(1n);
      expect(chunk[5]).toBe(group[3]);
      expect(BigInt(values)).toBe(group[3]);
      expect(chunk[6]).toBe(BigInt(uncompressed));
      expect(chunk[9]).toBe(dataAt);
      expect(chunk[11]).toBe(dictionaryAt);
      const stats = (chunk[13] as ThriftStruct[]).map((kind) => [`${kind[1]} ${kind[2]}`, kind[3]]);
      expect(stats).toEqual([...kinds]);
      const encodings = [...kinds.keys()].map((kind) => BigInt(kind.split(' ')[1]!));
      expect(new Set(chunk[2] as bigint[])).toEqual(new Set([...encodings, 0n, 3n]));
      seen.add([...kinds.keys()].join(', '));
      groupUncompressed += uncompressed;
    }
    expect(group[2]).toBe(BigInt(groupUncompressed));
    expect(group[5]).toBe(BigInt(groupStart));
    expect(group[6]).toBe(BigInt(at - groupStart));
  }
  expect(at).toBe(start);
  expect(footer[3]).toBe(30_000n);
  // this file had all there is: PLAIN only; dictionary only; dictionary, then PLAIN
  expect(seen).toEqual(new Set(['0 0', '2 0, 0 8', '2 0, 0 8, 0 0']));
});

test('it says who wrote the file, what it is told, and the order of every column’s bounds', async () => {
  const keyValues = { 'tidemark.sync': 'shop', 'tidemark.run': 'r-1 ü', empty: '' };
  const { struct: footer } = readFooter(await encode(columns, [], {}, keyValues));
  expect(footer[1]).toBe(1n);
  const pairs = (footer[5] as ThriftStruct[]).map((pair) => [String(pair[1]), String(pair[2])]);
  expect(Object.fromEntries(pairs)).toEqual(keyValues);
  expect(String(footer[6])).toBe(createdBy);
  expect(footer[7]).toEqual([{ 1: {} }, { 1: {} }, { 1: {} }]);
});

test('the version in created_by is the package’s', () => {
  expect(createdBy).toMatch(/^tidemark version \S+ \(build .+\)$/);
  expect(createdBy.split(' ')[2]).toBe(packageJson.version);
});
