import { expect, test } from 'vitest';
import { withDistinctNames } from '../../../core/plan/distinct-names.ts';
import { describeTable } from '../../support/memory-source.ts';

const { columns } = describeTable('a');
const alike = { ...describeTable('a'), columns: [...columns, { ...columns[1]!, id: 3, name: 'Note' }] };

test('names that differ by case only: refused where a catalog is, remarked upon where readers come by the path', () => {
  expect(() => withDistinctNames(alike, 'glue')).toThrow(
    'public.a: columns note and Note differ in upper and lower case only',
  );
  expect(withDistinctNames(alike, 'ledger').notes).toEqual([
    expect.stringContaining('columns note and Note differ in upper and lower case only'),
  ]);
  expect(withDistinctNames(describeTable('a'), 'glue')).toEqual(describeTable('a'));
});
