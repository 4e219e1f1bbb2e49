/** What `npm run test:deployed` needs of its user's environment. */

export const sync = 'deployed-test';
export const watchStackName = `tidemark-${sync}-watch`;
export const topicName = `tidemark-${sync}-notices`;

export type Settings = {
  readonly region: string;
  /** a database that this machine and the functions reach, as a user who may make a schema */
  readonly sourceUrl: string;
  /** the ARN of a secret with the same address, for the functions */
  readonly sourceSecret: string;
  /** one that is there */
  readonly bucket: string;
  /** `deploy.vpc` of the definition; null: the database is reached without one */
  readonly vpc: object | null;
};

const needed = {
  AWS_REGION: 'the region to deploy to; credentials come from the environment or $AWS_PROFILE as usual',
  DEPLOYED_SOURCE_URL:
    'postgres://… of a database that this machine and Lambda functions reach, as a user who may make a schema',
  DEPLOYED_SOURCE_SECRET: 'the ARN of a secret in Secrets Manager that holds that same URL',
  DEPLOYED_BUCKET: 'the name of a bucket that is there',
} as const;

/** @throws Error that names everything that is missing, and what it is for */
export function settingsFrom(environment: Readonly<Record<string, string | undefined>>): Settings {
  const missing = Object.entries(needed).filter(([name]) => !environment[name]);
  if (missing.length > 0) {
    const lines = missing.map(([name, what]) => `  $${name}: ${what}`);
    throw new Error(
      `test:deployed deploys to an AWS account, and lacks:\n${lines.join('\n')}\nOptional: $DEPLOYED_VPC, the definition’s deploy.vpc as JSON`,
    );
  }
  return {
    region: environment.AWS_REGION!,
    sourceUrl: environment.DEPLOYED_SOURCE_URL!,
    sourceSecret: environment.DEPLOYED_SOURCE_SECRET!,
    bucket: environment.DEPLOYED_BUCKET!,
    vpc: vpcFrom(environment.DEPLOYED_VPC),
  };
}

function vpcFrom(text: string | undefined): object | null {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error('$DEPLOYED_VPC is no JSON', { cause });
  }
}
