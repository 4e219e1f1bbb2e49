import { nearestWord } from '../nearest.ts';
import type { TableName } from './source.ts';

/** A typo in the table's name, in the schema's, or in both. */
export function likelyMeant(wanted: TableName, known: readonly TableName[]): TableName | null {
  const inSchema = known.filter(({ schema }) => schema === wanted.schema);
  for (const tables of [inSchema, known]) {
    const near = nearestWord(
      wanted.table,
      tables.map(({ table }) => table),
    );
    const alike = tables.filter(({ table }) => table === near);
    const schema = nearestWord(
      wanted.schema,
      alike.map((one) => one.schema),
    );
    const meant = alike.find((one) => one.schema === schema) ?? alike[0];
    if (meant !== undefined) return meant;
  }
  return null;
}
