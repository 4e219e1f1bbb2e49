import { afterAll, expect, test } from 'vitest';
import { handler } from '../../../functions/publish/index.ts';

const environment = { ...process.env };
afterAll(() => {
  process.env = environment;
});

const event = { run: 'r', results: null, redriveCount: 1, currentRedriveCount: 2 };

test('says what its environment lacks', async () => {
  delete process.env.LAMBDA_TASK_ROOT;
  await expect(handler({ ...event, redriveCount: 2 })).rejects.toMatchObject({
    code: 'EnvironmentMissing',
    message: expect.stringContaining('LAMBDA_TASK_ROOT'),
  });
});
