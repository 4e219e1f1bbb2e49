/** Rules that hold between options: each breach in one sentence, with its place and what is allowed. */
import { bucketOf } from './aws-names.ts';
import { defaultSchema } from './default-schema.ts';
import type { Credentials } from './deployed-source.ts';
import { type Place, valueAt } from './document.ts';
import { isLakeName, lakeName } from './lake-name.ts';
import { memberBreaches } from './member-rules.ts';
import type { Definition } from './options.ts';
import { parsePartitionField, partitionFamily } from './partition-field.ts';
import { longestGapHours } from './schedule.ts';
import { formatTableName, tableWords } from './table-name.ts';
import { parseTablePattern } from './table-pattern.ts';

export type Breach = { readonly path: readonly PropertyKey[]; readonly what: string };

/** A name as it was written, for messages. */
const writtenName = (raw: unknown, index: number): string => {
  const entry = valueAt(raw, ['tables', index]);
  return JSON.stringify(typeof entry === 'string' ? entry : valueAt(entry, ['name']));
};

function tableBreaches(definition: Definition, raw: unknown): Breach[] {
  const breaches: Breach[] = [];
  const schema = defaultSchema(definition, raw);
  const seen = new Map<string, number>();
  definition.tables.forEach((table, index) => {
    const pattern = parseTablePattern(table.name);
    const written = writtenName(raw, index);
    if (!pattern) {
      breaches.push({
        path: ['tables', index, 'name'],
        what: `${written} is no table’s name; allowed: table, schema.table, or each in double quotes where it holds a dot; and patterns: public.*`,
      });
      return;
    }
    if (schema === null && tableWords(table.name, '')?.schema.text === '')
      breaches.push({
        path: ['tables', index],
        what: `${written} names no database, and source.url does not say which as it is written; allowed: database.table, or a source.url whose database stands outside of \${…}: mysql://user:\${PASSWORD}@host:port/database`,
      });
    const spelled = pattern.exact ? formatTableName(pattern.exact) : `pattern ${table.name}`;
    const before = seen.get(spelled);
    if (before !== undefined)
      breaches.push({
        path: ['tables', index],
        what: `${written} stands already at tables[${before}]; allowed: each table once`,
      });
    seen.set(spelled, index);
    if (pattern.exact) return;
    for (const option of ['key', 'as', 'from', 'source_column'] as const) {
      if (table[option] === undefined) continue;
      breaches.push({
        path: ['tables', index, option],
        what: `stands with the pattern ${written}, but is one table’s own; allowed: in an entry that names the table, besides`,
      });
    }
  });
  return breaches;
}

/** What is said of a column twice, and differently. */
function columnBreaches({ tables }: Definition, raw: unknown): Breach[] {
  return tables.flatMap(({ key, columns, exclude_columns, mask }, index) => {
    const both = columns?.filter((name) => exclude_columns?.includes(name)) ?? [];
    const masked = key?.filter((name) => mask !== undefined && Object.hasOwn(mask, name)) ?? [];
    const written = valueAt(raw, ['tables', index, 'mask']);
    return [
      // it gets lost among the properties that every object has
      ...(written instanceof Object && Object.hasOwn(written, '__proto__')
        ? [
            {
              path: ['tables', index, 'mask'],
              what: '__proto__ cannot be masked; allowed: exclude_columns, for a column of this name',
            },
          ]
        : []),
      ...both.map((name) => ({
        path: ['tables', index, 'exclude_columns'],
        what: `${JSON.stringify(name)} stands in columns, too; allowed: in one of both`,
      })),
      ...masked.map((name) => ({
        path: ['tables', index, 'mask', name],
        what: 'belongs to the key, by whose values the copying goes on after a crash: they stand in the ledger and in manifests as they are; allowed: a key without it, or the column as it is',
      })),
    ];
  });
}

function excludeBreaches({ tables, exclude }: Definition, raw: unknown): Breach[] {
  const named = tables.map(({ name }) => parseTablePattern(name));
  const hasPattern = named.some((pattern) => pattern?.exact === null);
  return exclude.flatMap((text, index) => {
    const path = ['exclude', index];
    const written = JSON.stringify(valueAt(raw, path));
    const pattern = parseTablePattern(text);
    if (!pattern)
      return [
        {
          path,
          what: `${written} is neither a table’s name nor a pattern; allowed: public.tmp_*, and the like`,
        },
      ];
    if (!hasPattern)
      return [
        { path, what: 'takes tables out of patterns, but none stands under tables; allowed: with one' },
      ];
    const spelled = pattern.exact && formatTableName(pattern.exact);
    const at = named.findIndex((one) => one?.exact && formatTableName(one.exact) === spelled);
    if (at < 0) return [];
    return [{ path, what: `${written} is named at tables[${at}]; allowed: in one of both` }];
  });
}

