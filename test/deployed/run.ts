/**
 * `npm run test:deployed`: deploys to the account and endpoint that the environment names, plays the scenario there,
 * and destroys what was deployed, also after a failure or Ctrl-C. The ledger and the lake stay.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { dataStackName } from '../../infra/names.ts';
import { cdkOf } from './cdk.ts';
import { type Settings, settingsFrom, sync } from './settings.ts';

const say = (line: string) => process.stderr.write(`${line}\n`);

function scenarioIn(folder: string): Promise<number> {
  const args = ['vitest', 'run', '--config', 'test/deployed/vitest.config.ts'];
  const child = spawn('npx', args, {
    stdio: 'inherit',
    env: { ...process.env, DEPLOYED_FOLDER: folder },
  });
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function play(settings: Settings): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-deployed-'));
  // the scenario's process gets them, too, and ends; what is deployed is not to be left behind
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => say(`${signal}: destroying what was deployed first`));
  }
  try {
    return await scenarioIn(folder);
  } finally {
    // the CDK writes it before it deploys anything
    const began = existsSync(join(folder, 'cdk.out'));
    if (began) await cdkOf(settings, folder).destroy();
    rmSync(folder, { recursive: true, force: true });
    if (began)
      say(
        `kept: the stack ${dataStackName(sync)} (the ledger), and s3://${settings.bucket}/tidemark-${sync}/`,
      );
  }
}

/** One request that changes nothing. @throws Error that says in one sentence why AWS cannot be used from here */
async function reachAws({ region }: Settings): Promise<void> {
  const client = new DynamoDBClient({ maxAttempts: 2 });
  try {
    await client.send(new ListTablesCommand({ Limit: 1 }));
  } catch (cause) {
    const { name, message, code } = cause as NodeJS.ErrnoException;
    const endpoint = process.env.AWS_ENDPOINT_URL_DYNAMODB || process.env.AWS_ENDPOINT_URL;
    throw new Error(
      `test:deployed deploys nothing, as AWS does not let it in (region ${region}${endpoint ? `, endpoint ${endpoint}` : ''}; dynamodb:ListTables): ${name}: ${message || code}`,
      { cause },
    );
  } finally {
    client.destroy();
  }
}

try {
  const settings = settingsFrom(process.env);
  await reachAws(settings);
  process.exitCode = await play(settings);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
