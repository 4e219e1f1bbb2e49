/** The unique indexes of a table, and what each would be worth as a key. */
import { formatTableName } from '../../definition/table-name.ts';
import type { TableName } from '../source.ts';
import type { Session } from './connect.ts';
import { literal } from './literals.ts';

export type UniqueIndex = {
  readonly name: string;
  readonly primary: boolean;
  /** ordered, and used by the optimizer */
  readonly usable: boolean;
  readonly columns: readonly {
    /** null: an expression */
    readonly name: string | null;
    readonly descending: boolean;
    /** only the first characters or bytes stand in it */
    readonly prefix: boolean;
  }[];
};

/** The primary key comes first. */
export async function readUniqueIndexes(session: Session, name: TableName): Promise<UniqueIndex[]> {
  // MySQL calls it visible, MariaDB (since 10.6) not ignored
  const used = session.server.family === 'MariaDB' ? "ignored = 'NO'" : "is_visible = 'YES'";
  const rows = await session.query(
    formatTableName(name),
    `SELECT index_name, index_type, IF(${used}, 'y', 'n'), column_name, collation,
       IF(sub_part IS NULL, 'n', 'y')
     FROM information_schema.statistics
     WHERE table_schema = ${literal(name.schema)} AND table_name = ${literal(name.table)} AND non_unique = 0
     ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index`,
  );
  const indexes = new Map<string, { -readonly [K in keyof UniqueIndex]: UniqueIndex[K] }>();
  for (const [index, type, isUsed, column = null, order, isPrefix] of rows) {
    const name = index ?? '';
    const known = indexes.get(name) ?? { name, primary: name === 'PRIMARY', usable: true, columns: [] };
    known.usable &&= type === 'BTREE' && isUsed === 'y' && order !== null;
    known.columns = [...known.columns, { name: column, descending: order === 'D', prefix: isPrefix === 'y' }];
    indexes.set(name, known);
  }
  return [...indexes.values()];
}
