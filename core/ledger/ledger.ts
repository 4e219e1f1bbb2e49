import type { Column } from '../formats/column.ts';
import type { FileStatistics } from '../formats/file-statistics.ts';
import type { PartitionTuple } from '../formats/partition/partition.ts';

/**
 * The ledger: the only truth about what is committed. Single table, `pk` and `sk`:
 *
 * | item | pk | sk |
 * |---|---|---|
 * | sync head | `SYNC#<sync>` | `HEAD` |
 * | table head | `SYNC#<sync>` | `TABLE#<schema.table>` |
 * | run | `SYNC#<sync>` | `RUN#<run>` |
 * | part | `RUN#<sync>#<run>#<shard>` | `CHUNK#<table>.<chunk>#<n>` |
 *
 * Every write is one conditional write on one item. Each says what became of it in a way that survives a lost
 * answer: whoever repeats a write that did take effect is told so, not that the condition failed.
 *
 * All methods throw LedgerUnavailable (passes by itself), LedgerDenied, FormatTooNew.
 */
export interface Ledger {
  head(sync: string): Promise<SyncHead | null>;
  /** Makes `next` the head, IF the head is still `seen` (null: there is none). False: it is another one by now. */
  moveHead(sync: string, seen: SyncHead | null, next: SyncHead): Promise<boolean>;

  run(sync: string, run: string): Promise<Run | null>;
  /** The sync's runs, newest first. */
  runs(sync: string, limit: number): Promise<Run[]>;
  /** Writes the run's item, IF there is none; gives the one that stands there then. */
  createRun(run: Run): Promise<Run>;
  /** Notes that an execution works on the run, IF it is running; gives the run as it is then. */
  joinRun(sync: string, run: string, execution: string): Promise<Run>;
  /** Ends a run, IF it is running; gives the run as it is then: another ending may have come first. */
  endRun(sync: string, run: string, ending: RunEnding): Promise<Run>;

  tableHead(sync: string, table: string): Promise<TableHead | null>;
  tableHeads(sync: string): Promise<TableHead[]>;
  /**
   * Claims a table for a run, IF no later run has claimed it (run ids grow); gives the head as it is then, whoever's
   * it is: `claimedBy` says it.
   */
  claimTable(sync: string, table: string, run: string): Promise<TableHead>;
  /**
   * Makes the run's snapshot the table's, IF the table is claimed by the run, the run has not published it already, and
   * its metadata is as seen; gives the head as it is then. The one moment in which readers' truth changes.
   * @param metadata null: it is a catalog's, which has made the snapshot the table's, and the head follows
   */
  publishTable(
    sync: string,
    table: string,
    snapshot: Snapshot,
    metadata: MetadataChange | null,
  ): Promise<TableHead>;
  /**
   * Shows a snapshot that was published before, or the same (null), IF the table's metadata is as seen; gives the head
   * as it is then.
   * @param metadata null: it is a catalog's
   */
  changeTable(
    sync: string,
    table: string,
    snapshot: Snapshot | null,
    metadata: MetadataChange | null,
  ): Promise<TableHead>;

  /** The newest part of a chunk's log; null: none is committed. */
  lastPart(chunk: ChunkId): Promise<Part | null>;
  /**
   * All parts of a run, in no particular order of chunks, in order within each.
   * @param from leaves out the chunks before this one, by their tables' places, then their own
   */
  partsOfRun(sync: string, run: string, from?: ChunkPlace): AsyncIterable<Part>;
  /**
   * Writes item n of a chunk's log, IF there is none: the single moment in which a part comes into being. Gives the
   * item that stands there then: mine, or the one that was first.
   */
  commitPart(part: Part): Promise<Part>;
}

export type SyncHead = {
  /** the newest run */
  readonly run: string;
  /** the ARN of the execution that works on it, or did */
  readonly execution: string;
};

export type RunStatus = 'running' | 'published' | 'abandoned';

