import { z } from 'zod';
import { databaseResourceId, keyArn, secretArn, targetUrl } from './aws-names.ts';
import { deploy, schedule } from './deploy-options.ts';
import { catalog, keep, partition } from './lake-options.ts';

/**
 * Every option of a sync definition, declared once: its type, its default, what it means. Validation, defaults,
 * the options page of the docs and the nearest-word hints all derive from here.
 */

const units: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A number of bytes: 67108864, or with a unit: 64MiB. */
const bytes = z.union([
  z.number().int().positive(),
  z
    .string()
    .regex(/^\d+ ?(B|KiB|MiB|GiB)$/, 'a number of bytes, with or without a unit: 67108864, 64MiB, 1GiB')
    .transform((text) => {
      const [, amount, unit] = /^(\d+) ?(\w+)$/.exec(text)!;
      return Number(amount) * units[unit!]!;
    }),
]);

const syncName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'lower-case letters, digits and hyphens, a letter first, at most 40')
  .describe('The sync’s name. It stands in the ledger, in staging and in the names of what is deployed.');

const source = z
  .strictObject({
    type: z.enum(['postgres', 'mysql']).describe('The kind of database: PostgreSQL; MySQL or MariaDB.'),
    url: z
      .string()
      .regex(
        /^(postgres(ql)?:\/\/|mysql:\/\/|mariadb:\/\/|\$\{)/,
        'postgres://user:password@host:port/database, or mysql:// in its place',
      )
      .optional()
      .describe(
        'Where the database is: `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=ca.pem`; `mysql://user:password@host:port/database?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem` (or `mariadb://`). Write the password as `${VARIABLE}`. Needed on the laptop; `secret` or `iam` count before it in deployed functions.',
      ),
    secret: secretArn
      .optional()
      .describe(
        'For deployed functions: the ARN of a secret in Secrets Manager that holds a URL as above, or JSON as RDS writes it (`username`, `password`, `host`, `port`, `dbname`; what is missing but these two is taken from `url`). `sslmode` is verify-full (`ssl-mode` VERIFY_IDENTITY) where nothing else is said.',
      ),
    secret_key: keyArn
      .optional()
      .describe(
        'The KMS key of the secret, where it is one of your own: deployed functions may decrypt the secret with it.',
      ),
    iam: databaseResourceId
      .optional()
      .describe(
        'For deployed functions: the resource id of an RDS instance (`db-…`), cluster (`cluster-…`) or proxy (`prx-…`) to log in to with IAM; user, host and database are those of `url`. `sslmode` is verify-full (`ssl-mode` VERIFY_IDENTITY) where `url` says nothing else.',
      ),
    statement_milliseconds: z
      .number()
      .int()
      .min(10)
      .max(60_000)
      .default(200)
      .describe(
        'About how long one statement may keep the server busy; statements grow and shrink towards it.',
      ),
    statement_rows: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(100_000)
      .describe('At most this many rows a statement.'),
  })
  .describe('Where rows come from.');

const names = z.array(z.string().min(1));

/** What a list of texts means where just one of them is written. */
const asList = (value: unknown): unknown => (typeof value === 'string' ? [value] : value);

/** In YAML, `null` without quotes is no text. */
const maskKind = z.preprocess((value) => value ?? 'null', z.enum(['hash', 'redact', 'null']));

const sourceName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,29}$/, 'lower-case letters, digits and _, a letter first, at most 30');

/** One of the tables that become one. */
const member = z.preprocess(
  (value) => (typeof value === 'string' ? { table: value } : value),
  z.strictObject({
    table: z.string().min(1).describe('A table, or a pattern, as in `name`.'),
    source: sourceName.optional().describe('In which of `sources` it is. Default: in `source`.'),
    as: z
      .string()
      .min(1)
      .optional()
      .describe(
        'What `source_column` says of its rows. Default: schema.table, with the source’s name and a colon before it where it is one of `sources`. Not with a pattern.',
      ),
  }),
);

/**
 * What is left out may come from a pattern that matches the table, too: see `tableOptions`. So there are no defaults
 * here but those that the page of the options shows.
 */
