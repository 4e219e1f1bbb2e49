/**
 * What each function and the state machine may do: the calls that its code makes, on the keys that it makes them
 * with, and nothing else. test/infra/permissions.test.ts holds both the table of all of it and the calls of a real
 * run against this.
 */
import { Arn, ArnFormat, Aws } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { NamePiece, TablePattern } from '../core/definition/table-pattern.ts';
import { TidemarkError } from '../core/errors.ts';
import { type Keys, keysOf, pathSegment, type Target } from '../core/objects/keys.ts';

/** Tables in the Glue Data Catalog. */
export type GlueTables = {
  /** by Glue's endpoint for Iceberg's REST protocol, which also looks at the catalog and the database */
  readonly isEndpoint: boolean;
  /** of the account's catalog: `arn:…:catalog` */
  readonly catalogArn: string;
  readonly database: string;
  /** as they are called in it */
  readonly names: readonly string[];
};

/** What a sync's functions work on. ARNs may be tokens. */
export type Territory = {
  readonly sync: string;
  readonly target: Target;
  /** of the tables' folders: see `tablePatterns` */
  readonly patterns: readonly string[];
  readonly ledgerArn: string;
  readonly bucketArn: string;
  /** of the bucket's KMS key; null: S3's own encryption */
  readonly bucketKeyArn: string | null;
  readonly stateMachineArn: string;
  readonly executionsArn: string;
  /** where the catalog is Glue's */
  readonly glue: GlueTables | null;
  /** what is written beside, for readers without Iceberg */
  readonly manifests: readonly (keyof typeof readerManifests)[];
  /** of what those need that read from the source */
  readonly source: readonly PolicyStatement[];
};

/** Their names in a table's folder. */
const readerManifests = { hive: '_symlink/symlink.txt', redshift: 'redshift.manifest' } as const;

/** What IAM takes of inline policies a role, without white space. */
const roleCharactersMax = 10_240;
/** What a function's role has beside its own statements, at its longest: logs, traces, a VPC, the documents' frames. */
const commonCharacters = 2_000;

/** How long CDK's stand-ins for what only the deployment knows become at most; by what stands in their names. */
const tokenCharacters: readonly (readonly [RegExp, number])[] = [
  [/AWS\.Partition/, 10],
  [/AWS\.AccountId/, 12],
  [/AWS\.Region/, 14],
  [/AWS\.URLSuffix/, 16],
  // a bucket's ARN, many times; a table's is longer, once or twice
  [/./, 90],
];

const charactersOf = (statements: readonly PolicyStatement[]): number =>
  JSON.stringify(statements.map((statement) => statement.toStatementJson())).replaceAll(
    /\$\{Token\[([^\]]*)\]\}/g,
    (_, name: string) => 'x'.repeat(tokenCharacters.find(([like]) => like.test(name))![1]),
  ).length;

/** A character of a name may be several of its folder's. */
const folderPattern = ({ schema, table }: TablePattern): string =>
  [schema, table]
    .map((pieces: readonly NamePiece[]) =>
      pieces.map((piece) => ('text' in piece ? pathSegment(piece.text) : '*')).join(''),
    )
    .join('.');

/**
 * Patterns of the folders of a sync's tables, as narrow as fits into its functions' roles: each table (or what the
 * definition's patterns match), else each schema, else all that look like a table.
 *
 * @throws TidemarkError DefinitionInvalid where the prefix alone, which a role names many times, is too long
 */
export function tablePatterns(
  territory: Omit<Territory, 'patterns'>,
  tables: readonly TablePattern[],
): readonly string[] {
  const { prefix } = territory.target;
  const folders = tables.map(folderPattern);
  const schemas = [...new Set(folders.map((folder) => `${folder.split('.')[0]}.*`))];
  const under = (patterns: readonly string[]) => patterns.map((pattern) => `${prefix}${pattern}`);
  const fits = (patterns: readonly string[]) =>
    [planPermissions, copyChunkPermissions, publishPermissions].every(
      (of) => charactersOf(of({ ...territory, patterns })) <= roleCharactersMax - commonCharacters,
    );
  const found = [folders, schemas, ['*.*']].map(under).find(fits);
  if (found) return found;
  throw new TidemarkError(
    'DefinitionInvalid',
    `target.url: a prefix of ${prefix.length} characters; a role names it many times, and IAM takes ${roleCharactersMax.toLocaleString('en')} characters a role; allowed: a shorter one`,
  );
}

