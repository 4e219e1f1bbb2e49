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
   * Makes `next` the table's metadata IF the table is as `seen`, and the run's snapshot the head's.
   * @param seen null: there is no table
   * @returns the head as it is then; `changed`: the table is another one by now, load it again
   */
  commit(
    table: TableName,
    seen: LoadedTable | null,
    next: TableMetadata,
    snapshot: Snapshot,
  ): Promise<TableHead | 'changed'>;
}