const table = z.strictObject({
  name: z
    .string()
    .min(1)
    .describe(
      'schema.table, as the database spells it (upper and lower case count). A name that holds a dot or a quote is written in double quotes. Without a schema: public; with MySQL, where it is the database’s name, the one that `source.url` names outside of `${…}`. Or a pattern: `public.*`, `*.*`, `public.order_?`, where `*` is any run of characters and `?` one (in double quotes they are themselves; YAML wants quotes around what begins with `*`: `"*.*"`). A pattern takes ordinary and partitioned tables; views, materialized views and foreign tables are named, with their `key`. What stands with a pattern holds for all that it matches, also where one of them is named besides: of entries that say different things the one that names the table counts, else the last one; masks and lists of columns add up.',
    ),
  from: z
    .array(member)
    .min(1)
    .optional()
    .describe(
      'Several tables of the same shape that become this one: shards, one for each tenant or month. `name` is the table in the lake then; columns, conditions, masks and keys hold for each of them.',
    ),
  source_column: z
    .string()
    .min(1)
    .optional()
    .meta({ default: '_source' })
    .describe('With `from`: the column that is added to say where a row came from.'),
  key: z
    .preprocess(asList, names.min(1))
    .optional()
    .describe(
      'The column to walk along, or a list of columns: NOT NULL, and unique (together) by an index. Default: the primary key, or what takes its place. Not with a pattern.',
    ),
  as_text: names
    .optional()
    .meta({ default: [] })
    .describe(
      'Columns to copy as the database’s exact text, where the file’s own type cannot hold every value. This, and the other options that name columns: with a pattern they count in those of its tables that have the column.',
    ),
  columns: names.min(1).optional().describe('The columns to copy. Default: all.'),
  exclude_columns: names.optional().meta({ default: [] }).describe('Columns to leave out.'),
  where: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Which rows to copy: a condition over the table’s columns in the database’s SQL, as after WHERE. The database evaluates it, when the rows are read.',
    ),
  mask: z
    .record(z.string().min(1), maskKind)
    .optional()
    .describe(
      'What stands in the lake in place of a column’s values: `{ email: hash, name: redact, note: null }`. The database does it: no value leaves it. `hash`: SHA-256 of the value’s text, in hexadecimal digits; without a salt, so that equal values stay equal in all tables, and who can guess a value can test the guess (few values, such as phone numbers, can all be tried). `redact`: the word redacted. `null`: nothing. What is NULL stays NULL.',
    ),
  mode: z
    .enum(['overwrite', 'append'])
    .optional()
    .meta({ default: 'overwrite' })
    .describe(
      'What a run does to the table in the lake: takes the place of what is there, or is added to it (every run copies the whole table).',
    ),
  partition,
  group: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_-]{0,39}$/, 'letters, digits, _ and -, a letter first, at most 40')
    .optional()
    .describe(
      'Tables of one group are published one after the other, and only when all of them are complete: orders with their lines.',
    ),
  as: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,99}$/, 'lower-case letters, digits and _, a letter first, at most 100')
    .optional()
    .describe(
      'The table’s name in `target.catalog`, and in what `tidemark sql` prints. Default: the table’s own, with its schema before it where that is not public, in lower case, and _ for all but letters and digits. Not with a pattern.',
    ),
});

const target = z
  .strictObject({
    url: targetUrl.describe('Where files go: `s3://bucket/prefix`.'),
    compression: z
      .enum(['auto', 'zstd', 'snappy', 'none'])
      .default('auto')
      .describe('Of the files’ pages. auto: zstd where Node has it (22.15 and later), else snappy.'),
    catalog,
    keep,
    manifests: z
      .array(z.enum(['hive', 'redshift']))
      .default([])
      .describe(
        'For readers without Iceberg, beside `current.json`, of each table: `hive`, a symlink manifest (`<table>/_symlink/symlink.txt`); `redshift`, a manifest for COPY (`<table>/redshift.manifest`).',
      ),
  })
  .describe('The data lake.');

const part = z
  .strictObject({
    rows: z.number().int().min(1).default(1_000_000).describe('Close a part at this many rows …'),
    bytes: bytes
      .refine((n) => n <= 1024 ** 3, 'at most 1GiB: a part is held in memory')
      .prefault('64MiB')
      .describe('… or when its file has this size …'),
    seconds: z.number().min(1).default(60).describe('… or when it has been read for this long.'),
  })
  .prefault({})
  .describe('A part is one file and one checkpoint: what a crash can cost at most.');

const chunk = z
  .strictObject({
    rows: z.number().int().min(1).default(1_000_000).describe('About how many rows a chunk holds.'),
  })
  .prefault({})
  .describe('A chunk is a key range that one function works on; chunks run side by side.');

const retry = z
  .strictObject({
    kind: z.enum(['exponential', 'fixed', 'none']).default('exponential').describe('How waits grow.'),
    attempts: z
      .number()
      .int()
      .min(0)
      .max(100)
      .default(12)
      .describe(
        'Tries after the first one. The defaults go on for about four minutes: longer than a failover.',
      ),
    interval_seconds: z.number().int().min(1).max(3600).default(2).describe('The first wait.'),
    max_interval_seconds: z.number().int().min(1).max(3600).default(60).describe('The longest wait.'),
  })
  .prefault({})
  .describe('What the state machine does when a chunk’s function fails for a reason that passes by itself.');

export const definitionOptions = z.strictObject({
  name: syncName,
  source,
  sources: z
    .record(sourceName, source)
    .default({})
    .describe('Further databases that tables come `from`, by a name; each with the options of `source`.'),
  tables: z
    .array(z.preprocess((value) => (typeof value === 'string' ? { name: value } : value), table))
    .min(1)
    .describe('The tables to copy: names or patterns, or these with options.'),
  exclude: names
    .default([])
    .describe(
      'Names and patterns of tables that no pattern under `tables` takes: `public.tmp_*`. What is named there itself is copied all the same.',
    ),
  target,
  publish: z
    .enum(['each', 'together'])
    .default('each')
    .describe(
      'When a table is published: each as soon as it is complete, or all together when all of them are. A `group` of tables is always published together.',
    ),
  part,
  chunk,
  concurrency: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(4)
    .describe('At most this many chunks at once: as many connections to the source.'),
  retry,
  schedule,
  deploy,
});

/** A valid definition with its defaults, as the rest of the program uses it. */
export type Definition = z.output<typeof definitionOptions>;
/** What stands of a table, or of those that a pattern matches. What counts for a table is `TableOptions`. */
export type TableEntry = Definition['tables'][number];
