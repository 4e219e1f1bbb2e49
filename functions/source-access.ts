/**
 * What a deployed function logs in to the source with: the environment says, which the laptop leaves empty. Nothing
 * of the AWS SDK is loaded before a connection is wanted.
 */

import type { Credentials } from '../core/definition/deployed-source.ts';
import type { Definition } from '../core/definition/options.ts';
import { sourceUrl } from '../core/definition/source-url.ts';
import type { Access } from '../core/sources/postgres/access.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** the ARN of the secret */
const secretVariable = 'TIDEMARK_SOURCE_SECRET';
/** the resource id of the instance, the cluster or the proxy */
const iamVariable = 'TIDEMARK_SOURCE_IAM';

export const credentialsIn = (environment: Environment): Credentials =>
  environment[secretVariable] ? 'secret' : environment[iamVariable] ? 'iam' : 'url';

const credentials = () => import('./source-credentials.ts');

/** @throws TidemarkError DefinitionInvalid where source.url is needed and not there */
export function sourceAccess(definition: Definition, environment: Environment): string | Access {
  const secret = environment[secretVariable];
  if (secret) {
    const { url } = definition.source;
    return {
      address: async () => (await credentials()).secretAddress(secret, url),
      refusedPausesMs: [2_000, 10_000],
      refusedHint: () => `the password is that of the secret ${secret}`,
    };
  }
  const url = sourceUrl(definition);
  const resource = environment[iamVariable];
  if (!resource) return url;
  return {
    address: async () => (await credentials()).iamAddress(url),
    refusedPausesMs: [],
    refusedHint: ({ user }) => {
      const region = environment.AWS_REGION ?? '<region>';
      return `with IAM authentication the function’s role needs rds-db:connect on arn:aws:rds-db:${region}:<account>:dbuser:${resource}/${user}, the user needs GRANT rds_iam, and the database has to allow IAM authentication`;
    },
  };
}