const allow = (actions: string[], resources: string[], conditions?: Record<string, unknown>) =>
  new PolicyStatement({ actions, resources, ...(conditions && { conditions }) });

/** Items by their partition key: even in a ledger that is shared, a sync has its own items only. */
const onLedger = ({ ledgerArn }: Territory, partition: string, actions: readonly string[]) =>
  allow(
    actions.map((action) => `dynamodb:${action}`),
    [ledgerArn],
    { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [partition] } },
  );

const itemsOfSync = ({ sync }: Territory): string => `SYNC#${sync}`;
const logsOfSync = ({ sync }: Territory): string => `RUN#${sync}#*`;

/** Objects by patterns of their keys. */
const onObjects = ({ bucketArn }: Territory, action: string, patterns: readonly string[]) =>
  allow(
    [`s3:${action}`],
    patterns.map((pattern) => `${bucketArn}/${pattern}`),
  );

/**
 * To list those keys, and to be told of one that it is not there: without s3:ListBucket for it S3 answers 403 instead
 * of 404. For a missing object S3 takes the object's key as `s3:prefix`.
 */
const seeing = ({ bucketArn }: Territory, patterns: readonly string[]) =>
  allow(['s3:ListBucket'], [bucketArn], { StringLike: { 's3:prefix': [...patterns] } });

/** S3 asks for these in the caller's name. Decrypt also serves HEAD with a checksum, and a Copy's source. */
const withBucketKey = ({ bucketKeyArn }: Territory): PolicyStatement[] =>
  bucketKeyArn === null
    ? []
    : [
        allow(['kms:Decrypt', 'kms:GenerateDataKey'], [bucketKeyArn], {
          StringEquals: { 'kms:ViaService': `s3.${regionOf(bucketKeyArn)}.${Aws.URL_SUFFIX}` },
        }),
      ];

const regionOf = (arn: string): string => Arn.split(arn, ArnFormat.SLASH_RESOURCE_NAME).region ?? Aws.REGION;

/**
 * Glue asks for an action on the table, on the database that it is in, and on the catalog. Tables are named as long as
 * their folders are, without patterns; else it is all of the database.
 *
 * @see https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
 */
function onGlueTables({ glue, patterns }: Territory, actions: readonly string[]): PolicyStatement[] {
  if (!glue) return [];
  const names = patterns.some((pattern) => pattern.includes('*')) ? ['*'] : glue.names;
  const tables = names.map((name) => inCatalog(glue, `table/${glue.database}/${name}`));
  return [
    allow(
      [...actions, ...(glue.isEndpoint ? ['GetCatalog', 'GetDatabase'] : [])].map(
        (action) => `glue:${action}`,
      ),
      [glue.catalogArn, inCatalog(glue, `database/${glue.database}`), ...tables],
    ),
  ];
}

/** To make the database where it is not there. */
const onGlueDatabase = ({ glue }: Territory): PolicyStatement[] =>
  glue
    ? [allow(['glue:CreateDatabase'], [glue.catalogArn, inCatalog(glue, `database/${glue.database}`)])]
    : [];

const inCatalog = ({ catalogArn }: GlueTables, resource: string): string =>
  catalogArn.replace(/catalog$/, resource);

const stagedOfSync = (keys: Keys): string => `${keys.stagingOfSync}*`;
/** The plans of a run's tables, and what is frozen beside them. */
const tablePlansOf = (keys: Keys): string => keys.tablePlan('*', 0).replace(/[^/]+$/, '*');
const resultsOf = (keys: Keys): string => `${keys.results('*')}/*`;

export function planPermissions(territory: Territory): PolicyStatement[] {
  const keys = keysOf(territory.target, territory.sync);
  const tables = territory.patterns;
  const staged = stagedOfSync(keys);
  const tablePlans = tablePlansOf(keys);
  const pointers = tables.flatMap((table) => [
    `${table}/current.json`,
    `${table}/metadata/version-hint.text`,
    ...territory.manifests.map((kind) => `${table}/${readerManifests[kind]}`),
  ]);
  // what the pointers are made of
  const known = tables.flatMap((table) => [
    `${table}/manifests/*`,
    `${table}/current.json`,
    `${table}/metadata/*`,
    ...territory.manifests.map((kind) => `${table}/${readerManifests[kind]}`),
  ]);
  return [
    onLedger(territory, itemsOfSync(territory), ['GetItem', 'PutItem', 'UpdateItem']),
    onObjects(territory, 'GetObject', [tablePlans, ...known]),
    onObjects(territory, 'PutObject', [tablePlans, keys.plan('*', '*'), ...pointers]),
    onObjects(territory, 'DeleteObject', [staged]),
    seeing(territory, [staged, tablePlans, ...known]),
    ...withBucketKey(territory),
    ...onGlueTables(territory, ['GetTable']),
    allow(['states:DescribeExecution'], [territory.executionsArn]),
    ...territory.source,
  ];
}

