type HelpText = {
  /** a line in the list of commands */
  readonly summary: string;
  readonly description: string;
  /** examples, printed as they stand */
  readonly after: string;
};

/** What `--help` says beside the options: it teaches by example. */
export const helpTexts = {
  tidemark: {
    description: 'Copies database tables to Parquet on S3, exactly once, and carries on after any crash.',
    after: `
The usual sequence:
  $ npx tidemark init       write tidemark.yaml from the database in $DATABASE_URL
  $ npx tidemark check      is everything there that a run needs?
  $ npx tidemark plan       what would be copied, in how many chunks?
  $ npx tidemark run        copy; after a crash: the same again, it copies only the rest
  $ npx tidemark status     what readers see, and what is unfinished
  $ npx tidemark redrive    after a failure was mended: go on with the same execution

Without a database of your own:
  $ npx tidemark sample run --count

Of a sync that is deployed on AWS (npx cdk deploy), from any machine that
has the sync’s definition file (--config):
  $ AWS_PROFILE=prod npx tidemark status --cloud aws

Exit codes:
  0   published, or nothing to do
  1   not complete; the last lines say how to go on
  2   wrong use, or a wrong definition
  75  busy: another execution works on the sync, or another process on the
      folder of --home (also with another sync)`,
  },
  init: {
    summary: 'write a definition of what a live database has',
    description:
      'Looks at a live database, and writes a definition with all of its tables: how large each is, by which key it would be copied and why, and, commented out, what cannot be copied as it is. The address is not written into it. A file that is there is not overwritten.',
    after: `
Examples:
  $ npx tidemark init                     # of $DATABASE_URL
  $ npx tidemark init mysql://me@db.example/shop --config shop.yaml`,
  },
  check: {
    summary: 'find everything that a run would trip over',
    description:
      'Finds everything that a run would trip over, all at once: the definition, the environment, the database, every table (also those that patterns take) with its key and types, the embedded cloud’s folder; what the database’s account may do beyond reading these tables, with the statements for an account that may do just that; with --cloud aws whether the sync is deployed. The database is reached from here.',
    after: `
Examples:
  $ npx tidemark check
  $ npx tidemark check --config nightly.yaml
  $ npx tidemark check --json | jq '.findings[] | select(.result == "bad")'`,
  },
  plan: {
    summary: 'show how each table would be copied; writes nothing',
    description:
      'Shows how each table would be copied, also those that patterns take: its rows (an estimate), its key, its chunks, what each column becomes, and what is masked. Writes nothing.',
    after: `
Examples:
  $ npx tidemark plan
  $ npx tidemark plan --chunks
  $ npx tidemark plan --json | jq '.tables[] | {table, rows, chunkCount}'`,
  },
  run: {
    summary: 'copy the tables and publish them; goes on with an unfinished run',
    description:
      'Copies the sync’s tables and publishes them. Goes on with an unfinished run, and says so: what is committed is not copied again. After a run that was published it begins a new one, which a table of `mode: append` gets besides: after a crash `redrive` only completes. Ctrl-C stops at the next part boundary; with --cloud aws it ends only the looking on: the execution goes on, and `tidemark status` shows it.',
    after: `
Examples:
  $ npx tidemark run
  $ npx tidemark run --count              # then compare the counts of rows
  $ npx tidemark run --fresh              # abandon an unfinished run
  $ npx tidemark run --json > run.json    # progress goes to stderr
  $ npx tidemark run --cloud aws          # of the deployed sync`,
  },
  redrive: {
    summary: 'go on with a failed execution, after its cause was mended',
    description:
      'Goes on with the last execution of an unfinished run from the state in which it failed, and copies only what is missing. Tables that are published stay as they are. Refuses where the definition has changed since the run began.',
    after: `
Examples:
  $ npx tidemark redrive
  $ npx tidemark redrive 20261120T070102Z-4f3a
  $ npx tidemark redrive --cloud aws`,
  },
  status: {
    summary: 'show what readers see now, and what is unfinished',
    description:
      'Shows the sync as it is now: each table’s version, rows and size, and how far an unfinished run has come. Looks on, also while another process copies.',
    after: `
Examples:
  $ npx tidemark status
  $ npx tidemark status --json | jq .current
  $ npx tidemark status --cloud aws
  $ watch -n 2 npx tidemark status`,
  },
  runs: {
    summary: 'list the runs, newest first',
    description: 'Lists the sync’s runs, newest first.',
    after: `
Examples:
  $ npx tidemark runs
  $ npx tidemark runs --limit 100 --json`,
  },
  show: {
    summary: 'show one run: its tables, chunks, parts and retries',
    description:
      'Shows one run: chunks, parts, rows, attempts and retries of each table, and why tables are not complete.',
    after: `
Examples:
  $ npx tidemark show 20261120T070102Z-4f3a
  $ npx tidemark show 20261120T070102Z-4f3a --json | jq '.tables[] | select(.problem)'`,
  },
  snapshots: {
    summary: 'list a table’s snapshots: what readers see, and its past',
    description:
      'Lists the snapshots of a table, newest first: which one readers see, the run that made it, its rows, its tags. How many stay is `target.keep` in the definition.',
    after: `
Examples:
  $ npx tidemark snapshots public.orders
  $ npx tidemark snapshots orders --json | jq '.snapshots[] | select(.isCurrent)'`,
  },
  rollback: {
    summary: 'show readers an older snapshot of a table',
    description:
      'Makes an older snapshot of a table the one that readers see, in one step; nothing is copied or deleted. The newer ones stay until they expire, so that one can go forward again. The next run that is published shows its own: stop the schedule, or mend the source, first.',
    after: `
Examples:
  $ npx tidemark rollback public.orders 20261120T070102Z-4f3a    # to a run’s snapshot
  $ npx tidemark rollback public.orders 128374651029837          # by its id
  $ npx tidemark rollback public.orders audit_2026               # to a tag`,
  },
  tag: {
    summary: 'give a table’s snapshot a name that keeps it',
    description:
      'Gives a snapshot of a table a name. It does not expire for as long as the name stands, and query engines can read the table as of it.',
    after: `
Examples:
  $ npx tidemark tag public.orders audit_2026
  $ npx tidemark tag public.orders before_migration --snapshot 20261120T070102Z-4f3a
  $ npx tidemark tag public.orders audit_2026 --delete`,
  },
  sql: {
    summary: 'print what opens a table in a query engine',
    description:
      'Prints the statements that open a table of the lake in a query engine, as the definition’s target says where it is. Where an engine cannot open it, says why, and what to set.',
    after: `
Examples:
  $ npx tidemark sql public.orders --engine duckdb
  $ npx tidemark sql public.orders --engine athena --cloud aws
  $ npx tidemark sql public.orders --engine trino --json | jq -r '.statements[]'`,
  },
  sample: {
    summary: 'start the sample database, and run a command on it',
    description:
      'Starts the sample database, an embedded PostgreSQL with real data, and runs a command with $DATABASE_URL set to it and with the definition that comes with Tidemark. Without a command it keeps the database running until Ctrl-C.',
    after: `
Examples:
  $ npx tidemark sample run --count
  $ npx tidemark sample plan --chunks
  $ npx tidemark sample status
  $ npx tidemark sample                   # print its address, for psql`,
  },
} as const satisfies Record<string, Omit<HelpText, 'summary'> & { summary?: string }>;
