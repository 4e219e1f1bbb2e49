import { Stack, Validations } from 'aws-cdk-lib';
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';

/** Why `Resource: "*"` stands in a role: these actions have no resource to name. */
export const withoutResource = {
  xray: 'xray:PutTraceSegments and xray:PutTelemetryRecords know no resources.',
  logDelivery:
    'The actions by which Step Functions has its log delivered (logs:CreateLogDelivery and the like) know no resources.',
  vpc: 'Lambda itself makes the network interfaces of a function in a VPC, and AWS checks these actions against * only. The function’s own code is denied them.',
} as const;

const reasons: readonly { readonly in: RegExp; readonly reason: string }[] = [
  {
    in: /:execution:/,
    reason:
      'An execution gets its name when it starts. The pattern holds those of this sync’s state machine only.',
  },
  {
    in: /:glue:/,
    reason:
      'The tables of a sync are found when a run begins, or more than fit into a role by their names. The pattern holds those of its database in the Glue Data Catalog only.',
  },
  {
    in: /\//,
    reason:
      'Keys hold the ids of runs, chunks and attempts, which are not known before a run. The pattern holds one folder of this sync only.',
  },
];

/**
 * Acknowledges every wildcard in a role's statements towards cdk-nag (AwsSolutions-IAM5), each with its reason. One
 * that nobody has thought of stays a finding.
 *
 * @param star why the role has `Resource: "*"`, in statements of its own or in those that CDK adds
 */
export function acknowledgeWildcards(
  role: Role,
  statements: readonly PolicyStatement[],
  star: readonly string[],
): void {
  const stack = Stack.of(role);
  const resources = new Set(
    statements.flatMap((statement) => statement.resources).map((arn) => flat(stack.resolve(arn))),
  );
  const known = [...resources]
    .filter((resource) => resource.includes('*') && resource !== '*')
    .flatMap((resource) => {
      const reason = reasons.find((each) => each.in.test(resource))?.reason;
      return reason === undefined ? [] : [{ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason }];
    });
  Validations.of(role).acknowledge(
    ...known,
    ...(star.length > 0 ? [{ id: 'AwsSolutions-IAM5[Resource::*]', reason: star.join(' ') }] : []),
  );
}

type Reference = string | { readonly [intrinsic: string]: unknown };

/** A resolved value as cdk-nag spells it: `arn:<AWS::Partition>:s3:::lake/*`. */
function flat(reference: Reference): string {
  if (typeof reference === 'string') return reference;
  const { Ref: name, 'Fn::GetAtt': attribute, 'Fn::Join': join } = reference;
  if (typeof name === 'string') return `<${name}>`;
  if (Array.isArray(attribute)) return `<${attribute.join('.')}>`;
  if (Array.isArray(join)) return (join[1] as Reference[]).map(flat).join(String(join[0]));
  return JSON.stringify(reference);
}
