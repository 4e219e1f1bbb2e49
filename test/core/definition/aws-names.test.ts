import { describe, expect, test } from 'vitest';
import {
  availabilityZone,
  bucketNameProblem,
  databaseResourceId,
  keyArn,
  mailOrTopic,
  routeTableId,
  secretArn,
  securityGroupId,
  subnetId,
  targetUrl,
  vpcId,
} from '../../../core/definition/aws-names.ts';

describe('names of buckets', () => {
  test.for(['abc', 'lake', 'my-lake.eu', '0lake0', 'a'.repeat(63), '192.168.5.4.5', 'lake-s3', 'xn-lake'])(
    '%s',
    (name) => {
      expect(bucketNameProblem(name)).toBeNull();
    },
  );
  test.for([
    ['ab', '3 to 63'],
    ['a'.repeat(64), '3 to 63'],
    ['My-lake', 'lower-case'],
    ['my_lake', 'lower-case'],
    ['größe', 'lower-case'],
    ['-lake', 'begins and ends'],
    ['lake-', 'begins and ends'],
    ['.lake', 'begins and ends'],
    ['my..lake', 'two dots'],
    ['my.-lake', 'no dot beside a hyphen'],
    ['my-.lake', 'no dot beside a hyphen'],
    ['192.168.5.4', 'IP address'],
    ['xn--lake', 'xn--'],
    ['sthree-lake', 'sthree-'],
    ['sthree-configurator', 'sthree-'],
    ['amzn-s3-demo-lake', 'amzn-s3-demo-'],
    ['lake-s3alias', '-s3alias'],
    ['lake--ol-s3', '--ol-s3'],
    ['lake.mrap', '.mrap'],
    ['lake--x-s3', '--x-s3'],
    ['lake--table-s3', '--table-s3'],
  ] as const)('%s: %s', ([name, rule]) => {
    expect(bucketNameProblem(name)).toContain(rule);
    expect(targetUrl.safeParse(`s3://${name}/shop`).success).toBe(false);
  });
});

describe('a target’s prefix', () => {
  test.for(['', '/', '/shop', '/shop/', '/a/b.c/..d/e-f_g!', "/o'clock/(1)", '/${ANY}'])('%s', (prefix) => {
    expect(targetUrl.safeParse(`s3://lake${prefix}`).success).toBe(true);
  });
  test.for([
    '//',
    '//shop',
    '/a//b',
    '/a//',
    '/.',
    '/a/./b',
    '/../shop',
    '/a/..',
    '/a/../',
    '/shop*',
    '/*',
    '/a b',
    '/größe',
    '/a\n',
  ])('not %s', (prefix) => {
    const { error } = targetUrl.safeParse(`s3://lake${prefix}`);
    expect(error?.issues[0]?.message).toMatch(
      /^s3:\/\/bucket\/prefix, whose prefix is of letters, digits and ! _/,
    );
  });
});

const uuid = '1234abcd-12ab-34cd-56ef-1234567890ab';

describe.for([
  [
    'secret',
    secretArn,
    [
      'arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/shop-AbCdEf',
      'arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:rds!db-0a1b2c-x1y2z3',
      'arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:a_b+c=d.e@f-123456',
      'arn:${PARTITION}:secretsmanager:nowhere',
    ],
    [
      'prod/shop',
      'arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/shop',
      'arn:aws:secretsmanager:eu-central-1:1111:secret:shop-AbCdEf',
      'arn:aws:secretsmanager::111122223333:secret:shop-AbCdEf',
      'arn:aws:ssm:eu-central-1:111122223333:secret:shop-AbCdEf',
      'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-*',
      'postgres://u:p@h/d',
    ],
  ],
  [
    'key',
    keyArn,
    [
      `arn:aws:kms:eu-central-1:111122223333:key/${uuid}`,
      `arn:aws:kms:us-east-1:111122223333:key/mrk-${'a1'.repeat(16)}`,
    ],
    [uuid, 'alias/lake', 'arn:aws:kms:eu-central-1:111122223333:alias/lake', `${uuid} `],
  ],
  [
    'database',
    databaseResourceId,
    [
      'db-ABCDEFGHIJKL01234',
      'db-12ABC34DEFG5HIJ6KLMNOP78QR',
      'cluster-ABCDEFGHIJKL01234',
      'prx-0123456789abcdef0',
    ],
    [
      'production',
      'db-production',
      'cluster-1',
      'arn:aws:rds:eu-central-1:111122223333:db:shop',
      'db-ABCDEFGHIJKL01234/tide',
    ],
  ],
  [
    'notice',
    mailOrTopic,
    ['on-call@example.com', 'a.b+c@mail.example.co.uk', 'arn:aws:sns:eu-central-1:111122223333:on-call'],
    [
      'on-call',
      'a@b',
      'a b@example.com',
      'A <a@example.com>',
      'a@example.com,b@example.com',
      'arn:aws:sns:eu-central-1:111122223333:on-call.fifo',
      'arn:aws:sqs:eu-central-1:111122223333:on-call',
      'https://hooks.example.com/x',
    ],
  ],
  [
    'vpc',
    vpcId,
    ['vpc-0123456789abcdef0', 'vpc-1a2b3c4d'],
    ['vpc-1', 'vpc-0123456789ABCDEF0', 'subnet-1a2b3c4d'],
  ],
  ['subnet', subnetId, ['subnet-0123456789abcdef0'], ['vpc-0123456789abcdef0', 'subnet-012345678']],
  ['group', securityGroupId, ['sg-0123456789abcdef0'], ['default', 'sg-']],
  ['route table', routeTableId, ['rtb-0123456789abcdef0'], ['rtb-main']],
  [
    'zone',
    availabilityZone,
    ['eu-central-1a', 'us-gov-west-1b', 'us-west-2-lax-1a'],
    ['eu-central-1', 'euc1-az1', 'a'],
  ],
] as const)('%s', ([, schema, good, bad]) => {
  test.for([...good])('%s', (text) => {
    expect(schema.safeParse(text).success).toBe(true);
  });
  test.for([...bad])('not %s', (text) => {
    expect(schema.safeParse(text).success).toBe(false);
  });
});
