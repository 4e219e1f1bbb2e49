import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { coloured, plain } from '../../cli/paint.ts';
import type { Progress, TableProgress, TableState } from '../../cli/progress.ts';
import { liveLines, overallLine, type View } from '../../cli/progress-lines.ts';

const table = (
  index: number,
  name: string,
  state: TableState,
  over: Partial<TableProgress> = {},
): TableProgress => ({
  index,
  table: name,
  state,
  rows: 0,
  rowsExpected: 3201,
  bytes: 0,
  parts: 0,
  chunksDone: 0,
  chunks: 1,
  chunksRunning: 0,
  retries: 0,
  rowsPerSecond: null,
  secondsLeft: null,
  ...over,
});

const flights = table(0, 'public.flights', 'copying', {
  rows: 1_204_000,
  rowsExpected: 2_978_265,
  bytes: 12_345_678,
  parts: 13,
  chunksDone: 2,
  chunks: 6,
  chunksRunning: 4,
  retries: 1,
  rowsPerSecond: 210_345.4,
  secondsLeft: 8.43,
});

const progressWith = (tables: TableProgress[]): Progress => ({
  run: '20261120T070102Z-4f3a',
  tables,
  total: { ...flights, rowsExpected: 2_984_667, chunks: 8 },
});

const view = (over: Partial<View> = {}): View => ({
  sync: 'sample',
  phase: 'copying',
  elapsedMs: 12_400,
  progress: progressWith([
    flights,
    table(1, 'public.earthquakes', 'published', { rows: 1707, rowsExpected: 1707, chunksDone: 1, parts: 1 }),
    table(2, 'public.movies', 'planning', { rowsExpected: null, chunks: null }),
  ]),
  failure: null,
  ...over,
});

const failure = {
  retried: true,
  table: 'public.flights',
  message: 'SourceUnavailable: the database went away\nat once',
};

const drawn = (width: number, height = 24, over: Partial<View> = {}) =>
  `\n${liveLines(view(over), { paint: plain, width }, height).join('\n')}\n`;

describe('the live display', () => {
  it('shows everything at 120 columns', () => {
    expect(drawn(120, 24, { failure })).toMatchInlineSnapshot(`
      "
      sample  copying  12 s  run 20261120T070102Z-4f3a
      table               progress              rows   of about     size   rows/s  parts  chunks  running  retries       left
      public.flights      ━━━─────   40 %  1,204,000  2,978,265  12.3 MB  210,345     13     2/6        4        1        8 s
      public.earthquakes  ━━━━━━━━  100 %      1,707      1,707      0 B        —      1     1/1        0        0  published
      public.movies       ────────      —          0          —      0 B        —      0     0/?        0        0          —
      all                 ━━━─────   40 %  1,204,000  2,984,667  12.3 MB  210,345     13     2/8        4        1        8 s
      ! retrying public.flights: SourceUnavailable: the database went away at once
      "
    `);
  });

  it('drops columns at 80', () => {
    expect(drawn(80, 24, { failure })).toMatchInlineSnapshot(`
      "
      sample  copying  12 s  run 20261120T070102Z-4f3a
      table                           rows     size   rows/s  parts  chunks       left
      public.flights       40 %  1,204,000  12.3 MB  210,345     13     2/6        8 s
      public.earthquakes  100 %      1,707      0 B        —      1     1/1  published
      public.movies           —          0      0 B        —      0     0/?          —
      all                  40 %  1,204,000  12.3 MB  210,345     13     2/8        8 s
      ! retrying public.flights: SourceUnavailable: the database went away at once
      "
    `);
  });

  it('drops more at 40', () => {
    expect(drawn(40, 24, { failure })).toMatchInlineSnapshot(`
      "
      sample  copying  12 s  run 20261120T070…
      table                    rows       left
      public.flights      1,204,000        8 s
      public.earthquakes      1,707  published
      public.movies               0          —
      all                 1,204,000        8 s
      ! retrying public.flights: SourceUnavai…
      "
    `);
  });

  it('begins before anything is known', () => {
    expect(drawn(80, 24, { phase: 'starting', progress: null })).toMatchInlineSnapshot(`
      "
      sample  starting  12 s
      "
    `);
  });

  it('shows the active tables where the height is small, and says what the others do', () => {
    const tables = Array.from({ length: 14 }, (_, index) =>
      table(index, `public.t${index}`, index < 9 ? 'published' : index < 12 ? 'waiting' : 'copying'),
    );
    expect(drawn(80, 9, { progress: progressWith(tables) })).toMatchInlineSnapshot(`
      "
      sample  copying  12 s  run 20261120T070102Z-4f3a
      table                   rows     size   rows/s  parts  chunks       left
      public.t9     0 %          0      0 B        —      0     0/1          —
      public.t10    0 %          0      0 B        —      0     0/1          —
      public.t12    0 %          0      0 B        —      0     0/1          —
      public.t13    0 %          0      0 B        —      0     0/1          —
      … and 10 more tables: 1 waiting, 9 published
      all          40 %  1,204,000  12.3 MB  210,345     13     2/8        8 s
      "
    `);
  });

  it('never takes more than the screen has', () => {
    const names = ['public.a-very-long-name-of-a-table-that-nobody-would-want', 'public.表の名前', 'x'];
    const tables = names.map((name, index) => table(index, name, 'copying'));
    for (const paint of [plain, coloured]) {
      for (let width = 20; width <= 130; width += 3) {
        for (const height of [1, 2, 3, 4, 5, 6, 10, 30]) {
          const lines = liveLines(
            view({ progress: progressWith(tables), failure }),
            { paint, width },
            height,
          );
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, height - 1));
          for (const line of lines)
            expect(stringWidth(line), `at ${width}: ${line}`).toBeLessThanOrEqual(width);
        }
      }
    }
  });

  it('does not say 100 % while a chunk is open', () => {
    const open = table(0, 'a', 'copying', { rows: 5000, rowsExpected: 5000, chunksDone: 0 });
    expect(drawn(120, 24, { progress: { ...progressWith([open]), total: open } })).toContain('99 %');
  });
});

describe('the overall line', () => {
  it('says what is known', () => {
    expect(overallLine(view())).toBe(
      '12 s  copying: 1,204,000 rows of about 2,984,667 (40 %), 12.3 MB, 13 parts, 4 chunks running, 210,345 rows/s, 1 retry, 8 s left',
    );
    expect(overallLine(view({ progress: null, phase: 'starting' }))).toBe('12 s  starting');
  });
});
