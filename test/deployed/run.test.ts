/** test:deployed where AWS cannot be reached: nothing is begun. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const project = fileURLToPath(new URL('../..', import.meta.url));

test('an endpoint where nobody answers is said in one sentence; nothing is deployed or destroyed', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'test/deployed/run.ts'],
    {
      cwd: project,
      env: {
        PATH: process.env.PATH,
        HOME: '/nowhere',
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
        AWS_ACCESS_KEY_ID: 'key',
        AWS_SECRET_ACCESS_KEY: 'secret',
        AWS_REGION: 'eu-central-1',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        DEPLOYED_SOURCE_URL: 'postgres://me@127.0.0.1:1/shop',
        DEPLOYED_SOURCE_SECRET: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf',
        DEPLOYED_BUCKET: 'lake-of-mine',
      },
      encoding: 'utf8',
    },
  );
  expect(status, stderr).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(
    /^test:deployed deploys nothing, .*region eu-central-1, endpoint http:\/\/127\.0\.0\.1:1.*ECONNREFUSED.*\n$/,
  );
});
