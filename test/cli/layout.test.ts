import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { type LayoutColumn, layOut } from '../../cli/layout.ts';
import { fitted, oneLine, printable, redacted, wrapped } from '../../cli/printable.ts';

const columns: LayoutColumn[] = [
  { title: 'table', align: 'left', keep: null, shrinkTo: 8 },
  { title: 'rows', align: 'right', keep: null },
  { title: 'size', align: 'right', keep: 1 },
  { title: 'parts', align: 'right', keep: 0 },
];
const rows = [
  ['public.orders_of_last_year', '1,234,567', '12.3 MB', '13'],
  ['public.表', '5', '1 B', '1'],
].map((row) => row.map((text) => ({ text })));

const same = (text: string) => text;

describe('layOut', () => {
  it('cuts the shrinkable column first, then drops columns in their order', () => {
    expect(layOut(columns, rows, 80, same).join('\n')).toMatchInlineSnapshot(`
      "table                            rows     size  parts
      public.orders_of_last_year  1,234,567  12.3 MB     13
      public.表                           5      1 B      1"
    `);
    expect(layOut(columns, rows, 36, same).join('\n')).toMatchInlineSnapshot(`
      "table           rows     size  parts
      public.o…  1,234,567  12.3 MB     13
      public.表          5      1 B      1"
    `);
    expect(layOut(columns, rows, 28, same).join('\n')).toMatchInlineSnapshot(`
      "table          rows     size
      public.…  1,234,567  12.3 MB
      public.…          5      1 B"
    `);
    expect(layOut(columns, rows, 20, same).join('\n')).toMatchInlineSnapshot(`
      "table           rows
      public.o…  1,234,567
      public.表          5"
    `);
  });

  it('is never wider than the width, whatever it is', () => {
    for (let width = 1; width <= 80; width++) {
      for (const line of layOut(columns, rows, width, same))
        expect(stringWidth(line)).toBeLessThanOrEqual(width);
    }
  });

  it('keeps a name on its line and takes the escape out of it', () => {
    const [line] = layOut([columns[0]!], [[{ text: 'a\nb\u001b[31mred' }]], 80, null);
    expect(line).toBe('a b\\u001b[31mred');
  });
});

describe('text from elsewhere', () => {
  it('does not steer the terminal', () => {
    expect(printable('a\u001b]0;title\u0007\nb\u202e')).toBe('a\\u001b]0;title\\u0007\nb\\u202e');
    expect(oneLine('a\n   b')).toBe('a b');
  });

  it('shows no password', () => {
    expect(redacted('cannot reach postgres://me:s3c:r3t@host:5432/db?x=1')).toBe(
      'cannot reach postgres://me:…@host:5432/db?x=1',
    );
    expect(redacted('postgres://host/db?user=me&password=s3cret&x=1')).toBe(
      'postgres://host/db?user=me&password=…&x=1',
    );
  });

  it('is cut by what it takes on the screen', () => {
    expect(fitted('表表表', 5)).toBe('表表…');
    expect(fitted('表表表', 6)).toBe('表表表');
    expect(fitted('e\u0301e\u0301e\u0301', 2)).toBe('e\u0301…');
  });

  it('is wrapped at spaces, with its indentation', () => {
    expect(wrapped('  one two three\nfour', 9)).toEqual(['  one two', '  three', 'four']);
    expect(wrapped('a verylongword', 5)).toEqual(['a', 'verylongword']);
  });
});
