import type { Definition } from '../definition/options.ts';
import type { ErrorCode, TidemarkError } from '../errors.ts';
import { checkFormat } from '../format-version.ts';
import type { KeyRange, TableDescription } from '../sources/source.ts';

const formatVersion = 1;

/**
 * What one child of the state machine is told: a line of the plan that the Distributed Map walks. It holds all that
 * the copying depends on, so that a run never mixes two definitions or two versions of the code's defaults.
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
  readonly description: TableDescription;
  readonly limits: {
    readonly partRows: number;
    readonly partBytes: number;
    readonly partSeconds: number;
    readonly statementMs: number;
    readonly statementRows: number;
  };
  readonly compression: Definition['target']['compression'];
};

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
  range: KeyRange | null,
  description: TableDescription,
): ChunkOrder {
  const { part, source, target } = definition;
  return {
    format: formatVersion,
    sync: definition.name,
    run,
    table,
    chunk,
    range: range && { after: range.after, upTo: range.upTo },
    description,
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
