/** What CDK makes of a definition, in this process, and what CloudFormation would make of that. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { accountId, region } from '../../local/account.ts';

export type Resource = {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
};

export type Synthesized = {
  readonly template: Template;
  readonly resources: Readonly<Record<string, Resource>>;
  /** Resources of a type, by their logical ids. */
  ofType(type: string): [string, Resource][];
  /** A value of the template as it is after deployment to the embedded cloud's account and region. */
  resolve(value: unknown): unknown;
  /** The folder of a function's code, as it will be uploaded. @param name as in its deployed name */
  assetOf(functionName: string): string;
};

/** @param outdir of the app, for its assets */
export function synthesized(stack: Stack): Synthesized {
  const template = Template.fromStack(stack);
  const resources = (template.toJSON() as { Resources: Record<string, Resource> }).Resources;
  const ofType = (type: string) => Object.entries(resources).filter(([, each]) => each.Type === type);
  const resolve = (value: unknown): unknown => resolveIntrinsics(value, resources);
  const { outdir } = stack.node.root as App;
  return {
    template,
    resources,
    ofType,
    resolve,
    assetOf(functionName) {
      const found = ofType('AWS::Lambda::Function').find(
        ([, each]) => each.Properties.FunctionName === functionName,
      );
      const { S3Key: key } = found![1].Properties.Code as { S3Key: string };
      const { files } = JSON.parse(readFileSync(join(outdir, `${stack.artifactId}.assets.json`), 'utf8')) as {
        files: Record<string, { source: { path: string } }>;
      };
      return join(outdir, files[key.replace('.zip', '')]!.source.path);
    },
  };
}

const pseudo: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': region,
  'AWS::AccountId': accountId,
  'AWS::URLSuffix': 'amazonaws.com',
};

function resolveIntrinsics(value: unknown, resources: Readonly<Record<string, Resource>>): unknown {
  if (Array.isArray(value)) return value.map((each) => resolveIntrinsics(each, resources));
  if (value === null || typeof value !== 'object') return value;
  const {
    Ref: name,
    'Fn::GetAtt': attribute,
    'Fn::Join': join,
    'Fn::Sub': sub,
  } = value as Record<string, unknown>;
  if (typeof name === 'string') return pseudo[name] ?? named(name, resources) ?? physical(name, resources);
  if (Array.isArray(attribute)) return physical(String(attribute[0]), resources);
  if (Array.isArray(join)) {
    return (join[1] as unknown[]).map((each) => resolveIntrinsics(each, resources)).join(String(join[0]));
  }
  if (typeof sub === 'string') return sub.replace(/\$\{(AWS::\w+)\}/g, (_, each: string) => pseudo[each]!);
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, resolveIntrinsics(each, resources)]),
  );
}

/** What `Ref` gives of those whose it is no ARN. */
function named(id: string, resources: Readonly<Record<string, Resource>>): string | undefined {
  const { Type: type, Properties: properties } = resources[id]!;
  const names: Readonly<Record<string, unknown>> = {
    'AWS::DynamoDB::Table': properties.TableName,
    'AWS::Lambda::Function': properties.FunctionName,
    'AWS::Logs::LogGroup': properties.LogGroupName,
    'AWS::S3::Bucket': properties.BucketName,
  };
  return names[type] as string | undefined;
}

/** The ARN of a resource: of what has one, the only thing that this project refers to. */
function physical(id: string, resources: Readonly<Record<string, Resource>>): string {
  const { Type: type, Properties: properties } = resources[id]!;
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${accountId}:${resource}`;
  switch (type) {
    case 'AWS::Lambda::Function':
      return arn('lambda', `function:${properties.FunctionName}`);
    case 'AWS::StepFunctions::StateMachine':
      return arn('states', `stateMachine:${properties.StateMachineName}`);
    case 'AWS::Logs::LogGroup':
      return arn('logs', `log-group:${properties.LogGroupName}:*`);
    case 'AWS::S3::Bucket':
      return `arn:aws:s3:::${properties.BucketName}`;
    case 'AWS::DynamoDB::Table':
      return arn('dynamodb', `table/${properties.TableName}`);
    default:
      return arn(type.split('::')[1]!.toLowerCase(), id);
  }
}

/** An app for a test, in a folder of its own. */
export const testApp = (outdir: string): App => new App({ outdir, analyticsReporting: false });
