/** The way to AWS from this machine: region, credentials, network; and what is said where one of them is missing. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { TidemarkError } from '../core/errors.ts';

/** What is asked here of any client of the SDK. */
type Client = {
  readonly config: {
    region(): Promise<string>;
    credentials(): Promise<{ accountId?: string | undefined }>;
  };
};

export const nameOf = (error: unknown): string => (error instanceof Error ? error.name : String(error));

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

/** @throws TidemarkError EnvironmentMissing */
export async function regionOf(client: Client): Promise<string> {
  try {
    return await client.config.region();
  } catch (cause) {
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
