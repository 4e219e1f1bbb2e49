/** What to say of a table that is not there. */
import { TidemarkError } from '../../errors.ts';
import type { TableName } from '../source.ts';
import type { Session } from './connect.ts';

/** At most this many names are looked through. */
const namesMax = 5_000;

export async function missingTable(session: Session, { schema, table }: TableName): Promise<TidemarkError> {
  const rows = await session.query(
    `${schema}.${table}`,
    `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
       AND has_schema_privilege(n.oid, 'USAGE') LIMIT $1`,
    [namesMax],
  );
  const wanted = `${schema}.${table}`;
  let nearest: { name: string; distance: number } | null = null;
  for (const [otherSchema, otherTable] of rows) {
    const name = `${otherSchema}.${otherTable}`;
    const distance = otherTable === table ? 1 : editDistance(wanted.toLowerCase(), name.toLowerCase());
    if (nearest === null || distance < nearest.distance) nearest = { name, distance };
  }
  const hint =
    nearest !== null && nearest.distance <= Math.max(2, table.length / 4) ? `; there is ${nearest.name}` : '';
  return new TidemarkError('TableMissing', `There is no table ${wanted} in the database${hint}`);
}

/** How many letters must be put in, left out or changed (Levenshtein's distance). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
