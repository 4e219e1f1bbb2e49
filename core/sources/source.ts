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
  /** done by the database: the value does not leave it */
  readonly mask?: Mask;
  /** The table has no such column: this text stands in every row. */
  readonly constant?: string;
};

export type KeyColumn = {
  readonly column: string;
  readonly sourceType: string;
  /**
   * What orders a key of text: the collation with its version, in the source's words. Ranges that were planned under
   * one order lose and double rows under another. Absent for keys of other types.
   */
  readonly collation?: string;
};

/** By what a table is cut into ranges, and in which order they are read. */
export type Key =
  /** columns, in the order of their index; together unique, none of them NULL */
  | { readonly by: 'columns'; readonly columns: readonly KeyColumn[] }
  /**
   * There is no key: by where the rows lie. `state` stands for where they lay when the table was planned, in the
   * source's words; rows that are moved since are lost or doubled, so that another state ends the copying.
   */
  | { readonly by: 'place'; readonly state: string }
  /** There is no key, and no order: the table is read by one statement, and becomes one part. */
  | { readonly by: 'nothing' };

/** What stands in the lake in place of a value. NULL stays NULL. */
export type Mask =
  /** SHA-256 of the value's text in UTF-8, in hexadecimal digits */
  | 'hash'
  /** the text `redacted` */
  | 'redact'
  | 'null';

/** A table as it stands in the source's catalog. It goes into the plan, and every attempt holds it against the catalog again. */
export type TableDescription = {
  readonly schema: string;
  readonly table: string;
  /** what the database knows the table by; another one under the same name has another identity */
  readonly identity: string;
  readonly columns: readonly SourceColumn[];
  readonly key: Key;
  /** of the definition: an expression that the database evaluates; rows for which it is not true are left out */
  readonly where?: string;
  /** what a user should know before the run: types copied as text, and why */
  readonly notes: readonly string[];
};

/** What the definition says of a table. */
export type TableWishes = {
  /** columns that are wanted as the database's exact text */
  readonly asText: readonly string[];
  /** the columns of the key; null: the primary key, or what takes its place */
  readonly key: readonly string[] | null;
  /** the columns to copy; null: all … */
  readonly columns: readonly string[] | null;
  /** … but these */
  readonly excludeColumns: readonly string[];
  /** an expression over the table's columns, in the database's SQL; null: all rows */
  readonly where: string | null;
  readonly mask: Readonly<Record<string, Mask>>;
  /** a column that is added, with the same text in every row; null: none is */
  readonly constant: { readonly column: string; readonly text: string } | null;
};

/** A table, or what can be read like one, that is not the database’s own. */
export type ListedTable = TableName & {
  /** for people: `table`, `view`, `foreign table` */
  readonly kind: string;
  /**
   * Whether a pattern takes it: ordinary and partitioned tables, also those that this user may not read. What needs a key
   * to be named, and what belongs to another table or to an extension, does not come by a pattern.
   */
  readonly byPattern: boolean;
  /** those that were asked for and that it has */
  readonly columns: readonly string[];
  /** estimates of the last statistics; null: there are none, or it has no storage of its own */
  readonly rows: number | null;
  readonly bytes: number | null;
};

/** What the planner needs to know; gathered by short statements, never by a scan. */
export type TableStatistics = {
  /** an estimate, from a sample of pages */
  readonly rows: number;
  /** of the table's main storage */
  readonly bytes: number;
  /**
   * The least and the greatest key, as text (see key-text.ts); null for an empty table. Of a table without any order
   * both are the empty text.
   */
  readonly min: string | null;
  readonly max: string | null;
  /** keys of a sample, ascending in the database's order, each below `max`; repeated where the sample was */
  readonly sample: readonly string[];
};

/** The rows with `after` < key ≤ `upTo`; `after` null: from the beginning. Keys as text, see key-text.ts. */
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

/** A table that is to be read, and of which columns. */
export type WantedTable = {
  readonly name: TableName;
  /** null: all of them, or it is not known which */
  readonly columns: readonly string[] | null;
};

export type WantedAccount = {
  /** that the sync may have at once: the database itself is asked to allow no more */
  readonly connections: number;
  /** logs in with IAM, as RDS offers it, and has no password */
  readonly iam: boolean;
};

/** What the source's account may do, held against what it needs. */
export type Rights = {
  /** what it may do beyond reading the tables, each in words for people */
  readonly beyond: readonly string[];
  /** statements, as an administrator would run them, that make an account with just enough */
  readonly grants: readonly string[];
};

/** A database, or one connection to it. All errors are `TidemarkError`s. */
export interface Source {
  identify(): Promise<SourceIdentity>;
  /**
   * What there is, by schema and name. By one short statement that waits for no lock on any of the tables.
   * @param columns for each table it is said which of these it has
   */
  list(columns: readonly string[]): Promise<readonly ListedTable[]>;
  describe(table: TableName, wishes?: Partial<TableWishes>): Promise<TableDescription>;
  /**
   * @param sampleKeys about how many keys the planner would like
   * @param chunkRows about how many rows it wants in a chunk: who looks for boundaries need not find more of them
   */
  measure(table: TableDescription, sampleKeys: number, chunkRows?: number): Promise<TableStatistics>;
  rights(tables: readonly WantedTable[], account: WantedAccount): Promise<Rights>;
  /**
   * The database's own count(*), of the rows for which `where` is true. As slow as the table is large: for people who
   * ask, never on the way.
   */
  count(table: TableName, where?: string | null): Promise<number>;
  /**
   * Reads a range in key order, by short statements, each its own read-only transaction (without any order: by one
   * statement). Reads ahead by a
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
