import type { Batch, Column } from '../formats/column.ts';

/** `name` as people write it: `public.orders`. */
export type TableName = { readonly schema: string; readonly table: string };

/** A column as the source has it, with what it becomes in the lake. */
export type SourceColumn = Column & {
  /** what the source knows the column by, while the table has this identity; absent in older plans: its id */
  readonly number?: number;
  /** the database's own name of the type, with its modifiers: `numeric(12,2)`, `character varying(40)` */
  readonly sourceType: string;
  /** how the value comes over the wire: in the type's binary form, or cast to text by the database */
  readonly transfer: 'binary' | 'text';
};

export type Key = {
  readonly column: string;
  readonly sourceType: string;
  /**
   * What orders a key of text: the collation with its version, in the source's words. Ranges that were planned under
   * one order lose and double rows under another. Absent for keys of other types.
   */
  readonly collation?: string;
};

/** A table as it stands in the source's catalog. It goes into the plan, and every attempt holds it against the catalog again. */
export type TableDescription = {
  readonly schema: string;
  readonly table: string;
  /** what the database knows the table by; another one under the same name has another identity */
  readonly identity: string;
  readonly columns: readonly SourceColumn[];
  /** one column, unique and not null */
  readonly key: Key;
  /** what a user should know before the run: types copied as text, and why */
  readonly notes: readonly string[];
};

/** What the planner needs to know; gathered by short statements, never by a scan. */
export type TableStatistics = {
  /** an estimate, from a sample of pages */
  readonly rows: number;
  /** of the table's main storage */
  readonly bytes: number;
  /** the least and the greatest key, as the database's text; null for an empty table */
  readonly min: string | null;
  readonly max: string | null;
  /** keys of a sample, ascending in the database's order, each below `max`; repeated where the sample was */
  readonly sample: readonly string[];
};

/** The rows with `after` < key ≤ `upTo`; `after` null: from the beginning. Keys as the database's text. */
export type KeyRange = { readonly after: string | null; readonly upTo: string };

export type ReadLimits = {
  /** about how long one statement may keep the server busy; statements grow and shrink towards it */
  readonly statementMs: number;
  /** at most this many rows a statement */
  readonly statementRows: number;
  /** at most this many rows a batch, up to `batchRowsMax` */
  readonly batchRows: number;
};

export type SourceIdentity = {
  /** one line for people: `PostgreSQL 17.9 at db.example:5432/shop, as tidemark, over TLS` (no secret) */
  readonly description: string;
  /** another database under the same address has another identity */
  readonly identity: string;
};

/** A database, or one connection to it. All errors are `TidemarkError`s. */
export interface Source {
  identify(): Promise<SourceIdentity>;
  /**
   * @param asText columns that the user wants as the database's exact text
   * @param key the key column that the user named, or null: the primary key
   */
  describe(table: TableName, asText: readonly string[], key: string | null): Promise<TableDescription>;
  /** @param sampleKeys about how many keys the planner would like */
  measure(table: TableDescription, sampleKeys: number): Promise<TableStatistics>;
  /** The database's own count(*). As slow as the table is large: for people who ask, never on the way. */
  count(table: TableName): Promise<number>;
  /**
   * Reads a range in key order, by short statements, each its own read-only transaction. Reads ahead by a
   * bounded number of bytes. The caller may stop after any batch (return from the loop); the rows after
   * `batch.lastKey` are then read by whoever goes on.
   *
   * Holds the table against the description before the first row and at every statement: another table, a planned
   * column that is gone or of another type, a key that is no key any more are TableChanged, KeyMissing or KeyUnsupported.
   * Columns that were added since are left out.
   */
  read(table: TableDescription, range: KeyRange, limits: ReadLimits): AsyncIterable<Batch>;
  close(): Promise<void>;
}
