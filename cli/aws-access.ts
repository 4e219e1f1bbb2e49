/** The way to AWS from this machine: region, credentials, network; and what is said where one of them is missing. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { TidemarkError } from '../core/errors.ts';

const serviceNames = { dynamodb: 'DynamoDB', s3: 'S3', states: 'Step Functions' } as const;

/** As its actions begin: `states:StartExecution`. */
export type AwsService = keyof typeof serviceNames;

/** What is asked here of any client of the SDK. */
type Client = {
  readonly config: {
    region(): Promise<string>;
    credentials(): Promise<{ accountId?: string | undefined }>;
  };
};

/** An error's message as the end of a sentence; one of the network that has none is told by its code. */
export function said(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const text = error.message || networkCode(error);
  return text ? `: ${text}` : '';
}

const contentOf = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Whether $AWS_PROFILE names a profile that neither of the files has: the SDK does not say so. */
function profileIsMissing(): boolean {
  const { AWS_PROFILE: profile, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE } = process.env;
  if (!profile) return false;
  const folder = join(homedir(), '.aws');
  const files = [
    AWS_CONFIG_FILE || join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE || join(folder, 'credentials'),
  ];
  const sections = files.flatMap((file) =>
    [...contentOf(file).matchAll(/^\s*\[\s*(?:profile\s+)?(.+?)\s*\]/gm)].map(([, name]) =>
      name!.replaceAll(/^["']|["']$/g, ''),
    ),
  );
  return !sections.includes(profile);
}

/** @param at where profiles are looked for */
const profileWords = (at: string): string =>
  `the profile ${process.env.AWS_PROFILE || 'default'} of ${at}${profileIsMissing() ? ', which $AWS_PROFILE names and which does not exist' : ''}`;

const missingProfileStep = 'Mend $AWS_PROFILE, or make the profile (`aws configure --profile …`).';

/**
 * @param environment whose $AWS_REGION or $AWS_DEFAULT_REGION the client was made with
 * @throws TidemarkError EnvironmentMissing, UsageWrong where what is set is no region
 */
export async function regionOf(
  client: Client,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  try {
    return await client.config.region();
  } catch (cause) {
    const set = ['AWS_REGION', 'AWS_DEFAULT_REGION'].find((name) => environment[name]);
    // of the profile's region only the SDK knows
    const found = set
      ? `$${set} is “${environment[set]}”`
      : isRefusedRegion(cause) && `${profileWords('~/.aws/config')}${said(cause)}`;
    if (found) {
      throw new TidemarkError(
        'UsageWrong',
        `no AWS region: ${found}; allowed: a region’s name, as eu-central-1`,
        {
          cause,
          next: 'Set $AWS_REGION to the region that the sync is deployed in.',
        },
      );
    }
    throw new TidemarkError(
      'EnvironmentMissing',
      `no AWS region: not in $AWS_REGION, not in $AWS_DEFAULT_REGION, not in ${profileWords('~/.aws/config')}`,
      {
        cause,
        next: profileIsMissing()
          ? `${missingProfileStep} Or set $AWS_REGION.`
          : 'Set $AWS_REGION to the region that the sync is deployed in, or $AWS_PROFILE to a profile that names it.',
      },
    );
  }
}

const isRefusedRegion = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('Region not accepted');

/** The variable that leads to a service, as the SDK looks for it: the service's own before the one of all. */
function endpointVariable(service: AwsService): string | undefined {
  const own = `AWS_ENDPOINT_URL_${service === 'states' ? 'SFN' : service.toUpperCase()}`;
  return [own, 'AWS_ENDPOINT_URL'].find((name) => process.env[name]);
}

/**
 * Without a scheme (`localhost:4566`) the SDK's own errors say nothing of an endpoint.
 * @throws TidemarkError UsageWrong
 */
export function checkEndpoints(): void {
  for (const service of Object.keys(serviceNames) as AwsService[]) {
    const variable = endpointVariable(service);
    const found = variable && process.env[variable];
    if (!found || /^https?:$/.test((URL.canParse(found) && new URL(found).protocol) || '')) continue;
    throw new TidemarkError(
      'UsageWrong',
      `the endpoint of ${serviceNames[service]}: $${variable} is “${found}”; allowed: a URL with http:// or https://, as http://localhost:4566`,
      { next: `Mend $${variable}, or unset it to use AWS itself.` },
    );
  }
}

/** @throws TidemarkError CloudDenied, with the SDK's own words: an expired session says how to renew it */
export async function credentialsOf(client: Client): Promise<{ accountId?: string | undefined }> {
  try {
    return await client.config.credentials();
  } catch (cause) {
    throw new TidemarkError(
      'CloudDenied',
      `no AWS credentials: not in the environment ($AWS_ACCESS_KEY_ID …), not from ${profileWords('~/.aws')}, nor from a role of this machine${said(cause)}`,
      profileIsMissing() ? { cause, next: missingProfileStep } : { cause },
    );
  }
}

const unreachable = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
]);

