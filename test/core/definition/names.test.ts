import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { referencedVariables } from '../../../core/definition/references.ts';
import { formatTableName, parseTableName } from '../../../core/definition/table-name.ts';

describe('table names', () => {
  test.for([
    ['orders', 'public', 'orders'],
    ['shop.orders', 'shop', 'orders'],
    ['Shop.Order Lines', 'Shop', 'Order Lines'],
    ['"odd.schema"."Table "" name"', 'odd.schema', 'Table " name'],
    ['shop."a.b"', 'shop', 'a.b'],
    ['日本.größe', '日本', 'größe'],
    ['"select"', 'public', 'select'],
  ] as const)('%s', ([text, schema, table]) => {
    expect(parseTableName(text)).toEqual({ schema, table });
  });

  test.for(['', '.', 'a.', '.a', 'a.b.c', 'a..b', 'a"b', '"a', '""', '"a"b', 'a."b"c'])(
    '%s is none',
    (text) => {
      expect(parseTableName(text)).toBeNull();
    },
  );

  test('any name is read back from its spelling, and two names are never spelled alike', () => {
    const name = fc.record({ schema: fc.string({ minLength: 1 }), table: fc.string({ minLength: 1 }) });
    fc.assert(
      fc.property(name, (one) => {
        expect(parseTableName(formatTableName(one))).toEqual(one);
      }),
    );
  });
});

test('the variables that a text refers to, each once', () => {
  expect(referencedVariables('a: ${X} ${Y}${X} # ${Z}\n# ${Z}')).toEqual(['X', 'Y']);
});
