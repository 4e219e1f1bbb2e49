/** A real PostgreSQL behind a proxy that breaks the connection at every request; see source-cases.ts. */
import { afterAll, beforeAll, test } from 'vitest';
import { type TestPostgres, testPostgres } from '../../support/postgres.ts';
import { type MatrixCloud, memoryCloud } from './cloud.ts';
import { everyRequestBroken } from './source-cases.ts';
import { postgresKind } from './source-kinds.ts';
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
  await everyRequestBroken(postgresKind(postgres.url), cloud);
}, 1_200_000);
