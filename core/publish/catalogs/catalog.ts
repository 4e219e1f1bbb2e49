import type { Snapshot, TableHead } from '../../ledger/ledger.ts';
import type { TableName } from '../../sources/source.ts';
import type { TableMetadata } from '../iceberg/metadata.ts';

/** A table as a catalog has it. */
export type LoadedTable = {
  readonly metadata: TableMetadata;
  /** what the catalog knows this state of the table by: opaque, only good for `commit` */
  readonly version: string;
  /** s3://… of the metadata file */
  readonly file: string;
};

/**
 * What a commit does to the table's head, beside its metadata. publish: shows this snapshot, IF its run has the claim
 * and it is not shown already. show: goes back to one that was shown before. keep: nothing (a tag, an expiry, a claim).
 */
export type HeadChange =
  | { readonly kind: 'publish' | 'show'; readonly snapshot: Snapshot }
  | { readonly kind: 'keep' };

/**
 * Who says which metadata file is a table's. One conditional write of a catalog is the single moment in which a snapshot
 * comes into being for readers; the ledger's head follows it, or is it.
 *
 * Errors are `TidemarkError`s: transient ones pass by themselves; ProtocolViolation and DefinitionInvalid concern
 * this table alone.
 */
export interface Catalog {
  /**
   * @param head the table's, as it was read last
   * @returns null: there is no such table yet
   */
  load(table: TableName, head: TableHead | null): Promise<LoadedTable | null>;
  /**
   * Makes `next` the table's metadata IF the table is as `seen`, and changes the head.
   * @param seen null: there is no table
   * @returns the head as it is then; `changed`: the table is another one by now, load it again
   */
  commit(
    table: TableName,
    seen: LoadedTable | null,
    next: TableMetadata,
    change: HeadChange,
  ): Promise<TableHead | 'changed'>;
  /** The head, after a commit that the catalog has and the head may not. */
  follow(table: TableName, change: HeadChange): Promise<TableHead>;
  /** Keys of metadata files that nothing names any more. */
  oldMetadataFiles(table: TableName, loaded: LoadedTable): Promise<string[]>;
  /**
   * `commit` of several tables at once, all or none.
   * @returns unsupported: the catalog cannot do that, or not for these: they are to be committed one by one
   */
  commitTogether?(changes: readonly HeadedChange[]): Promise<TableHead[] | 'changed' | 'unsupported'>;
}

/**
 * A catalog beside the ledger: where there is one, it is the truth for its tables. It knows nothing of heads (see
 * followed-catalog.ts). A commit whose answer was lost may be told that the table has changed: who loads it again finds
 * its snapshot in there.
 *
 * Errors are `TidemarkError`s: CatalogUnavailable passes by itself; CatalogDenied, CatalogRefused, ProtocolViolation
 * (metadata that is gone or damaged) and DefinitionInvalid (a table that is not ours, or not Iceberg's, or elsewhere)
 * concern the table.
 */
export interface TableCatalog {
  readonly type: 'glue' | 'rest';
  /** for messages: `glue table lake.orders` */
  placeOf(table: TableName): string;
  /** @returns null: there is no such table, or no such database or namespace yet */
  load(table: TableName): Promise<LoadedTable | null>;
  /** Makes `next` the table's metadata IF the table is as `seen`; null: IF there is none, which makes it. */
  commit(table: TableName, seen: LoadedTable | null, next: TableMetadata): Promise<'committed' | 'changed'>;
  /** Keys of metadata files that nothing names any more; absent: the catalog sweeps them itself. */
  oldMetadataFiles?(table: TableName, loaded: LoadedTable): Promise<string[]>;
  /**
   * The same for several tables, which are there, in one step: all of them or none.
   * @returns `changed`: at least one is another one by now; `unsupported`: this catalog does not do it
   */
  commitTogether?(changes: readonly TableChange[]): Promise<'committed' | 'changed' | 'unsupported'>;
}

/** A commit, with what becomes of the head. */
export type HeadedChange = {
  readonly table: TableName;
  readonly seen: LoadedTable | null;
  readonly next: TableMetadata;
  readonly change: HeadChange;
};

/** From what was seen of a table to what it becomes. */
export type TableChange = {
  readonly table: TableName;
  readonly seen: LoadedTable;
  readonly next: TableMetadata;
};