export function copyChunkPermissions(territory: Territory): PolicyStatement[] {
  const keys = keysOf(territory.target, territory.sync);
  const staged = stagedOfSync(keys);
  const tablePlans = tablePlansOf(keys);
  const data = territory.patterns.map((table) => `${table}/data/*`);
  return [
    // is the run still running?
    onLedger(territory, itemsOfSync(territory), ['GetItem']),
    onLedger(territory, logsOfSync(territory), ['GetItem', 'PutItem', 'Query']),
    onObjects(territory, 'GetObject', [tablePlans, staged, ...data]),
    onObjects(territory, 'PutObject', [staged, ...data]),
    onObjects(territory, 'DeleteObject', [staged]),
    seeing(territory, [tablePlans, staged, ...data]),
    ...withBucketKey(territory),
    ...territory.source,
  ];
}

export function publishPermissions(territory: Territory): PolicyStatement[] {
  const keys = keysOf(territory.target, territory.sync);
  const tables = territory.patterns;
  const staged = stagedOfSync(keys);
  const ofRuns = [tablePlansOf(keys), resultsOf(keys)];
  // data, manifests, metadata and the pointer: all that there is in a table's folder
  const ofTables = tables.map((table) => `${table}/*`);
  return [
    onLedger(territory, itemsOfSync(territory), ['GetItem', 'UpdateItem']),
    onLedger(territory, logsOfSync(territory), ['Query']),
    onObjects(territory, 'GetObject', [staged, ...ofRuns, ...ofTables]),
    onObjects(territory, 'PutObject', ofTables),
    onObjects(territory, 'DeleteObject', [
      staged,
      ...tables.flatMap((table) => [`${table}/data/*`, `${table}/metadata/*`]),
    ]),
    seeing(territory, [staged, ...ofRuns, ...ofTables]),
    ...withBucketKey(territory),
    ...onGlueTables(territory, ['GetTable', 'CreateTable', 'UpdateTable']),
    ...onGlueDatabase(territory),
  ];
}

/**
 * The state machine calls the functions, walks the plan, writes the children's results, and starts, watches, stops
 * and redrives its children. CDK cannot know the bucket, which the Map gets from its input.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
 */
export function stateMachinePermissions(
  territory: Territory,
  functionArns: readonly string[],
): PolicyStatement[] {
  const keys = keysOf(territory.target, territory.sync);
  const results = resultsOf(keys);
  return [
    allow(['lambda:InvokeFunction'], [...functionArns]),
    onObjects(territory, 'GetObject', [keys.plan('*', '*'), results]),
    allow(
      ['s3:PutObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'],
      [`${territory.bucketArn}/${results}`],
    ),
    ...withBucketKey(territory),
    allow(['states:StartExecution'], [territory.stateMachineArn]),
    allow(
      ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'],
      [territory.executionsArn, childrenOf(territory.executionsArn)],
    ),
  ];
}

/** Children of a Map Run are executions of `<state machine>/<label of the Map>`. */
const childrenOf = (executionsArn: string): string => executionsArn.replace(/:\*$/, '/*');

/** Lambda writes a function's log in its role's name. */
export const logPermissions = (logGroupArn: string): PolicyStatement =>
  allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroupArn]);

/**
 * Lambda connects a function to a VPC in its role's name. The functions' own code, which has the same role, is
 * denied these.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
export function vpcPermissions(functionArn: string): PolicyStatement[] {
  const actions = [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ];
  return [
    allow(actions, ['*']),
    new PolicyStatement({
      effect: Effect.DENY,
      actions,
      resources: ['*'],
      conditions: { ArnEquals: { 'lambda:SourceFunctionArn': functionArn } },
    }),
  ];
}