function networkCode(error: Error): string | null {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && unreachable.has(code)) return code;
  return error.cause instanceof Error ? networkCode(error.cause) : null;
}

/** What to do where nobody answered at all: a mistyped region or endpoint looks like that. Null: somebody did. */
export const unreachableStep = (error: unknown, region: string): string | null =>
  error instanceof Error && networkCode(error) !== null
    ? `Is the region right (${region}: $AWS_REGION, or the profile’s), and $AWS_ENDPOINT_URL, if it is set? If they are, look at this machine’s network, then try again. An execution that is under way goes on.`
    : null;

/** What an SDK's error tells of the HTTP answer behind it. */
type Answered = {
  readonly $response?: {
    readonly statusCode?: number;
    readonly headers?: Readonly<Record<string, string>>;
  };
};

/** AWS, and what speaks like it, numbers its answers. */
const isNumbered = ({ headers = {} }: NonNullable<Answered['$response']>): boolean =>
  Boolean(headers['x-amzn-requestid'] || headers['x-amz-request-id']);

const isPage = (response: NonNullable<Answered['$response']>): boolean =>
  /^text\/(html|plain)\b/i.test(response.headers?.['content-type'] ?? '') && !isNumbered(response);

type Stack = {
  add(
    middleware: (
      next: (args: never) => Promise<{ response: unknown }>,
    ) => (args: never) => Promise<{ response: unknown }>,
    options: { step: 'deserialize'; priority: 'low'; name: string },
  ): void;
};

/** A proxy's page is not to be taken for an object, or its 404 for the absence of one: the SDK would. */
export function refusePages(client: { readonly middlewareStack: object }): void {
  (client.middlewareStack as Stack).add(
    (next) => async (args) => {
      const answer = await next(args);
      const response = answer.response as NonNullable<Answered['$response']> & {
        readonly body?: { destroy?(): void };
      };
      if (!isPage(response)) return answer;
      // nobody reads it, and its connection is to be free again
      response.body?.destroy?.();
      const error = new Error('an answer of another kind');
      throw Object.assign(error, {
        name: 'NotOfAws',
        $response: response,
        // by which the SDK tells what to try again: 502, 503, 504
        $metadata: { httpStatusCode: response.statusCode },
      });
    },
    { step: 'deserialize', priority: 'low', name: 'refusePages' },
  );
}

/** Where something answered that is not the service (a proxy, a captive portal): what is said, and done. Null: it was. */
export function strangerWords(error: unknown, service: AwsService): { what: string; next: string } | null {
  if (!(error instanceof Error)) return null;
  const { $response } = error as Answered;
  const isUnread = error.name === 'SyntaxError' || error.message.includes('Deserialization error');
  if (!$response || isNumbered($response) || !(error.name === 'NotOfAws' || isUnread)) return null;
  const { statusCode, headers = {} } = $response;
  const type = headers['content-type'];
  const variable = endpointVariable(service);
  return {
    what: `what answered is not ${serviceNames[service]} (HTTP status ${statusCode ?? 'unknown'}${type ? `, ${type}` : ''})`,
    next: variable
      ? `Does $${variable} (${new URL(process.env[variable]!).origin}) lead to ${serviceNames[service]}? If it does, look for a proxy or a sign-in page between, then try again.`
      : `Look for a proxy or a sign-in page between this machine and AWS, and for an endpoint_url in the profile, then try again.`,
  };
}