/** S3 Tables chooses a bucket of its own for each table, in which nothing can be renamed. */
function catalogBreaches({ target: { catalog } }: Definition): Breach[] {
  if (catalog.type !== 'rest') return [];
  if (catalog.sign?.service !== 's3tables' && !/^https?:\/\/s3tables\./.test(catalog.uri)) return [];
  return [
    {
      path: ['target', 'catalog'],
      what: 'names Amazon S3 Tables, which puts tables where no file can be renamed (docs/design/catalogs-rest.md); allowed: a catalog that takes a table’s location as it is given, such as glue',
    },
  ];
}

/** Two tables of one name in the catalog; where the ledger is, only names that were given are. */
function lakeNameBreaches({ tables, target }: Definition): Breach[] {
  const isGivenOnly = target.catalog.type === 'ledger';
  const seen = new Map<string, number>();
  return tables.flatMap(({ name, as }, index) => {
    const table = parseTablePattern(name)?.exact;
    const spelled = table && lakeName(table, as);
    if (!spelled || (isGivenOnly && !as)) return [];
    const before = seen.get(spelled);
    seen.set(spelled, index);
    if (isLakeName(spelled) && before === undefined) return [];
    const what =
      before === undefined
        ? `gives ${JSON.stringify(spelled)}, which is no name for a table there`
        : `would be ${spelled} there, as tables[${before}] is`;
    return [
      { path: ['tables', index], what: `${what}; allowed: a name of its own in target.catalog, by \`as:\`` },
    ];
  });
}

/** A part has no more files (core/formats/partition), and its rows fall into all buckets. */
const bucketsMax = 100;

function partitionBreaches({ tables }: Definition): Breach[] {
  return tables.flatMap(({ partition = [] }, index) => {
    const seen = new Map<string, number>();
    return partition.flatMap((text, at) => {
      const field = parsePartitionField(text);
      if (!field) return [];
      if (field.transform === 'bucket' && field.argument! > bucketsMax)
        return [
          {
            path: ['tables', index, 'partition', at],
            what: `${JSON.stringify(text)} has ${field.argument} buckets, and a part becomes a file for each; allowed: up to ${bucketsMax}`,
          },
        ];
      const family = JSON.stringify([partitionFamily(field), field.column]);
      const before = seen.get(family);
      if (before === undefined) {
        seen.set(family, at);
        return [];
      }
      return [
        {
          path: ['tables', index, 'partition', at],
          what: `${JSON.stringify(text)} divides as partition[${before}] does; allowed: one ${partitionFamily(field)} of a column`,
        },
      ];
    });
  });
}

type SourceType = Definition['source']['type'];

/** How an address of each kind is written. */
const addresses: Readonly<
  Record<SourceType, { readonly scheme: RegExp; readonly example: string; readonly tls: string }>
> = {
  postgres: { scheme: /^postgres(ql)?:$/, example: 'postgres://', tls: 'sslmode' },
  mysql: { scheme: /^(mysql|mariadb):$/, example: 'mysql:// or mariadb://', tls: 'ssl-mode' },
};

/**
 * TLS that is not enough for IAM: its token would go out readable, and RDS would not take it. MySQL gets it in clear
 * text, and so only whoever has a certificate that was verified.
 */
const tooWeak: Readonly<Record<SourceType, RegExp>> = {
  postgres: /^(disable|prefer)$/,
  mysql: /^(disabled|preferred|required)$/i,
};
const strongest: Readonly<Record<SourceType, string>> = {
  postgres: 'verify-full',
  mysql: 'VERIFY_IDENTITY',
};

/** Of an address that is written out as far as its kind. */
function schemeBreaches({ type, url }: Definition['source'], path: readonly string[]): Breach[] {
  const [scheme] = /^\w+:(?=\/\/)/.exec(url ?? '') ?? [];
  const { scheme: fitting, example } = addresses[type];
  if (scheme === undefined || fitting.test(scheme)) return [];
  const others = Object.entries(addresses).find(([, address]) => address.scheme.test(scheme));
  return [
    {
      path: [...path, 'url'],
      what: `begins with ${scheme}//, but its type is ${type}; allowed: ${example}${others ? `, or type: ${others[0]}` : ''}`,
    },
  ];
}

/** Of `sources`. They cannot be deployed yet, so that the laptop logs in to them, by their url. */
const namedSourceBreaches = ({ sources }: Definition): Breach[] =>
  Object.entries(sources).flatMap(([name, source]) =>
    source.url === undefined
      ? [{ path: ['sources', name], what: 'has no url; allowed: url: "${ANOTHER_DATABASE_URL}"' }]
      : schemeBreaches(source, ['sources', name]),
  );

