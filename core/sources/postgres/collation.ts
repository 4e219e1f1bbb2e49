/** What orders a text column: its collation, and the version of the library that compares. */
import { TidemarkError } from '../../errors.ts';
import type { Session } from './connect.ts';

export type Collation = {
  /** of pg_collation */
  readonly id: number;
  /** `C`, `german, version 153.14`, `default (en_US.UTF-8), version 2.36`: another order has another one */
  readonly description: string;
};

/**
 * The collation of a column of a text type. Its version is that of the library in use; where the one that the
 * catalog has recorded (CREATE or REFRESH VERSION) is another, it says so: the indexes may still be of that one.
 */
export async function readCollation(
  session: Session,
  where: string,
  tableId: number,
  columnId: number,
): Promise<Collation> {
  // via JSON: datcollversion is since PostgreSQL 15, and datlocale was called daticulocale before 17
  const [row] = await session.query(
    where,
    `SELECT c.oid, CASE WHEN n.nspname = 'pg_catalog' THEN '' ELSE n.nspname || '.' END || c.collname,
       CASE WHEN c.collprovider = 'd' THEN coalesce(d.j ->> 'datlocale', d.j ->> 'daticulocale', d.j ->> 'datcollate') END,
       CASE WHEN c.collprovider = 'd' THEN d.j ->> 'datcollversion' ELSE c.collversion END,
       pg_collation_actual_version(c.oid)
     FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
       JOIN pg_namespace n ON n.oid = c.collnamespace,
       (SELECT to_jsonb(b) AS j FROM pg_database b WHERE b.datname = current_database()) AS d
     WHERE a.attrelid = $1 AND a.attnum = $2`,
    [tableId, columnId],
  );
  if (row === undefined)
    throw new TidemarkError('TableChanged', `${where}: the key column has changed while it was looked at`);
  const [id, name, locale = null, recorded = null, actual = null] = row;
  const version = actual ?? recorded;
  return {
    id: Number(id),
    description: [
      locale === null ? name : `${name} (${locale})`,
      ...(version === null ? [] : [`version ${version}`]),
      ...(recorded === null || recorded === version ? [] : [`recorded as ${recorded}`]),
    ].join(', '),
  };
}
