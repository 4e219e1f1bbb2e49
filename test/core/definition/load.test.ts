import { describe, expect, test } from 'vitest';
import { loadDefinition } from '../../../core/definition/load.ts';
import { TidemarkError } from '../../../core/errors.ts';

const secret = 'geheim';
const password = `postgres://tide:${secret}@db.example/shop`;

const whole = (more = '') => `name: shop
source: { type: postgres, url: ${password} }
tables: [public.orders]
target: { url: s3://lake/shop }
${more}`;

const load = (text: string, environment: Record<string, string> = {}) =>
  loadDefinition(text, 'tidemark.yaml', environment);

function refusal(text: string, environment: Record<string, string> = {}): TidemarkError {
  try {
    load(text, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(TidemarkError);
    expect((error as Error).message).not.toContain(secret);
    return error as TidemarkError;
  }
  throw new Error('the definition was accepted');
}

const problems = (text: string, environment?: Record<string, string>): string[] =>
  refusal(text, environment).message.split('\n');

test('every option has its default', () => {
  expect(load(whole())).toEqual({
    name: 'shop',
    source: { type: 'postgres', url: password, statement_milliseconds: 200, statement_rows: 100_000 },
    // an option of a table may come from a pattern that matches it: see tableOptions
    tables: [{ name: 'public.orders' }],
    exclude: [],
    sources: {},
    target: {
      ...{ url: 's3://lake/shop', compression: 'auto', catalog: { type: 'ledger' } },
      ...{ keep: { snapshots: 2, days: 0 }, manifests: [] },
    },
    publish: 'each',
    part: { rows: 1_000_000, bytes: 64 * 1024 ** 2, seconds: 60 },
    chunk: { rows: 1_000_000 },
    concurrency: 4,
    retry: { kind: 'exponential', attempts: 12, interval_seconds: 2, max_interval_seconds: 60 },
    deploy: {
      bucket: 'existing',
      log_days: 30,
      memory_mebibytes: 1769,
      timeout_minutes: 15,
      notify: [],
    },
  });
});

test('every option can be set', () => {
  const text = `
name: shop-2
source: { type: postgres, url: "${password}", statement_milliseconds: 50, statement_rows: 10 }
tables:
  - orders
  - { name: public.events, key: id, as_text: [amount, "odd name"] }
target: { url: s3://lake/a/b, compression: snappy }
part: { rows: 5, bytes: 3 MiB, seconds: 2.5 }
chunk: { rows: 7 }
concurrency: 9
retry: { kind: fixed, attempts: 0, interval_seconds: 2, max_interval_seconds: 3 }
`;
  expect(load(text)).toMatchObject({
    tables: [{ name: 'orders' }, { name: 'public.events', key: ['id'], as_text: ['amount', 'odd name'] }],
    target: { url: 's3://lake/a/b', compression: 'snappy' },
    part: { rows: 5, bytes: 3 * 1024 ** 2, seconds: 2.5 },
    chunk: { rows: 7 },
    concurrency: 9,
    retry: { kind: 'fixed', attempts: 0, interval_seconds: 2, max_interval_seconds: 3 },
  });
});

const secretArn = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf';
const keyArn = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const [firstSubnet, otherSubnet] = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];

test('every option of a deployment can be set', () => {
  const text = whole(`
schedule: { expression: cron(0 3 * * ? *), time_zone: Europe/Berlin }
deploy:
  bucket: create
  bucket_key: ${keyArn}
  versioned: true
  log_days: 3653
  memory_mebibytes: 3008
  timeout_minutes: 5
  notify: [on-call@example.com, arn:aws:sns:eu-central-1:111122223333:on-call]
  alarm_after_hours: 30
  vpc:
    id: vpc-0123456789abcdef0
    availability_zones: [eu-central-1a, eu-central-1b]
    subnets: [${firstSubnet}, ${otherSubnet}]
    security_groups: [sg-0123456789abcdef0]
    route_tables: [rtb-0123456789abcdef0]
`).replace('url: postgres', `secret: "${secretArn}", secret_key: "${keyArn}", url: postgres`);
  expect(load(text)).toMatchObject({
    source: { url: password, secret: secretArn, secret_key: keyArn },
    schedule: { expression: 'cron(0 3 * * ? *)', time_zone: 'Europe/Berlin' },
    deploy: {
      bucket: 'create',
      bucket_key: keyArn,
      versioned: true,
      log_days: 3653,
      memory_mebibytes: 3008,
      timeout_minutes: 5,
      notify: ['on-call@example.com', 'arn:aws:sns:eu-central-1:111122223333:on-call'],
      alarm_after_hours: 30,
      vpc: {
        id: 'vpc-0123456789abcdef0',
        availability_zones: ['eu-central-1a', 'eu-central-1b'],
        subnets: [firstSubnet, otherSubnet],
        security_groups: ['sg-0123456789abcdef0'],
        route_tables: ['rtb-0123456789abcdef0'],
      },
    },
  });
});

