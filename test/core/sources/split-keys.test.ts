import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planChunks } from '../../../core/plan/chunks.ts';
import {
  bytesScale,
  dateScale,
  dateTimeScale,
  decimalScale,
  floatScale,
  integerScale,
  type KeyScale,
  textScale,
  timeScale,
  uuidScale,
} from '../../../core/sources/key-scales.ts';
import { joinKey } from '../../../core/sources/key-text.ts';
import { type KeySpace, type KeyValues, sampleOf, splitKeys } from '../../../core/sources/split-keys.ts';

type Compare = (a: string, b: string) => number;

const asNumbers: Compare = (a, b) => (BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0);
const asCodes: Compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
/** upper and lower case are the same, accents count */
const { compare: asWords } = new Intl.Collator('de', { sensitivity: 'accent' });

/** An index in memory, that counts what it is asked. @param error of its estimates, as a factor */
function spaceOf(keys: readonly KeyValues[], columns: readonly [KeyScale, Compare][], error = 0) {
  const compare = (a: KeyValues, b: KeyValues): number => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = (columns[i] as [KeyScale, Compare])[1](a[i] as string, b[i] as string);
      if (order !== 0) return order;
    }
    return 0;
  };
  const sorted = [...keys].sort(compare);
  let asked = 0;
  /** how many keys lie before the place */
  const lower = (place: KeyValues, isIn: (order: number) => boolean): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isIn(compare(sorted[middle] as KeyValues, place))) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const upTo = (key: KeyValues): number => lower(key, (order) => order <= 0);
  const before = (key: KeyValues): number => lower(key, (order) => order < 0);
  const space: KeySpace = {
    scales: columns.map(([scale]) => scale),
    async lastBefore(probe, after, last) {
      asked++;
      const at = Math.min(before(probe), upTo(last)) - 1;
      return at < (after === null ? 0 : upTo(after)) ? null : (sorted[at] as KeyValues);
    },
    async firstAfter(after, last) {
      asked++;
      const at = upTo(after);
      return at < upTo(last) ? (sorted[at] as KeyValues) : null;
    },
    async estimate(after, last) {
      asked++;
      const rows = upTo(last) - (after === null ? 0 : upTo(after));
      // as InnoDB: never more than half of the table where it is not counted
      const guess = Math.round(rows * (1 + error * Math.sin(rows + asked)));
      return rows > 100 ? Math.min(guess, Math.ceil(sorted.length / 2) + 1) : rows;
    },
  };
  return { space, sorted, compare, asked: () => asked };
}

/** Pieces cover everything, in order, and the chunks that are planned of them hold about what they should. */
async function check(
  keys: readonly KeyValues[],
  columns: readonly [KeyScale, Compare][],
  chunkRows: number,
  error = 0,
): Promise<{ readonly largest: number; readonly chunks: number; readonly asked: number }> {
  const { space, sorted, compare, asked } = spaceOf(keys, columns, error);
  const [min, max] = [sorted[0] as KeyValues, sorted.at(-1) as KeyValues];
  const pieces = await splitKeys(space, min, max, { rows: chunkRows / 8, questions: 50_000 });
  for (const [i, piece] of pieces.entries())
    if (i > 0) expect(compare((pieces[i - 1] as { last: KeyValues }).last, piece.last)).toBeLessThan(0);
  expect(pieces.at(-1)?.last).toEqual(max);
  const texts = pieces.map(({ last, rows }) => ({ last: joinKey(last), rows }));
  const places = new Map(sorted.map((key, i) => [joinKey(key), i]));
  expect(texts.filter(({ last }) => !places.has(last))).toEqual([]);
  const sample = sampleOf(texts, 30_000);
  expect(sample).not.toContain(joinKey(max));
  const chunks = planChunks(
    { rows: sorted.length, bytes: 0, min: joinKey(min), max: joinKey(max), sample },
    chunkRows,
  );
  let from = -1;
  let largest = 0;
  for (const { upTo } of chunks) {
    const to = places.get(upTo) as number;
    largest = Math.max(largest, to - from);
    from = to;
  }
  expect(from).toBe(sorted.length - 1);
  return { largest, chunks: chunks.length, asked: asked() };
}

