/** What the tests of the MySQL source share: a table described, measured and read whole. */
import type { Source, TableWishes } from '../../../../core/sources/source.ts';
import { readWhole } from '../postgres/reading.ts';

export { limits, readWhole, valuesOf } from '../postgres/reading.ts';

/** @param schema the test's database */
export async function copyTable(
  source: Source,
  schema: string,
  name: string,
  wishes: Partial<TableWishes> = {},
) {
  const table = await source.describe({ schema, table: name }, wishes);
  const { max } = await source.measure(table, 100);
  return { table, ...(await readWhole(source, table, { after: null, upTo: max ?? '' })) };
}