test('a schedule may be written as its expression alone', () => {
  expect(load(whole('schedule: rate(15 minutes)')).schedule).toEqual({
    expression: 'rate(15 minutes)',
    time_zone: 'UTC',
  });
  expect(load(whole())).not.toHaveProperty('schedule');
});

describe('where the source is', () => {
  const source = (options: string) => whole().replace(/\{ type.*\}/, `{ type: postgres, ${options} }`);
  const iam = 'iam: db-ABCDEFGHIJKL01234';

  test('a URL, a secret, both, or a URL with IAM', () => {
    expect(load(source(`url: ${password}, ${iam}`)).source).toMatchObject({ iam: 'db-ABCDEFGHIJKL01234' });
    expect(load(source(`secret: "${secretArn}"`)).source).not.toHaveProperty('url');
  });

  test.for([
    ['statement_rows: 1', ':2: source: neither url nor secret stands there; allowed: url'],
    [iam, ':2: source.iam: stands there without source.url; allowed: with it'],
    [
      `url: ${password}, secret: "${secretArn}", ${iam}`,
      ':2: source.iam: stands beside source.secret; allowed',
    ],
    [`url: postgres://db/shop, ${iam}`, ':2: source.url: names no user, which source.iam needs; allowed'],
    [
      `url: ${password}, iam: shop`,
      ':2: source.iam: a text of another form stands there; allowed: the resource id',
    ],
    [
      `secret: shop`,
      ':2: source.secret: a text of another form stands there; allowed: the whole ARN of a secret',
    ],
    [
      `url: ${password}, secret_key: "${keyArn}"`,
      ':2: source.secret_key: stands there without source.secret',
    ],
  ] as const)('%s', ([options, message]) => {
    const found = problems(source(options));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`tidemark.yaml${message}`);
  });
});

