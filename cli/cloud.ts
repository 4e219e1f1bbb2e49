import type { Ledger } from '../core/ledger/ledger.ts';
import type { Keys } from '../core/objects/keys.ts';
import type { ObjectStore } from '../core/objects/store.ts';
import type { TableCatalog } from '../core/publish/catalogs/catalog.ts';
import type { FunctionName } from '../functions/bundling.ts';

export type ExecutionStatus =
  | 'RUNNING'
  | 'PENDING_REDRIVE'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'ABORTED';

export type Execution = {
  readonly arn: string;
  readonly status: ExecutionStatus;
  readonly startedAt: Date;
  readonly stoppedAt: Date | null;
  readonly redriveCount: number;
  /** of a succeeded one */
  readonly output: unknown;
  /** of a failed one: the error's name, and its message without Lambda's JSON around it */
  readonly error: string | null;
  readonly message: string | null;
};

/** What the children of an execution's Map are doing; counts are of chunks. */
export type ChunkActivity = {
  readonly total: number;
  readonly running: number;
  readonly waiting: number;
  readonly succeeded: number;
  readonly failed: number;
  /** whether only some of the running children were looked into: what follows is then a lower bound */
  readonly isSample: boolean;
  /** tries after the first one, of all children since this process began to look */
  readonly retries: number;
  /** the newest failure that was seen: `SourceUnavailable: …` */
  readonly lastFailure: string | null;
  /** places (in the run) of the tables whose chunks are running right now → how many */
  readonly runningByTable: ReadonlyMap<number, number>;
  readonly retriesByTable: ReadonlyMap<number, number>;
};

/** Who keeps executions going, and so what Ctrl-C means to whoever follows one. */
export type Keeper =
  | {
      /** servers that end with a process of this machine: work is stopped in good order before they do */
      readonly kind: 'machine';
      /** Aborts the execution. Functions that are at work go on to the end of their part; waits for them where it can. */
      stopAtPartBoundary(arn: string): Promise<void>;
      /** whether other executions run on servers that end with this process */
      othersAtWork(): Promise<boolean>;
    }
  | {
      /** a cloud that needs nobody to look on: who leaves, leaves the execution running */
      readonly kind: 'cloud';
      /** where people see the execution in a browser; null where there is no such place */
      console(arn: string): string | null;
      /** the command line that aborts the execution */
      stopCommand(arn: string): string;
      /**
       * What is deployed there of the sync, and where, in words.
       * @throws TidemarkError NotDeployed, CloudDenied
       */
      deployed(): Promise<string>;
    };

/** How often a cloud may be asked while an execution is followed. */
export type Pace = {
  /** between two looks at the execution */
  readonly lookMs: number;
  /** between two readings of the ledger and of the chunks' state; longer where a reading takes long */
  readonly readingMs: number;
  /** readings take at most about this share of the time */
  readonly readingShare: number;
};

/** A deployed sync as the command line sees it: the embedded cloud here, AWS there. Errors are `TidemarkError`s. */
export interface Cloud {
  readonly ledger: Ledger;
  readonly store: ObjectStore;
  readonly keys: Keys;
  /** the catalog beside the ledger; the embedded cloud has none */
  readonly catalog: TableCatalog | undefined;
  readonly keeper: Keeper;
  readonly pace: Pace;
  /** where a key's object can be looked at: `.tidemark/s3/lake/…` or `s3://lake/…` */
  place(key: string): string;
  /** where what a function has logged can be read: a file here, a log group there */
  logs(name: FunctionName): string;
  /** @returns the execution's ARN */
  start(input: { readonly fresh: boolean }): Promise<string>;
  /** @returns null where Step Functions does not know it */
  execution(arn: string): Promise<Execution | null>;
  /**
   * Goes on with a failed, timed-out or aborted execution from the state in which it ended.
   * @throws TidemarkError NotRedrivable
   */
  redrive(arn: string): Promise<void>;
  /** null before the Map has begun */
  activity(arn: string): Promise<ChunkActivity | null>;
  close(): Promise<void>;
}
