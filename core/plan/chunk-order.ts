import type { Definition } from '../definition/options.ts';
import { formatTableName } from '../definition/table-name.ts';
import type { ErrorCode, TidemarkError } from '../errors.ts';
import { checkFormat } from '../format-version.ts';
import type { KeyRange, TableDescription } from '../sources/source.ts';
import type { PlannedChunk } from './chunks.ts';
import type { TablePlan } from './table-plan.ts';

const formatVersion = 3;

/**
 * What one child of the state machine is told: a line of the plan that the Distributed Map walks. With the table's frozen
 * description (see frozen-table.ts) it is all that the copying depends on, so that a run never mixes two definitions or
 * two versions of the code's defaults.
 */
export type ChunkOrder = {
  readonly format: number;
  readonly sync: string;
  readonly run: string;
  /** the table's place in the run, the chunk's in the table; from 0 */
  readonly table: number;
  readonly chunk: number;
  /** null: the table was empty; the chunk is one part without rows */
  readonly range: KeyRange | null;
  /** of which of the tables that become one; absent: the table is one itself */
  readonly member?: number;
  /** in which of the definition's `sources` that is; absent: in `source` */
  readonly source?: string;
  readonly limits: {
    readonly partRows: number;
    readonly partBytes: number;
    readonly partSeconds: number;
    readonly statementMs: number;
    readonly statementRows: number;
  };
  readonly compression: Definition['target']['compression'];
} & (
  | {
      /** for people, who see the line as the child's input */
      readonly tableName: string;
    }
  | {
      /** In lines of format 1, which a run that is under way may still walk. A wide table's goes over 256 KiB. */
      readonly description: TableDescription;
    }
);

/**
 * A table that could not be planned still has a line: its child fails with the reason, where people look for it (in
 * the console, in the results). A redrive plans the table again.
 */
export type ProblemOrder = {
  readonly format: number;
  readonly sync: string;
  readonly run: string;
  readonly table: number;
  readonly problem: { readonly code: ErrorCode; readonly message: string };
};

export type Order = ChunkOrder | ProblemOrder;

export function chunkOrder(
  definition: Definition,
  run: string,
  table: number,
  chunk: number,
  range: (KeyRange & Pick<PlannedChunk, 'member'>) | null,
  { description, members }: Pick<TablePlan, 'description' | 'members'>,
): ChunkOrder {
  const { part, target } = definition;
  const member = range?.member;
  const named = member === undefined ? null : members![member]!.source;
  const source = named === null ? definition.source : definition.sources[named]!;
  return {
    format: formatVersion,
    sync: definition.name,
    run,
    table,
    tableName: formatTableName(description),
    chunk,
    range: range && { after: range.after, upTo: range.upTo },
    ...(member !== undefined && { member }),
    ...(named !== null && { source: named }),
    limits: {
      partRows: part.rows,
      partBytes: part.bytes,
      partSeconds: part.seconds,
      statementMs: source.statement_milliseconds,
      statementRows: source.statement_rows,
    },
    compression: target.compression,
  };
}

/** The table's name, for messages and logs. */
export const tableNameOf = (order: ChunkOrder): string =>
  'description' in order ? formatTableName(order.description) : order.tableName;

export const problemOrder = (
  sync: string,
  run: string,
  table: number,
  error: TidemarkError,
): ProblemOrder => ({
  format: formatVersion,
  sync,
  run,
  table,
  problem: { code: error.code, message: error.message },
});

/** @throws TidemarkError FormatTooNew where a newer Tidemark wrote the plan */
export function checkOrder(order: Order): Order {
  checkFormat('the chunk’s order', order?.format, formatVersion);
  return order;
}
