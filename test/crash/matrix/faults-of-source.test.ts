/** A real PostgreSQL behind a proxy that breaks the connection at every request; see source-cases.ts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPostgres, testPostgres } from '../../support/postgres.ts';
import { newTally } from './audit.ts';
import { type MatrixCloud, memoryCloud } from './cloud.ts';
import { say, spotless } from './report.ts';
import { runSourceCases, sourceCases, sourceThrough } from './source-cases.ts';
import { stagesOfRun } from './stages.ts';
import { rowsOfSnapshot, tables } from './world.ts';

let postgres: TestPostgres;
let cloud: MatrixCloud;
beforeAll(async () => {
  cloud = await memoryCloud();
  postgres = await testPostgres();
  for (const snapshot of [1, 2, 3]) await makeDatabase(snapshot);
});
afterAll(async () => {
  await cloud.stop();
  await postgres.stop();
});

async function makeDatabase(snapshot: number): Promise<void> {
  await postgres.sql(`CREATE DATABASE snapshot${snapshot}`);
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: postgres.urlFor({ database: `snapshot${snapshot}` }) });
  await client.connect();
  for (const table of tables) {
    await client.query(`CREATE TABLE ${table} (id bigint PRIMARY KEY, note text)`);
    for (const { id, note } of rowsOfSnapshot(snapshot)[table]) {
      await client.query(`INSERT INTO ${table} VALUES ($1, $2)`, [id, note]);
    }
    await client.query(`ANALYZE ${table}`);
  }
  await client.end();
}

test('however the connection to PostgreSQL breaks, at every request, every row is published once', async () => {
  const direct = sourceThrough(postgres.url, Number(new URL(postgres.url).port));
  const stages = (await stagesOfRun(cloud, direct)).filter(({ name }) => name !== 'publish');
  const cases = await sourceCases(postgres.url, stages);
  const requests = new Set(cases.map(({ stage, at }) => `${stage.name} ${at}`)).size;
  expect(cases.filter(({ fault }) => fault === 'cut after the first row').length).toBeGreaterThanOrEqual(2);
  expect(requests).toBeGreaterThan(30);
  expect(cases.length).toBeGreaterThan(requests * 5);
  const tally = newTally();
  const wrong = await runSourceCases(postgres.url, cases, tally);
  say(`faults of PostgreSQL, at ${requests} requests`, tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}, 1_200_000);
