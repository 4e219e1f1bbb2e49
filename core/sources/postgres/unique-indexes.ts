/** The unique indexes of a table, and what each would be worth as a key. */
import type { Session } from './connect.ts';

/** How the index compares a column: as SQL, with the schema where it is not pg_catalog. */
export type Operators = { readonly above: string; readonly upTo: string; readonly equal: string };

export const builtInOperators: Operators = { above: '>', upTo: '<=', equal: '=' };

export type UniqueIndex = {
  readonly name: string;
  readonly primary: boolean;
  /** built to the end, and used */
  readonly valid: boolean;
  /** has a WHERE: rows outside of it may repeat */
  readonly partial: boolean;
  /** on an expression, not on columns alone */
  readonly expression: boolean;
  readonly columns: readonly {
    readonly name: string;
    readonly descending: boolean;
    /** in the order of the column's own `<`: default operator class and the column's collation */
    readonly ordered: boolean;
    readonly operators: Operators;
  }[];
};

/** @param tableId of pg_class. The primary key comes first. */
export async function readUniqueIndexes(
  session: Session,
  tableId: number,
  where: string,
): Promise<UniqueIndex[]> {
  const operator = (strategy: number): string =>
    `(SELECT CASE n.nspname WHEN 'pg_catalog' THEN o.oprname
        ELSE 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')' END
      FROM pg_amop m JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
      WHERE m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
        AND m.amopstrategy = ${strategy})`;
  const rows = await session.query(
    where,
    `SELECT ic.relname, i.indisprimary, i.indisvalid AND i.indisready, i.indpred IS NOT NULL, i.indexprs IS NOT NULL,
       (SELECT json_agg(json_build_object('name', a.attname,
            'descending', i.indoption[k.n - 1] & 1 = 1,
            'ordered', c.opcdefault AND a.attcollation = i.indcollation[k.n - 1],
            'operators', json_build_object('above', ${operator(5)}, 'upTo', ${operator(2)}, 'equal', ${operator(3)}))
          ORDER BY k.n)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        JOIN pg_opclass c ON c.oid = i.indclass[k.n - 1]
        WHERE k.n <= i.indnkeyatts)
     FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam
     WHERE i.indrelid = $1 AND i.indisunique AND am.amname = 'btree' ORDER BY i.indisprimary DESC, ic.relname`,
    [tableId],
  );
  return rows.map(([name, primary, valid, partial, expression, columns]) => ({
    name: name ?? '',
    primary: primary === 't',
    valid: valid === 't',
    partial: partial === 't',
    expression: expression === 't',
    columns: JSON.parse(columns ?? '[]') as UniqueIndex['columns'],
  }));
}
