/**
 * What a deployed function logs in to the source with: the environment says, which the laptop leaves empty. Nothing
 * of the AWS SDK is loaded before a connection is wanted.
 */

import type { Credentials } from '../core/definition/deployed-source.ts';
import type { Definition } from '../core/definition/options.ts';
import { sourceUrl } from '../core/definition/source-url.ts';
import type { SourcePlace } from '../core/sources/open-source.ts';
import type { SourceAccess } from '../core/sources/source-access.ts';

type SourceCredentials<Address> = {
  secretAddress(arn: string, sourceUrl: string | undefined): Promise<Address>;
  iamAddress(sourceUrl: string): Promise<Address>;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** the ARN of the secret */
const secretVariable = 'TIDEMARK_SOURCE_SECRET';
/** the resource id of the instance, the cluster or the proxy */
const iamVariable = 'TIDEMARK_SOURCE_IAM';

export const credentialsIn = (environment: Environment): Credentials =>
  environment[secretVariable] ? 'secret' : environment[iamVariable] ? 'iam' : 'url';

/** What makes a user of the database one whom IAM lets in. */
const iamGrants: Readonly<Record<SourcePlace['type'], string>> = {
  postgres: 'the user needs GRANT rds_iam',
  mysql: 'the user has to be made with AWSAuthenticationPlugin',
};

const credentials = () => import('./source-credentials.ts');

/** @throws TidemarkError DefinitionInvalid where source.url is needed and not there */
export function sourceAccess(definition: Definition, environment: Environment): SourcePlace {
  const { type } = definition.source;
  switch (type) {
    case 'postgres': {
      const access = accessOf(definition, environment, async () => (await credentials()).postgresCredentials);
      return { type, url: access };
    }
    case 'mysql': {
      const access = accessOf(definition, environment, async () => (await credentials()).mysqlCredentials);
      return { type, url: access };
    }
  }
}

function accessOf<Address extends { readonly user: string }>(
  definition: Definition,
  environment: Environment,
  load: () => Promise<SourceCredentials<Address>>,
): string | SourceAccess<Address> {
  const secret = environment[secretVariable];
  if (secret) {
    const { url } = definition.source;
    return {
      address: async () => (await load()).secretAddress(secret, url),
      refusedPausesMs: [2_000, 10_000],
      refusedHint: () => `the password is that of the secret ${secret}`,
    };
  }
  const url = sourceUrl(definition);
  const resource = environment[iamVariable];
  if (!resource) return url;
  return {
    address: async () => (await load()).iamAddress(url),
    refusedPausesMs: [],
    refusedHint: ({ user }) => {
      const region = environment.AWS_REGION ?? '<region>';
      return `with IAM authentication the function’s role needs rds-db:connect on arn:aws:rds-db:${region}:<account>:dbuser:${resource}/${user}, ${iamGrants[definition.source.type]}, and the database has to allow IAM authentication`;
    },
  };
}
