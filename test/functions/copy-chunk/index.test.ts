import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Order } from '../../../core/plan/chunk-order.ts';
import { handler } from '../../../functions/copy-chunk/index.ts';

const environment = { ...process.env };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-copy-chunk-'));
  const definition = `name: shop
source: { type: postgres, url: postgres://127.0.0.1:1/none }
tables: [a]
target: { url: s3://lake }`;
  await writeFile(join(folder, 'tidemark.yaml'), definition);
  Object.assign(process.env, {
    LAMBDA_TASK_ROOT: folder,
    TIDEMARK_LEDGER: 'ledger',
    AWS_REGION: 'us-east-1',
  });
});
afterAll(async () => {
  process.env = environment;
  await rm(folder, { recursive: true, force: true });
});

const context = { getRemainingTimeInMillis: () => 60_000 };

test('a table that could not be planned: fails with the reason, under its code’s name', async () => {
  const problem = { code: 'TableDenied', message: 'no SELECT on public.a' } as const;
  const item: Order = { format: 1, sync: 'shop', run: 'r', table: 0, problem };
  await expect(handler({ item, retry: 0 }, context)).rejects.toMatchObject({
    name: 'TableDenied',
    ...problem,
  });
});

test('an order of a newer format is refused', async () => {
  const item = { format: 4, sync: 'shop', run: 'r', table: 0 } as Order;
  await expect(handler({ item, retry: 0 }, context)).rejects.toMatchObject({ code: 'FormatTooNew' });
});
