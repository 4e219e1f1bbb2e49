/** What a definition names by its ARN or zone, and where that lies. */
import { Annotations, Arn, ArnFormat, type Stack, Token } from 'aws-cdk-lib';
import type { Definition } from '../core/definition/options.ts';
import { isTopic } from '../core/definition/rules.ts';
import { TidemarkError } from '../core/errors.ts';
import { nameOf } from './deployable-file.ts';

type Stated = { readonly place: string; readonly value: string; readonly region: string };

/** What the app has of its own, whatever the definition says. */
type Given = { readonly vpc?: unknown; readonly sourceSecret?: unknown };

const partsOf = (arn: string) => Arn.split(arn, ArnFormat.NO_RESOURCE_NAME);

const atArn = (place: string, arn: string | undefined): Stated[] =>
  arn === undefined ? [] : [{ place, value: arn, region: partsOf(arn).region! }];

const topicsOf = ({ notify }: Definition['deploy']): Stated[] =>
  notify.flatMap((address, index) => (isTopic(address) ? atArn(`deploy.notify[${index}]`, address) : []));

/** `us-west-2a` and the local zone `us-west-2-lax-1a` are of `us-west-2`. */
const zonesOf = ({ vpc }: Definition['deploy']): Stated[] =>
  (vpc?.availability_zones ?? []).map((zone, index) => ({
    place: `deploy.vpc.availability_zones[${index}]`,
    value: zone,
    region: /^[a-z]+(?:-[a-z]+)+-\d/.exec(zone)![0],
  }));

/**
 * What lies in another region than its user cannot work: subnets, the bucket (which the state machine reads in its own
 * region only) and so its key, the topics of a rule and an alarm, which are of the same account besides. A secret may
 * lie elsewhere, but not without its key.
 *
 * @throws TidemarkError DefinitionInvalid, with every place
 */
export function refuseForeign(stack: Stack, definition: Definition, file: string, given: Given): void {
  const { deploy, source } = definition;
  const together = [
    ...atArn('deploy.bucket_key', deploy.bucket_key),
    ...(given.vpc ? [] : zonesOf(deploy)),
    ...topicsOf(deploy),
  ];
  const ofStack = Token.isUnresolved(stack.region)
    ? together[0]
    : { place: `the stack ${stack.stackName}`, region: stack.region };
  const [secret] = given.sourceSecret ? [] : atArn('source.secret', source.secret);
  const pairs = [
    ...together.map((each) => [each, ofStack!] as const),
    ...(secret ? atArn('source.secret_key', source.secret_key).map((key) => [key, secret] as const) : []),
  ];
  const problems = pairs
    .filter(([each, other]) => each.region !== other.region)
    .map(
      ([each, other]) =>
        `${nameOf(file)}: ${each.place}: ${each.value} is in ${each.region}, but ${other.place} is in ${other.region}; allowed: both in one region`,
    );
  if (!Token.isUnresolved(stack.account)) {
    for (const { place, value } of topicsOf(deploy)) {
      if (partsOf(value).account === stack.account) continue;
      problems.push(
        `${nameOf(file)}: ${place}: ${value} is in another account than the stack ${stack.stackName}, which is in ${stack.account}; allowed: topics of that account, as a rule publishes to its own account only`,
      );
    }
  }
  if (problems.length > 0) throw new TidemarkError('DefinitionInvalid', problems.join('\n'));
}

/** Nobody has it: AWS keeps it for its documentation, and this project does for its examples. */
const documentationAccount = '111122223333';

/** Warns of ARNs that were copied from an example: they can be synthesized, but nothing is there. */
export function warnOfExamples(stack: Stack, definition: Definition, file: string): void {
  const { deploy, source } = definition;
  const places = [
    ...atArn('source.secret', source.secret),
    ...atArn('source.secret_key', source.secret_key),
    ...atArn('deploy.bucket_key', deploy.bucket_key),
    ...topicsOf(deploy),
  ]
    .filter(({ value }) => partsOf(value).account === documentationAccount)
    .map(({ place }) => place);
  if (places.length === 0) return;
  Annotations.of(stack).addWarningV2(
    'tidemark:documentationAccount',
    `${nameOf(file)}: ${places.join(', ')}: the account ${documentationAccount} stands in examples only and is nobody’s. Before you deploy, write the ARNs of your own account there.`,
  );
}
