/** Run by test/deployed/run.ts, not by the suite. */
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { describe, vi } from 'vitest';
import { s3Client } from '../../core/objects/s3.ts';
import { scenario } from '../scenario/scenario.ts';
import { cdkOf } from './cdk.ts';
import { deployedWorld } from './deployed-world.ts';
import { settingsFrom } from './settings.ts';

vi.setConfig({ testTimeout: 30 * 60_000, hookTimeout: 30 * 60_000 });

describe('the scenario, deployed', () =>
  scenario(() => {
    const settings = settingsFrom(process.env);
    const clients = { sfn: new SFNClient(), s3: s3Client(), sqs: new SQSClient() };
    return deployedWorld(settings, cdkOf(settings, process.env.DEPLOYED_FOLDER!), clients);
  }));
