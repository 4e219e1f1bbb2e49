/**
 * A `Source` over rows in memory. Every batch is a statement of its own: it sees the rows as they are at that
 * moment, so tests may insert, delete and rename between any two of them.
 */
import { formatTableName } from '../../core/definition/table-name.ts';
import { batchRowsMax } from '../../core/formats/column.ts';
import type {
  KeyRange,
  ReadLimits,
  Source,
  SourceColumn,
  TableDescription,
  TableName,
} from '../../core/sources/source.ts';
import { maskOf, noWishes, wantedColumns } from '../../core/sources/table-wishes.ts';
import { batchOf } from './batches.ts';

export type Row = { readonly id: number; readonly note: string | null };

export type MemoryTable = {
  /** in any order; the test may change it at any time */
  rows: Row[];
  description: TableDescription;
};

export type MemorySource = Source & {
  readonly tables: Map<string, MemoryTable>;
  /** Called before each batch is read, with its number (from 0, over all reads). May throw, wait, or change rows. */
  beforeBatch: (batch: number) => void | Promise<void>;
  /** Called before a table is described. */
  beforeDescribe: (table: TableName) => void | Promise<void>;
  /** ranges that were asked for, in order */
  readonly reads: KeyRange[];
  /** reads that were begun and not yet ended */
  openReads: number;
  closed: boolean;
};

const columns: readonly SourceColumn[] = [
  {
    id: 1,
    name: 'id',
    type: { kind: 'int', bits: 64 },
    nullable: false,
    sourceType: 'bigint',
    transfer: 'binary',
  },
  { id: 2, name: 'note', type: { kind: 'string' }, nullable: true, sourceType: 'text', transfer: 'binary' },
];

export const describeTable = (table: string): TableDescription => ({
  schema: 'public',
  table,
  identity: `memory/${table}`,
  columns,
  key: { by: 'columns', columns: [{ column: 'id', sourceType: 'bigint' }] },
  notes: [],
});

/** Rows 1 … count; every fifth note is NULL. */
export const numberedRows = (count: number, note = 'row'): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    note: (i + 1) % 5 === 0 ? null : `${note} ${i + 1}`,
  }));

const rowsWithin = (rows: readonly Row[], after: string | null, upTo: string): Row[] =>
  rows
    .filter(({ id }) => (after === null || id > Number(after)) && id <= Number(upTo))
    .sort((a, b) => a.id - b.id);

export function memorySource(tables: Readonly<Record<string, readonly Row[]>>): MemorySource {
  let batches = 0;
  const tableOf = ({ table }: TableName): MemoryTable => {
    const found = source.tables.get(table);
    if (!found) throw new Error(`no table ${table} in memory`);
    return found;
  };
  const source: MemorySource = {
    tables: new Map(
      Object.entries(tables).map(([name, rows]) => [
        name,
        { rows: [...rows], description: describeTable(name) },
      ]),
    ),
    beforeBatch: () => {},
    beforeDescribe: () => {},
    reads: [],
    openReads: 0,
    closed: false,
    async identify() {
      return { description: 'rows in memory', identity: 'memory' };
    },
    async list(asked) {
      const byName = [...source.tables].sort(([a], [b]) => (a < b ? -1 : 1));
      return byName.map(
        ([
          ,
          {
            description: { schema, table, columns: there },
          },
        ]) => ({
          ...{ schema, table, kind: 'table', byPattern: true, rows: null, bytes: null },
          columns: asked.filter((name) => there.some((column) => column.name === name)),
        }),
      );
    },
    async describe(table, wishes = {}) {
      await source.beforeDescribe(table);
      const whole = { ...noWishes, ...wishes };
      const found = structuredClone(tableOf(table).description);
      return {
        ...found,
        columns: wantedColumns(formatTableName(table), found.columns, whole, []).map((column) => {
          const mask = maskOf(whole, column.name);
          return mask === undefined ? column : { ...column, mask };
        }),
      };
    },
    async measure(table) {
      const rows = [...tableOf(table).rows].sort((a, b) => a.id - b.id);
      return {
        rows: rows.length,
        bytes: rows.length * 50,
        min: rows.length > 0 ? String(rows[0]!.id) : null,
        max: rows.length > 0 ? String(rows.at(-1)!.id) : null,
        sample: rows.slice(0, -1).map(({ id }) => String(id)),
      };
    },
    async rights() {
      return { beyond: [], grants: [] };
    },
    async count(table) {
      return tableOf(table).rows.length;
    },
    async *read(table: TableDescription, range: KeyRange, limits: ReadLimits) {
      source.reads.push(range);
      source.openReads++;
      try {
        let { after } = range;
        const upTo = table.key.by === 'nothing' ? String(Number.MAX_SAFE_INTEGER) : range.upTo;
        for (;;) {
          await source.beforeBatch(batches++);
          const size = Math.min(batchRowsMax, limits.batchRows, limits.statementRows);
          const rows = rowsWithin(tableOf(table).rows, after, upTo).slice(0, size);
          if (rows.length === 0) return;
          const batch = batchOf(
            table.columns,
            rows.map(({ id, note }) => [BigInt(id), note]),
          );
          yield batch;
          after = batch.lastKey;
        }
      } finally {
        source.openReads--;
      }
    },
    async close() {
      source.closed = true;
    },
  };
  return source;
}
