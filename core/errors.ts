/**
 * Every error that Tidemark raises or shows: its code, its kind, and what the operator does.
 * `error.name` is the code, so that Step Functions (`ErrorEquals`) and people's searches match on it.
 *
 * A message says what happened and where; `next` says what to do. Neither holds a secret or a row's values.
 *
 * Where the mend is in the database or the cloud, the run goes on: `tidemark redrive`. Where it is in what the
 * definition says of tables, a new run begins: `tidemark run` (see core/definition/fingerprint.ts).
 */
export type ErrorKind =
  /** passes by itself: the state machine tries again */
  | 'transient'
  /** the database says no: somebody has to change something there */
  | 'source'
  /** a value or a table that cannot be copied exactly */
  | 'data'
  /** the user's definition, command or rights on the target */
  | 'definition'
  /** ours: the run stops rather than guess */
  | 'bug';

const table = {
  // transient: these codes stand in infra/sync.asl.json, in the Retry of CopyChunk (a test holds both together)
  SourceUnavailable: [
    'transient',
    'The database cannot be reached or went away. A run tries again by itself; if it stays so, look at the database, its network and its log.',
  ],
  SourceTimeout: [
    'transient',
    'A statement ran into the statement time limit. A run tries again by itself; if it stays so, look for locks or load on the database.',
  ],
  StoreUnavailable: [
    'transient',
    'The object store did not answer as it should. A run tries again by itself; if it stays so, look at the store’s health and the function’s network.',
  ],
  LedgerUnavailable: [
    'transient',
    'The ledger (DynamoDB) or Step Functions did not answer as it should. A run tries again by itself; if it stays so, look at their health and throttling.',
  ],
  CatalogUnavailable: [
    'transient',
    'The catalog (target.catalog) did not answer as it should. A run tries again by itself; if it stays so, look at its health and the function’s network.',
  ],
  // source
  SourceRefused: [
    'source',
    'Mend the user name, password, rights or TLS settings of source.url (in the cloud: of source.secret or source.iam), then go on with `tidemark redrive` (or `tidemark run`).',
  ],
  TableMissing: [
    'source',
    'Create the table, or grant the user of source.url USAGE on its schema, then go on with `tidemark redrive`; or mend its name under tables:, then `tidemark run` (a new run). `tidemark check` shows what it sees.',
  ],
  TableDenied: ['source', 'GRANT SELECT on the table to the user of source.url, then `tidemark redrive`.'],
  TableUnsupported: [
    'source',
    'Take the table out of tables:, or name one of a form that is supported (see the message), then `tidemark run` (a new run).',
  ],
  KeyMissing: [
    'source',
    'Give the table a primary key, then go on with `tidemark redrive`; or name columns with `key:` that are NOT NULL and have a unique index together (of a view: that are unique together), then `tidemark run` (a new run).',
  ],
  KeyUnsupported: [
    'source',
    'Name other columns with `key:`, that are NOT NULL and have a unique index together, without WHERE and expressions, in the order of its own columns; or make one, CREATE UNIQUE INDEX; then `tidemark run` (a new run).',
  ],
  KeyViolated: [
    'source',
    'The key had a NULL or the same value twice. Mend the table’s rows and its unique index (REINDEX), or name columns of a view that are unique, with `key:`; then start over with `tidemark run --fresh`.',
  ],
  TableChanged: [
    'source',
    'The table is no longer as the run planned it. Start over with `tidemark run --fresh`; the snapshot that readers see stays as it is until then.',
  ],
  SourceFailed: [
    'source',
    'The database refused the statement; its own words are in the message. Mend the cause, then `tidemark redrive`.',
  ],
  // data
  ValueNotRepresentable: [
    'data',
    'The file’s type cannot hold this value exactly. List the column under `as_text:` of its table to copy it as the database’s exact text, then `tidemark run` (a new run); or mend the rows, then go on with `tidemark redrive`.',
  ],
  // definition
  DefinitionInvalid: [
    'definition',
    'Mend the definition at the place that is named, and try again; `tidemark check` finds everything else that a run would trip over.',
  ],
  DefinitionMissing: ['definition', 'Write the file, or name another with --config.'],
  EnvironmentMissing: ['definition', 'Set the environment variable, or write the value into the definition.'],
  StoreDenied: [
    'definition',
    'Give the function’s role the right to do this on the bucket, then `tidemark redrive`.',
  ],
  SecretDenied: [
    'definition',
    'Give the function’s role the right to do this on the secret that source.secret names, and on its key; or make the secret; then `tidemark redrive`.',
  ],
  SecretInvalid: [
    'definition',
    'Write into the secret that source.secret names what is said to be missing or wrong there, then `tidemark redrive`.',
  ],
  LedgerDenied: [
    'definition',
    'Give the function’s role the right to do this on the ledger table (or on the execution that is named), then `tidemark redrive`.',
  ],
  CatalogDenied: [
    'definition',
    'Give the function’s role the right to do this in the catalog (with Lake Formation also there), then `tidemark redrive`.',
  ],
  CatalogRefused: [
    'definition',
    'Mend in the catalog what it says, then `tidemark redrive`: what was copied is committed and stays.',
  ],
  UsageWrong: ['definition', 'See `tidemark --help`.'],
  CloudBusy: [
    'definition',
    'Wait for the other process, or use another folder with --home. If the process with that number is no Tidemark, delete <home>/instance.json.',
  ],
  CloudBroken: ['definition', 'Mend what the message names, then try again; what was committed stays.'],
  CloudFull: [
    'definition',
    'Make room on that disk, then `tidemark redrive` (or `tidemark run`): what was committed stays.',
  ],
  CloudDenied: [
    'definition',
    'Sign in (again), or name credentials that have the right to do this ($AWS_PROFILE), or give it to these. A run that is under way does not need them.',
  ],
  NotDeployed: [
    'definition',
    'Deploy the sync with `npx cdk deploy`; or, if it is deployed elsewhere, set $AWS_PROFILE and $AWS_REGION to that account and region ($TIDEMARK_LEDGER, if its ledger has another name).',
  ],
  RunUnknown: ['definition', '`tidemark runs` lists the runs.'],
  // the run
  RunIncomplete: [
    'source',
    'Do what is said of each table; where that is no new run, `tidemark redrive` then copies only what is missing. Until then no table gets a new snapshot; `tidemark run --fresh` starts anew without waiting.',
  ],
  DefinitionChanged: [
    'definition',
    'A run keeps its definition. `tidemark run` abandons it and starts a new run of all tables; to keep what is committed, undo the change.',
  ],
  Skipped: ['definition', '`tidemark status` shows how far it is.'],
  NotRedrivable: [
    'definition',
    '`tidemark run` adopts the run with a new execution: what is committed counts.',
  ],
  Stopped: ['definition', '`tidemark run` copies only the rest.'],
  Detached: ['definition', '`tidemark status` shows how far it is.'],
  Aborted: ['definition', '`tidemark run` goes on with the run.'],
  CountsDiffer: [
    'data',
    'Where these tables are written meanwhile, that is to be expected: look when they are still. Otherwise please report it.',
  ],
  // bug
  FormatTooNew: [
    'bug',
    'This was written by a newer Tidemark. Use that version, or start over with `tidemark run --fresh`.',
  ],
  ProtocolViolation: [
    'bug',
    'The run stopped rather than guess. Something that it had written was deleted or changed from outside: do what the message says; where it says nothing of that, start over with `tidemark run --fresh`. If nobody has touched it, please report this message.',
  ],
  Unexpected: [
    'bug',
    'This should not happen: please report it, with these lines. What is committed is safe; `tidemark run` goes on.',
  ],
} as const satisfies Record<string, readonly [ErrorKind, string]>;

export type ErrorCode = keyof typeof table;

export const errorCodes = Object.keys(table) as ErrorCode[];

export const kindOf = (code: ErrorCode): ErrorKind => table[code][0];

/** What the operator does about it. */
export const nextStepOf = (code: ErrorCode): string => table[code][1];

export const isErrorCode = (name: string): name is ErrorCode => Object.hasOwn(table, name);

export class TidemarkError extends Error {
  readonly code: ErrorCode;
  /** What the operator does about it. */
  readonly next: string;

  /**
   * @param message what happened and where: one or two sentences, without the next step
   * @param options `next` in place of the code's own next step, where more is known
   */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; next?: string }) {
    super(message, options);
    this.name = code;
    this.code = code;
    this.next = options?.next ?? nextStepOf(code);
  }

  get kind(): ErrorKind {
    return kindOf(this.code);
  }
}