const numbers = (count: number, make: (i: number) => number | bigint): KeyValues[] =>
  [...new Set(Array.from({ length: count }, (_, i) => String(make(i))))].map((text) => [text]);
const byNumber: [KeyScale, Compare] = [integerScale, asNumbers];
const hexOf = (i: number): string => {
  let state = (i + 1) * 2654435761;
  let text = '';
  while (text.length < 32) {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0;
    text += state.toString(16).padStart(8, '0');
  }
  return text;
};

describe('integers', () => {
  const shapes: [string, KeyValues[]][] = [
    ['evenly', numbers(20_000, (i) => i)],
    ['with gaps of billions', numbers(20_000, (i) => i + Math.floor(i / 1_000) * 5_000_000_000)],
    ['clustered at both ends', numbers(20_000, (i) => (i < 10_000 ? i : 9_000_000_000_000_000 - i))],
    [
      'nine tenths in one narrow range',
      numbers(20_000, (i) => (i < 18_000 ? 5_000_000_000 + i : i * 1_000_000_007)),
    ],
    ['up to the end of 64 bits', numbers(20_000, (i) => 2n ** 64n - 1n - BigInt(i) ** 4n)],
    ['exponentially', numbers(2_000, (i) => BigInt(Math.floor(1.02 ** i)) + BigInt(i))],
  ];
  test.each(shapes)('%s: chunks of about the same size, by few questions', async (_, keys) => {
    const { largest, chunks, asked } = await check(keys, [byNumber], keys.length / 10);
    expect(chunks).toBeGreaterThanOrEqual(9);
    expect(chunks).toBeLessThanOrEqual(11);
    expect(largest).toBeLessThan(keys.length / 7);
    expect(asked).toBeLessThan(1_500);
  });

  test('estimates that are wrong by a third', async () => {
    const keys = shapes[3]?.[1] as KeyValues[];
    const { largest } = await check(keys, [byNumber], keys.length / 10, 0.33);
    expect(largest).toBeLessThan(keys.length / 4);
  });

  test('few questions are allowed: the largest pieces are cut first', async () => {
    const { space, sorted } = spaceOf(shapes[3]?.[1] as KeyValues[], [byNumber]);
    const limits = { rows: 1, questions: 120 };
    const pieces = await splitKeys(space, sorted[0] as KeyValues, sorted.at(-1) as KeyValues, limits);
    expect(Math.max(...pieces.map(({ rows }) => rows))).toBeLessThan(3_000);
  });
});

describe('texts', () => {
  const shapes: [string, KeyValues[], KeyScale, Compare][] = [
    ['hashes', Array.from({ length: 20_000 }, (_, i) => [hexOf(i)]), textScale('codes'), asCodes],
    [
      'hashes in a dictionary',
      Array.from({ length: 20_000 }, (_, i) => [hexOf(i)]),
      textScale('dictionary'),
      asWords,
    ],
    [
      'with a long prefix',
      Array.from({ length: 20_000 }, (_, i) => [`customer/${i}`]),
      textScale('codes'),
      asCodes,
    ],
    [
      'mail addresses',
      Array.from({ length: 20_000 }, (_, i) => [`${hexOf(i).slice(0, 6)}.${i}@Example.org`]),
      textScale('dictionary'),
      asWords,
    ],
    [
      'other letters',
      Array.from({ length: 5_000 }, (_, i) => [`${String.fromCodePoint(0x4e00 + ((i * 7) % 5_000))}${i}`]),
      textScale('codes'),
      asCodes,
    ],
    [
      'in an order that nobody guesses',
      Array.from({ length: 5_000 }, (_, i) => [hexOf(i)]),
      textScale('codes'),
      (a, b) => asCodes(b, a),
    ],
  ];
  test.each(shapes)('%s', async (_, keys, scale, compare) => {
    const { largest } = await check(keys, [[scale, compare]], keys.length / 10);
    expect(largest).toBeLessThan(keys.length / 5);
  });
});