describe('what AWS would refuse', () => {
  const vpc = (more: string) => `deploy: { vpc: { id: vpc-1a2b3c4d, subnets: [subnet-1a2b3c4d], ${more} } }`;
  const zones = 'availability_zones: [eu-central-1a]';

  test.for([
    [
      'schedule: rate(5 minute)',
      ':5: schedule.expression: rate(5 minute) is no rate; allowed: rate(5 minutes)',
    ],
    [
      'schedule: { expression: rate(1 day), time_zone: Bonn }',
      ':5: schedule.time_zone: "Bonn" is no time zone; allowed',
    ],
    [
      'schedule: { time_zone: UTC }',
      ':5: schedule.expression: nothing stands there; allowed is a text (`rate(15 minutes)`, or `cron(',
    ],
    ['schedule: 5', ':5: schedule: 5 stands there; allowed is a group of options'],
    ['deploy: { bucket: new }', ':5: deploy.bucket: "new" stands there; allowed: existing, create'],
    [
      'deploy: { bucket_key: alias/lake }',
      ':5: deploy.bucket_key: "alias/lake" stands there; allowed: the ARN of a KMS key',
    ],
    [
      'deploy: { versioned: true }',
      ':5: deploy.versioned: says how a bucket is made, but deploy.bucket is existing',
    ],
    [
      'deploy: { bucket: create, versioned: maybe }',
      ':5: deploy.versioned: "maybe" stands there; allowed is true or false',
    ],
    ['deploy: { log_days: 31 }', ':5: deploy.log_days: 31 stands there; allowed: 1, 3, 5, 7, 14, 30, 60'],
    [
      'deploy: { memory_mebibytes: 128 }',
      ':5: deploy.memory_mebibytes: 128 stands there; allowed: 512 or more',
    ],
    [
      'deploy: { memory_mebibytes: 10241 }',
      ':5: deploy.memory_mebibytes: 10241 stands there; allowed: at most 10240',
    ],
    ['deploy: { timeout_minutes: 16 }', ':5: deploy.timeout_minutes: 16 stands there; allowed: at most 15'],
    ['deploy: { notify: [me] }', ':5: deploy.notify[0]: "me" stands there; allowed: an e-mail address, or'],
    [
      'deploy: { notify: [a@b.de, a@b.de] }',
      ':5: deploy.notify[1]: "a@b.de" stands there; allowed: each one once',
    ],
    [
      'deploy: { alarm_after_hours: 169 }',
      ':5: deploy.alarm_after_hours: 169 stands there; allowed: at most 168',
    ],
    [
      'schedule: rate(1 day)\ndeploy: { alarm_after_hours: 24 }',
      ':6: deploy.alarm_after_hours: 24 stands there, but the schedule rests for up to 24 hours',
    ],
    [
      vpc(''),
      ':5: deploy.vpc.availability_zones: nothing stands there; allowed is a list (the zone of each subnet, in the same order: `eu-central-1a`)',
    ],
    [
      vpc(`${zones}, subnets: []`).replace('subnets: [subnet-1a2b3c4d], ', ''),
      ':5: deploy.vpc.subnets: a list stands there; allowed: at least 1',
    ],
    [
      vpc(`${zones}, id: 5`).replace('id: vpc-1a2b3c4d, ', ''),
      ':5: deploy.vpc.id: 5 stands there; allowed is a text',
    ],
    [
      vpc('availability_zones: [eu-central-1a, eu-central-1b]'),
      ':5: deploy.vpc.availability_zones: 2 stand there, but there are 1 subnets',
    ],
    [
      vpc(`${zones}, security_groups: [default]`),
      ':5: deploy.vpc.security_groups[0]: "default" stands there; allowed: the id of a security group',
    ],
    [
      vpc(`${zones}, security_groups: [${[1, 2, 3, 4, 5, 6].map((n) => `sg-1a2b3c4${n}`)}]`),
      ':5: deploy.vpc.security_groups: a list stands there; allowed: at most 5',
    ],
  ] as const)('%s', ([text, message]) => {
    const found = problems(whole(text));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`tidemark.yaml${message}`);
  });

  test('a bucket’s name; one that is made here has no dots', () => {
    const named = (bucket: string, more = '') => whole(more).replace('s3://lake', `s3://${bucket}`);
    expect(problems(named('my..lake'))[0]).toContain(
      ':4: target.url: "s3://my..lake/shop" stands there; allowed: a bucket’s name has no two dots',
    );
    expect(load(named('lake.example.com')).target.url).toBe('s3://lake.example.com/shop');
    expect(problems(named('lake.example.com', 'deploy: { bucket: create }'))[0]).toContain(
      ':4: target.url: a bucket that is made here has no dot in its name',
    );
    expect(problems(named('lake-an', 'deploy: { bucket: create }'))[0]).toContain(
      ':4: target.url: a bucket whose name ends in -an',
    );
    expect(load(named('lake-an')).target.url).toBe('s3://lake-an/shop');
  });

  test('more topics than a rule of EventBridge takes, where all mails are one', () => {
    const arns = Array.from({ length: 5 }, (_, n) => `"arn:aws:sns:eu-central-1:111122223333:t${n}"`);
    const notify = (...who: string[]) => whole(`deploy: { notify: [${who.join(', ')}] }`);
    expect(load(notify(...arns)).deploy.notify).toHaveLength(5);
    expect(load(notify(...arns.slice(1), 'a@example.com', 'b@example.com')).deploy.notify).toHaveLength(6);
    expect(problems(notify(...arns, 'a@example.com'))[0]).toContain(
      'deploy.notify: 6 topics (all mail addresses are one); allowed: up to 5',
    );
  });

  test('a target’s prefix, with its place and what is allowed', () => {
    expect(problems(whole().replace('lake/shop', 'lake/shop*'))).toEqual([
      'tidemark.yaml:4: target.url: "s3://lake/shop*" stands there; allowed: s3://bucket/prefix, whose prefix is of letters, digits and ! _ . - \' ( ) between single slashes, with no . or .. alone between them',
    ]);
    const prefix = whole().replace('s3://lake/shop', '"s3://lake/${PREFIX}"');
    expect(load(prefix, { PREFIX: 'a/b/' }).target.url).toBe('s3://lake/a/b/');
    expect(problems(prefix, { PREFIX: '../b' })[0]).toContain(
      ':4: target.url: "s3://lake/${PREFIX}" stands there',
    );
  });

  test('is looked at when references have their values', () => {
    const text = whole('schedule: "${WHEN}"\ndeploy: { notify: ["${WHO}"], alarm_after_hours: 1 }');
    expect(loadDefinition(text, 'tidemark.yaml', null).schedule?.expression).toBe('${WHEN}');
    expect(load(text, { WHEN: 'rate(5 minutes)', WHO: 'a@b.de' }).deploy.notify).toEqual(['a@b.de']);
    expect(problems(text, { WHEN: 'rate(5 minute)', WHO: 'me' })).toEqual([
      expect.stringContaining(':5: schedule.expression: rate(5 minute) is no rate'),
      expect.stringContaining(':6: deploy.notify[0]: "${WHO}" stands there; allowed: an e-mail address'),
    ]);
  });
});