function sourceBreaches({ source }: Definition, raw: unknown, credentials: Credentials): Breach[] {
  const { secret, iam, type } = source;
  const wrong = schemeBreaches(source, ['source']);
  if (wrong.length > 0) return wrong;
  // url is looked for where it is written: a deployed function may read the file without it
  const hasUrl = valueAt(raw, ['source', 'url']) !== undefined;
  if (!hasUrl && !secret && !iam && credentials === 'url')
    return [
      {
        path: ['source'],
        what: 'neither url nor secret stands there; allowed: url (where the database is), secret (the ARN of a secret, for deployed functions), or both',
      },
    ];
  if (source.secret_key && !secret && credentials === 'url')
    return [
      {
        path: ['source', 'secret_key'],
        what: 'stands there without source.secret; allowed: beside the secret that is encrypted with it',
      },
    ];
  if (!iam) return [];
  const path = ['source', 'iam'];
  if (secret)
    return [{ path, what: 'stands beside source.secret; allowed: one of both, as functions log in one way' }];
  if (!hasUrl)
    return [{ path, what: 'stands there without source.url; allowed: with it, as it names user and host' }];
  if (source.url === undefined || source.url.includes('${')) return [];
  const url = URL.canParse(source.url) ? new URL(source.url) : null;
  // without a host, but with a user, it is no URL at all
  const missing = url?.username === '' ? 'user' : url === null || url.hostname === '' ? 'host' : null;
  if (missing)
    return [
      {
        path: ['source', 'url'],
        what: `names no ${missing}, which source.iam needs; allowed: ${type}://user@host:port/database`,
      },
    ];
  const { tls } = addresses[type];
  const mode = url?.searchParams.get(tls);
  if (credentials === 'iam' && mode && tooWeak[type].test(mode))
    return [
      {
        path: ['source', 'url'],
        what: `${tls}=${mode} does not insist on ${type === 'mysql' ? 'a verified certificate' : 'TLS'}, which source.iam needs; allowed: ${strongest[type]}, or no ${tls}, which then means the same`,
      },
    ];
  return [];
}

/** Whom `deploy.notify` names: a topic by its ARN, or else a mail address. */
export const isTopic = (address: string): boolean => address.startsWith('arn:');

/** What a rule of EventBridge, and an alarm of CloudWatch, tell at most. */
export const topicsMax = 5;

function deployBreaches({ deploy, target, schedule }: Definition): Breach[] {
  const breaches: Breach[] = [];
  const resolved = !target.url.includes('${');
  if (deploy.bucket === 'existing' && deploy.versioned !== undefined)
    breaches.push({
      path: ['deploy', 'versioned'],
      what: 'says how a bucket is made, but deploy.bucket is existing; allowed: with bucket: create',
    });
  if (deploy.bucket === 'create' && resolved && bucketOf(target.url)?.includes('.'))
    breaches.push({
      path: ['target', 'url'],
      what: 'a bucket that is made here has no dot in its name, as TLS does not cover such a host; allowed: letters, digits and hyphens, or bucket: existing',
    });
  if (deploy.bucket === 'create' && resolved && bucketOf(target.url)?.endsWith('-an'))
    breaches.push({
      path: ['target', 'url'],
      what: 'a bucket whose name ends in -an; S3 keeps that ending for names of an account’s own region; allowed: another ending, or bucket: existing',
    });
  const arns = deploy.notify.filter(isTopic).length;
  const topics = arns + (deploy.notify.length > arns ? 1 : 0);
  if (topics > topicsMax)
    breaches.push({
      path: ['deploy', 'notify'],
      what: `${topics} topics (all mail addresses are one); allowed: up to ${topicsMax}, as a rule of EventBridge and an alarm take no more; a topic may have any number of subscriptions`,
    });
  const gap = schedule && !schedule.expression.includes('${') ? longestGapHours(schedule) : null;
  const alarm = deploy.alarm_after_hours;
  if (gap !== null && alarm !== undefined && alarm <= gap)
    breaches.push({
      path: ['deploy', 'alarm_after_hours'],
      what: `${alarm} stands there, but the schedule rests for up to ${Math.ceil(gap * 100) / 100} hours, and the alarm would ring each time; allowed: more than that`,
    });
  const { vpc } = deploy;
  if (vpc && vpc.availability_zones.length !== vpc.subnets.length)
    breaches.push({
      path: ['deploy', 'vpc', 'availability_zones'],
      what: `${vpc.availability_zones.length} stand there, but there are ${vpc.subnets.length} subnets; allowed: the zone of each subnet, in the same order`,
    });
  return breaches;
}

/** @param raw the file's values, `${NAME}` as it stands: messages quote nothing else */
export const brokenRules = (
  definition: Definition,
  raw: unknown,
  place: Place,
  credentials: Credentials,
): string[] =>
  [
    ...tableBreaches(definition, raw),
    ...memberBreaches(definition, raw),
    ...columnBreaches(definition, raw),
    ...excludeBreaches(definition, raw),
    ...catalogBreaches(definition),
    ...lakeNameBreaches(definition),
    ...partitionBreaches(definition),
    ...sourceBreaches(definition, raw, credentials),
    ...namedSourceBreaches(definition),
    ...deployBreaches(definition),
  ].map(({ path, what }) => `${place(path)}: ${what}`);