describe('several columns', () => {
  test('the first of which has few values, one of them in nine tenths of the rows', async () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => [
      i % 10 === 0 ? `r${i % 7}` : 'main',
      String(i),
      hexOf(i),
    ]);
    const columns: [KeyScale, Compare][] = [
      [textScale('dictionary'), asWords],
      byNumber,
      [bytesScale, asCodes],
    ];
    const { largest, asked } = await check(keys, columns, 2_000);
    expect(largest).toBeLessThan(2_900);
    expect(asked).toBeLessThan(1_500);
  });

  test('two columns of few values, and a third', async () => {
    const keys = Array.from({ length: 9_000 }, (_, i) => [
      String(i % 2),
      String(Math.floor(i / 2) % 2),
      String(i),
    ]);
    const { largest } = await check(keys, [byNumber, byNumber, byNumber], 900);
    expect(largest).toBeLessThan(1_300);
  });
});

test('property: any keys, any order, wrong estimates: pieces cover all keys, in order', async () => {
  const number = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map(String);
  const small = fc.integer({ min: -3, max: 3 }).map(String);
  const text = fc.string({ maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(small, text, number), {
        minLength: 1,
        maxLength: 300,
        selector: (key) => JSON.stringify(key),
      }),
      fc.integer({ min: 8, max: 400 }),
      fc.boolean(),
      async (keys, chunkRows, backwards) => {
        const order: Compare = backwards ? (a, b) => asCodes(b, a) : asCodes;
        await check(keys, [byNumber, [textScale('dictionary'), order], byNumber], chunkRows, 0.5);
      },
    ),
    { numRuns: 150 },
  );
});

describe('property: between two values lies a third', () => {
  const date = fc.date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
  const isoDay = date.map((day) => day.toISOString().slice(0, 10));
  const micros = fc.integer({ min: 0, max: 86_399_999_999 });
  const clock = micros.map((value) => {
    const time = new Date(Math.floor(value / 1000)).toISOString().slice(11, 19);
    const fraction = String(value % 1_000_000)
      .padStart(6, '0')
      .replace(/0+$/, '');
    return `${time}${fraction === '' ? '' : `.${fraction}`}`;
  });
  const bytes = fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array).toString('hex'));
  const decimal = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map((value) => {
    const digits = String(value < 0n ? -value : value).padStart(4, '0');
    return `${value < 0n ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`;
  });
  const exact: Compare = (a, b) => asNumbers(a.replace('.', ''), b.replace('.', ''));
  const scales: [string, KeyScale, fc.Arbitrary<string>, Compare][] = [
    ['integer', integerScale, fc.bigInt().map(String), asNumbers],
    ['decimal', decimalScale(3), decimal, exact],
    [
      'float',
      floatScale,
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      (a, b) => Number(a) - Number(b),
    ],
    ['date', dateScale, isoDay, asCodes],
    ['date and time', dateTimeScale, fc.tuple(isoDay, clock).map((both) => both.join(' ')), asCodes],
    ['time', timeScale, clock, asCodes],
    ['uuid', uuidScale, fc.uuid(), asCodes],
    ['bytes', bytesScale, bytes, asCodes],
    ['text by codes', textScale('codes'), fc.string({ maxLength: 8 }), asCodes],
  ];
  test.each(scales)('%s', (_, scale, value, compare) => {
    fc.assert(
      fc.property(value, value, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (a, b, part) => {
        const [low, high] = compare(a, b) < 0 ? [a, b] : [b, a];
        const middle = scale.between(low, high, part);
        if (compare(low, high) === 0) expect(middle).toBeNull();
        if (middle === null) return;
        expect(compare(low, middle)).toBeLessThanOrEqual(0);
        expect(compare(middle, high)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });

  test('days that are in no calendar have no middle', () => {
    expect(dateScale.between('0000-00-00', '2026-01-01', 0.5)).toBeNull();
    expect(dateTimeScale.between('0000-00-00 00:00:00', '2026-01-01 00:00:00', 0.5)).toBeNull();
    expect(timeScale.between('-838:59:59', '838:59:59', 0.5)).toBe('00:00:00');
  });
});