test.for([
  ['1', 1],
  ['17B', 17],
  ['2KiB', 2048],
  ['64MiB', 64 * 1024 ** 2],
  ['1 GiB', 1024 ** 3],
] as const)('part.bytes: %s', ([text, bytes]) => {
  expect(load(whole(`part: { bytes: ${text} }`)).part.bytes).toBe(bytes);
});

describe('a mistake is named with its line, its path, what stood there and what is allowed', () => {
  test.for([
    ['tabels: [x]', ':5: tabels: unknown option "tabels"; did you mean tables? known here: name, source'],
    ['quux:\n  - 1', ':5: quux: unknown option "quux"; known here: name, source'],
    ['part:\n  rows: 1\n  sekonds: 2', ':7: part.sekonds: unknown option "sekonds"; did you mean seconds?'],
    ['part: { rows: 1.5 }', ':5: part.rows: 1.5 stands there; allowed is a whole number'],
    ['part: { rows: 0 }', ':5: part.rows: 0 stands there; allowed: 1 or more'],
    ['part: { rows: many }', ':5: part.rows: "many" stands there; allowed is a number'],
    ['part: { bytes: 0 }', ':5: part.bytes: 0 stands there; allowed: more than 0'],
    ['part: { bytes: 3 MB }', ':5: part.bytes: "3 MB" stands there; allowed: a number of bytes, with or'],
    ['part: { bytes: 2GiB }', ':5: part.bytes: "2GiB" stands there; allowed: at most 1GiB'],
    ['part:', ':5: part: an empty value stands there; allowed is a group of options'],
    ['chunk: [1]', ':5: chunk: a list stands there; allowed is a group of options'],
    ['concurrency: 1001', ':5: concurrency: 1001 stands there; allowed: at most 1000'],
    ['concurrency: {}', ':5: concurrency: a group of options stands there; allowed is a number'],
    [
      'retry: { kind: exponentail }',
      ':5: retry.kind: "exponentail" stands there; allowed: exponential, fixed, none; did you mean exponential?',
    ],
  ] as const)('%s', ([text, message]) => {
    const found = problems(whole(text));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`tidemark.yaml${message}`);
  });

  test('what is missing', () => {
    expect(problems('name: shop')).toEqual([
      'tidemark.yaml: source: nothing stands there; allowed is a group of options (where rows come from)',
      'tidemark.yaml: tables: nothing stands there; allowed is a list (the tables to copy: names or patterns, or these with options)',
      'tidemark.yaml: target: nothing stands there; allowed is a group of options (the data lake)',
    ]);
    expect(problems(whole().replace('type: postgres, ', '').replace('public.orders', '{ key: id }'))).toEqual(
      [
        'tidemark.yaml:2: source.type: nothing stands there; allowed: postgres, mysql (the kind of database: PostgreSQL; MySQL or MariaDB)',
        'tidemark.yaml:3: tables[0].name: nothing stands there; allowed is a text (schema.table, as the database spells it (upper and lower case count))',
      ],
    );
  });

  test('several at once, each on its line', () => {
    const found = problems(`name: Shop!
source:
  type: oracle
  url: ${password}
tables: []
target:
  url: lake/shop
chunk: { rows: -1, row: 5 }
`);
    expect(found.map((line) => line.split('; ')[0])).toEqual([
      'tidemark.yaml:1: name: "Shop!" stands there',
      'tidemark.yaml:3: source.type: "oracle" stands there',
      'tidemark.yaml:5: tables: a list stands there',
      'tidemark.yaml:7: target.url: "lake/shop" stands there',
      'tidemark.yaml:8: chunk.rows: -1 stands there',
      'tidemark.yaml:8: chunk.row: unknown option "row"',
    ]);
  });

  test('tables: names that are none, and names that stand there twice', () => {
    const text = whole().replace('[public.orders]', '[a.b.c, orders, { name: public.orders }, "x"]');
    expect(problems(text)).toEqual([
      expect.stringContaining(':3: tables[0].name: "a.b.c" is no table’s name; allowed: table, schema.table'),
      expect.stringContaining(':3: tables[2]: "public.orders" stands already at tables[1]; allowed: each'),
    ]);
  });
});

