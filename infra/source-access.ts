import { Arn, ArnFormat, Aws, type Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Deployable } from '../core/definition/deployable.ts';

/** How deployed functions log in to the source. */
export type SourceAccess =
  /** a secret of Secrets Manager */
  | { readonly kind: 'secret'; readonly secretArn: string; readonly secretKeyArn: string | null }
  /** RDS's authentication by IAM, as a user of the database */
  | { readonly kind: 'iam'; readonly resourceId: string; readonly user: string }
  /** what the address in the definition says */
  | { readonly kind: 'url' };

/** As the app says, else the definition. */
export function sourceAccess(
  { definition, credentials }: Deployable,
  given: { readonly sourceSecret?: ISecret; readonly sourceSecretKey?: IKey },
): SourceAccess {
  const { source } = definition;
  const keyArn = (given.sourceSecretKey ?? given.sourceSecret?.encryptionKey)?.keyArn ?? null;
  if (given.sourceSecret) {
    return { kind: 'secret', secretArn: given.sourceSecret.secretArn, secretKeyArn: keyArn };
  }
  switch (credentials) {
    case 'secret':
      return {
        kind: 'secret',
        secretArn: source.secret!,
        secretKeyArn: keyArn ?? source.secret_key ?? null,
      };
    case 'iam':
      return {
        kind: 'iam',
        resourceId: source.iam!,
        user: decodeURIComponent(new URL(source.url!).username),
      };
    case 'url':
      return { kind: 'url' };
  }
}

/** What those functions may do that read from the source. */
export function sourcePermissions(stack: Stack, access: SourceAccess): PolicyStatement[] {
  switch (access.kind) {
    case 'secret':
      return [
        new PolicyStatement({
          actions: ['secretsmanager:GetSecretValue'],
          resources: [access.secretArn],
        }),
        ...(access.secretKeyArn === null ? [] : [decryptSecret(access.secretKeyArn)]),
      ];
    case 'iam':
      return [
        new PolicyStatement({
          actions: ['rds-db:connect'],
          resources: [
            stack.formatArn({
              service: 'rds-db',
              resource: 'dbuser',
              resourceName: `${access.resourceId}/${access.user}`,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          ],
        }),
      ];
    case 'url':
      return [];
  }
}

/** Only for a secret under a key of one's own: `aws/secretsmanager` needs no permission. */
const decryptSecret = (keyArn: string): PolicyStatement =>
  new PolicyStatement({
    actions: ['kms:Decrypt'],
    resources: [keyArn],
    conditions: {
      StringEquals: {
        'kms:ViaService': `secretsmanager.${Arn.split(keyArn, ArnFormat.SLASH_RESOURCE_NAME).region ?? Aws.REGION}.${Aws.URL_SUFFIX}`,
      },
    },
  });

/** What tells a function of it. */
export function sourceEnvironment(access: SourceAccess): Readonly<Record<string, string>> {
  switch (access.kind) {
    case 'secret':
      return { TIDEMARK_SOURCE_SECRET: access.secretArn };
    case 'iam':
      return { TIDEMARK_SOURCE_IAM: access.resourceId };
    case 'url':
      return {};
  }
}