export type Run = {
  readonly sync: string;
  readonly run: string;
  readonly status: RunStatus;
  /** ISO 8601, UTC */
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** ARNs, in the order in which they joined; the first one started the run. At most 50: the first, and the newest */
  readonly executions: readonly string[];
  /** of the definition: see core/definition/fingerprint.ts */
  readonly fingerprint: string;
  /** the tables' names, in the order of the definition */
  readonly tables: readonly string[];
  /** what was published: null until then */
  readonly totals: Totals | null;
};

export type Totals = { readonly rows: number; readonly bytes: number; readonly files: number };

export type RunEnding =
  | { readonly status: 'published'; readonly endedAt: string; readonly totals: Totals }
  | { readonly status: 'abandoned'; readonly endedAt: string };

/** What readers see of a table since a run was published; the totals are of what the run added. */
export type Snapshot = Totals & {
  readonly run: string;
  /** ISO 8601, UTC */
  readonly publishedAt: string;
  readonly schema: readonly SnapshotColumn[];
  /** what the source knows the table by; absent: an older version published */
  readonly identity?: string;
  /** the greatest id that a column of the table ever had; absent: an older version published */
  readonly lastColumnId?: number;
  /** where the run's files were added to what was there; absent: they are all that there is */
  readonly appended?: {
    /** the run whose snapshot was there; null: another program's was */
    readonly to: string | null;
    /** all that there is */
    readonly total: Totals;
  };
};

/** `number`: what the source knows the column by; absent: its id */
export type SnapshotColumn = Column & { readonly number?: number };

/** From the number of the metadata file that was seen (null: there was none) to the next. */
export type MetadataChange = { readonly seen: number | null; readonly next: number };

export type TableHead = {
  readonly table: string;
  /** grows by one with every snapshot that readers are shown; 0: none yet */
  readonly version: number;
  /** the run that may publish the table next */
  readonly claimedBy: string | null;
  readonly snapshot: Snapshot | null;
  /** the run that was published last; after a rollback the snapshot is an older one's */
  readonly publishedRun: string | null;
  /** the number of the metadata file; null: none has been written (an older version published), or a catalog has it */
  readonly metadata: number | null;
  /** whether a catalog beside the ledger has the table's metadata */
  readonly inCatalog: boolean;
  /** the run whose files the snapshot before held: kept for readers that opened it */
  readonly previousRun: string | null;
};

/** `table` is the table's place in the run, `chunk` the chunk's place in the table; both from 0. */
export type ChunkPlace = { readonly table: number; readonly chunk: number };

export type ChunkId = ChunkPlace & { readonly sync: string; readonly run: string };

export type AttemptStamp = {
  /** unique to the invocation */
  readonly id: string;
  /** ISO 8601, UTC, by the invocation's own clock */
  readonly startedAt: string;
  /** how often the state machine had tried before */
  readonly retry: number;
};

/** A file of a part. A part without rows has none; one of a table without partitions has one. */
export type PartFile = {
  readonly staged: string;
  /** of the staged object: the rename copies this very object; null: the store gave none */
  readonly stagedEtag: string | null;
  readonly final: string;
  readonly size: number;
  /** hex */
  readonly sha256: string;
  readonly rows: number;
  /** of its rows the first and the last; where the part has partitions, of the part's: no row lies beyond them */
  readonly firstKey: string;
  readonly lastKey: string;
  /** what all its rows have in common; null: the table has no partitions */
  readonly partition: PartitionTuple | null;
  /** null: an older version committed it, without them */
  readonly statistics: FileStatistics | null;
};

/** One item of a chunk's log: the rows with `from` < key ≤ `to`. */
export type Part = ChunkId & {
  readonly n: number;
  /** null: from the beginning */
  readonly from: string | null;
  /** the next part's `from`; null only in an empty table's only part */
  readonly to: string | null;
  /** nothing comes after it */
  readonly last: boolean;
  readonly rows: number;
  /** they come into being, and get their final names, together */
  readonly files: readonly PartFile[];
  readonly attempt: AttemptStamp;
  /** ISO 8601, UTC: when it was read to its end */
  readonly readAt: string;
};
