/**
 * Names that AWS gives or takes, and the forms that it accepts: what it would refuse at deployment is refused when
 * the definition is loaded. A name that holds a `${NAME}` is looked at when that has its value.
 */
import { z } from 'zod';

const partition = 'aws(?:-[a-z]+)*';
const region = '[a-z]{2,}(?:-[a-z]+)+-\\d';
const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const resourceNumber = '[0-9a-f]{8}(?:[0-9a-f]{9})?';

/**
 * A text in which, once its references are replaced, `problemOf` finds nothing wrong.
 * @param whole whether `problemOf` says everything, rather than just what is allowed
 */
export const checkedText = (problemOf: (text: string) => string | null, whole = false) =>
  z.string().superRefine((text, context) => {
    const message = text.includes('${') ? null : problemOf(text);
    if (message !== null) context.addIssue({ code: 'custom', message, params: { whole } });
  });

const ofForm = (form: string, allowed: string) => {
  const pattern = new RegExp(`^(?:${form})$`);
  return checkedText((text) => (pattern.test(text) ? null : allowed));
};

/** With the six characters that Secrets Manager appends to the name: a role is given just this secret. */
export const secretArn = ofForm(
  `arn:${partition}:secretsmanager:${region}:\\d{12}:secret:[\\w/+=.@!-]{1,512}-[A-Za-z0-9]{6}`,
  'the whole ARN of a secret, with the six characters at its end: arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf',
);

export const keyArn = ofForm(
  `arn:${partition}:kms:${region}:\\d{12}:key/(?:${uuid}|mrk-[0-9a-f]{32})`,
  'the ARN of a KMS key (no alias): arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
);

export const databaseResourceId = ofForm(
  '(?:db|cluster)-[A-Z0-9]{10,60}|prx-[0-9A-Za-z]{10,60}',
  'the resource id of an instance (db-…), a cluster (cluster-…) or a proxy (prx-…), as `aws rds describe-db-instances` shows it under DbiResourceId: db-ABCDEFGHIJKL01234; neither its name nor its ARN',
);

const topic = new RegExp(`^arn:${partition}:sns:${region}:\\d{12}:[\\w-]{1,256}$`);
const mailAddress = /^[^\s@:<>,;"]{1,64}@(?=.{1,255}$)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/;

export const isTopicArn = (text: string): boolean => topic.test(text);

export const mailOrTopic = checkedText((text) =>
  topic.test(text) || mailAddress.test(text)
    ? null
    : 'an e-mail address, or the ARN of a standard SNS topic: arn:aws:sns:eu-central-1:111122223333:on-call',
);

export const vpcId = ofForm(`vpc-${resourceNumber}`, 'the id of a VPC: vpc-0123456789abcdef0');
export const subnetId = ofForm(`subnet-${resourceNumber}`, 'the id of a subnet: subnet-0123456789abcdef0');
export const securityGroupId = ofForm(
  `sg-${resourceNumber}`,
  'the id of a security group: sg-0123456789abcdef0',
);
export const routeTableId = ofForm(`rtb-${resourceNumber}`, 'the id of a route table: rtb-0123456789abcdef0');
export const availabilityZone = ofForm(
  `${region}(?:[a-z]|-[a-z]+-\\d[a-z])`,
  'the name of an availability zone: eu-central-1a',
);

/** Which rule of S3 for the names of general purpose buckets this one breaks; null: none. */
export function bucketNameProblem(name: string): string | null {
  if (name.length < 3 || name.length > 63) return 'a bucket’s name has 3 to 63 characters';
  if (!/^[a-z0-9.-]+$/.test(name)) return 'a bucket’s name has lower-case letters, digits, dots and hyphens';
  if (!/^[a-z0-9].*[a-z0-9]$/.test(name)) return 'a bucket’s name begins and ends with a letter or a digit';
  if (name.includes('..')) return 'a bucket’s name has no two dots side by side';
  if (/\.-|-\./.test(name)) return 'a bucket’s name has no dot beside a hyphen';
  if (/^\d+(?:\.\d+){3}$/.test(name)) return 'a bucket’s name does not look like an IP address';
  const prefix = ['xn--', 'sthree-', 'amzn-s3-demo-'].find((reserved) => name.startsWith(reserved));
  if (prefix) return `a bucket’s name does not begin with ${prefix}, which S3 keeps for itself`;
  const suffix = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'].find((reserved) =>
    name.endsWith(reserved),
  );
  if (suffix) return `a bucket’s name does not end with ${suffix}, which S3 keeps for itself`;
  return null;
}

const targetForm = /^s3:\/\/([^/]+)(?:\/(.*))?$/s;

/** Of `s3://bucket/prefix`; null where it is no such text. */
export const bucketOf = (url: string): string | null => targetForm.exec(url)?.[1] ?? null;

/**
 * What is wrong with the prefix; null: nothing. It stands in the resources of IAM policies, where `*` would match other
 * prefixes, and in URLs and paths, where empty segments, `.` and `..` do not stay what they are.
 */
function prefixProblem(prefix: string): string | null {
  const segments = prefix.replace(/\/$/, '').split('/');
  const isRight = (segment: string) => /^[A-Za-z0-9!_.'()-]+$/.test(segment) && !/^\.\.?$/.test(segment);
  if (prefix === '' || segments.every(isRight)) return null;
  return "s3://bucket/prefix, whose prefix is of letters, digits and ! _ . - ' ( ) between single slashes, with no . or .. alone between them";
}

export const targetUrl = checkedText((text) => {
  const [, bucket, prefix = ''] = targetForm.exec(text) ?? [];
  if (bucket === undefined) return 's3://bucket/prefix';
  return bucketNameProblem(bucket) ?? prefixProblem(prefix);
});
