import { Duration, RemovalPolicy, Token, Validations } from 'aws-cdk-lib';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Definition } from '../core/definition/options.ts';
import { TidemarkError } from '../core/errors.ts';
import { keysOf, parseTarget, type Target } from '../core/objects/keys.ts';

/**
 * The bucket of a sync: the app's, one that is made, or one that is there under the name in `target.url`.
 *
 * @throws TidemarkError DefinitionInvalid where the app's bucket or key is another than the definition's
 */
export function bucketOf(
  scope: Construct,
  definition: Definition,
  given: { readonly bucket?: IBucket; readonly bucketKey?: IKey; readonly accessLogs?: IBucket },
): IBucket {
  const { name, target, deploy } = definition;
  const parsed = parseTarget(target.url);
  const keyArn = bucketKeyOf(definition, given);
  if (given.bucket) {
    const { bucketName } = given.bucket;
    if (Token.isUnresolved(bucketName) || bucketName === parsed.bucket) return given.bucket;
    throw new TidemarkError(
      'DefinitionInvalid',
      `target.url: ${parsed.bucket} is the bucket there, but the app hands over ${bucketName}; allowed: the same one, as the functions go by target.url`,
    );
  }
  if (deploy.bucket === 'existing') return Bucket.fromBucketName(scope, 'Lake', parsed.bucket);
  return lakeBucket(scope, 'Lake', {
    sync: name,
    target: parsed,
    keyArn,
    versioned: deploy.versioned ?? false,
    ...(given.accessLogs && { accessLogs: given.accessLogs }),
  });
}

/**
 * The ARN of the KMS key of the bucket's objects: the app's, or the one that its bucket is known to have, else the
 * definition's; null: S3's own keys.
 *
 * @throws TidemarkError DefinitionInvalid where the app's key is another than the definition's
 */
export function bucketKeyOf(
  { deploy }: Definition,
  given: { readonly bucket?: IBucket; readonly bucketKey?: IKey },
): string | null {
  const keyArn = (given.bucketKey ?? given.bucket?.encryptionKey)?.keyArn;
  const written = deploy.bucket_key ?? null;
  if (keyArn === undefined) return written;
  if (written === null || written === keyArn || Token.isUnresolved(keyArn)) return keyArn;
  throw new TidemarkError(
    'DefinitionInvalid',
    `deploy.bucket_key: ${written} stands there, but the app’s bucket has the key ${keyArn}; allowed: the same one, or no deploy.bucket_key`,
  );
}

export type LakeBucketProps = {
  readonly sync: string;
  readonly target: Target;
  /** the ARN of the KMS key that objects are encrypted with; null: S3's own keys (SSE-S3) */
  readonly keyArn: string | null;
  readonly versioned: boolean;
  /** where S3 writes its access logs; none: they are off */
  readonly accessLogs?: IBucket;
};

/** A version that was overwritten or deleted is kept for so long, where versions are kept. */
const noncurrentDays = 30;

/** A run that began 60 days ago is not gone on with (core/plan/start-run.ts): nothing that this deletes is needed. */
const stagingDays = 90;

/**
 * The bucket of a sync's lake: private, encrypted, its owner owns every object, TLS only, kept when the stack goes.
 *
 * Its lifecycle takes away what nobody else does: uploads that were never completed (the state machine's results are
 * multipart), and, as a last resort, staging that no sweep has come by.
 */
export function lakeBucket(scope: Construct, id: string, props: LakeBucketProps): Bucket {
  const { keyArn, versioned } = props;
  const bucket = new Bucket(scope, id, {
    bucketName: props.target.bucket,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned,
    lifecycleRules: lifecycleRules(props),
    removalPolicy: RemovalPolicy.RETAIN,
    ...(keyArn === null
      ? { encryption: BucketEncryption.S3_MANAGED }
      : {
          encryption: BucketEncryption.KMS,
          encryptionKey: Key.fromKeyArn(scope, `${id}Key`, keyArn),
          // one request to KMS per bucket and minute or so, not one per object
          bucketKeyEnabled: true,
        }),
    ...(props.accessLogs && {
      serverAccessLogsBucket: props.accessLogs,
      serverAccessLogsPrefix: `${props.target.bucket}/`,
    }),
  });
  if (!props.accessLogs) {
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Access logs need a second bucket, which an account has one of, not each sync. Who read an object is in CloudTrail data events; those who want server access logs hand their bucket to the construct (accessLogs).',
    });
  }
  return bucket;
}

function lifecycleRules({ sync, target, versioned }: LakeBucketProps): LifecycleRule[] {
  return [
    { id: 'unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
    {
      id: 'staging-last-resort',
      prefix: keysOf(target, sync).stagingOfSync,
      expiration: Duration.days(stagingDays),
    },
    ...(versioned
      ? [
          {
            id: 'old-versions',
            noncurrentVersionExpiration: Duration.days(noncurrentDays),
            expiredObjectDeleteMarker: true,
          },
        ]
      : []),
  ];
}