describe('what is not a definition at all', () => {
  test.for([
    ['', 'holds no options; allowed at the top: name, source'],
    ['- a', 'holds no options'],
    ['a: b: c', ':1:4: this is not YAML'],
    ['---\na: 1\n---\nb: 1', ':3:1: this is not YAML'],
    [whole('name: again'), ':5:1: this is not YAML: Map keys must be unique'],
    [whole('x: *nowhere'), 'Unresolved alias'],
    [
      `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 8 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`)}]\n`).join('')}`,
      'Excessive alias count',
    ],
  ] as const)('%s', ([text, message]) => {
    const error = refusal(text);
    expect(error.code).toBe('DefinitionInvalid');
    expect(error.message).toContain(message);
  });
});

describe('secrets are never shown', () => {
  const environment = { URL: password, DSN: `host=db password=${secret}`, NAME: `a.b.${secret}` };

  test.for([
    ['the address where a group belongs', whole().replace(/\{ type.*\}/, password)],
    ['keywords where a group belongs', whole().replace(/\{ type.*\}/, `host=db password=${secret}`)],
    ['the address as the type', whole().replace('type: postgres', `type: "${password}"`)],
    ['another database’s address', whole().replace('postgres:/', 'mysql:/')],
    ['keywords as the address', whole().replace(password, `"host=db password=${secret}"`)],
    ['under a misspelt option', whole().replace('url: postgres', 'uri: postgres')],
    ['as an option’s name', whole(`"${password}": 1`)],
    ['the address as the target', whole().replace('s3://lake/shop', password)],
    ['a key in the target', whole().replace('s3://lake', `s3://key:${secret}@lake`)],
    [
      'the address as a table',
      whole().replace('[public.orders]', `[orders, { name: 5, key: "${password}" }]`),
    ],
    ['from the environment', whole().replace(password, '"${DSN}"')],
    ['from the environment, in a table’s name', whole().replace('public.orders', '"${NAME}"')],
    ['in what is not quite a reference', whole().replace(password, `"postgres://a:\${${secret}!}@h/db"`)],
  ] as const)('%s', ([, text]) => {
    expect(problems(text, environment).length).toBeGreaterThan(0);
  });
});

describe('references', () => {
  test('are replaced by the environment’s values, which are then checked', () => {
    const text = whole()
      .replace(password, '"postgres://${USER}:${PASS}@h/db"')
      .replace('s3://lake/shop', '"s3://lake/${STAGE}"');
    const definition = load(text, { USER: 'u', PASS: secret, STAGE: 'test' });
    expect(definition.source.url).toBe(`postgres://u:${secret}@h/db`);
    expect(definition.target.url).toBe('s3://lake/test');
    expect(problems(text, { USER: 'u', PASS: secret, STAGE: 'a b' })[0]).toBe(
      'tidemark.yaml:4: target.url: "s3://lake/${STAGE}" stands there; allowed: s3://bucket/prefix, whose prefix is of letters, digits and ! _ . - \' ( ) between single slashes, with no . or .. alone between them',
    );
  });

  test('a variable that is not set, or empty, is named', () => {
    const text = whole().replace(password, '"${DATABASE_URL}"');
    const missing = refusal(text);
    expect(missing.code).toBe('EnvironmentMissing');
    expect(missing.message).toBe(
      'tidemark.yaml: source.url: the definition asks for $DATABASE_URL, which is not set in the environment',
    );
    expect(refusal(text, { DATABASE_URL: '' }).message).toContain('which is empty in the environment');
  });

  test('stand as they are for those who ask for no environment', () => {
    const text = whole().replace(password, '"${DATABASE_URL}"').replace('s3://lake/shop', '"${LAKE}"');
    const { source, target } = loadDefinition(text, 'tidemark.yaml', null);
    expect([source.url, target.url]).toEqual(['${DATABASE_URL}', '${LAKE}']);
  });

  test('make no numbers of texts', () => {
    expect(problems(whole('concurrency: ${N}'), { N: '5' })).toEqual([
      'tidemark.yaml:5: concurrency: "${N}" stands there; allowed is a number',
    ]);
  });
});
