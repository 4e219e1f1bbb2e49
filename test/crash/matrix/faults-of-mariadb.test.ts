/** A real MariaDB behind a proxy that breaks the connection at every request; see source-cases.ts. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { noMariadb, type TestMariadb, testMariadb } from '../../support/mariadb.ts';
import { type MatrixCloud, memoryCloud } from './cloud.ts';
import { everyRequestBroken } from './source-cases.ts';
import { databaseOf, mariadbKind } from './source-kinds.ts';
import { rowsOfSnapshot, tables } from './world.ts';

const snapshots = [1, 2, 3];

describe.skipIf(noMariadb)('MariaDB', () => {
  let mariadb: TestMariadb;
  let cloud: MatrixCloud;
  beforeAll(async () => {
    cloud = await memoryCloud();
    mariadb = await testMariadb();
    for (const snapshot of snapshots) await makeDatabase(snapshot);
  });
  afterAll(async () => {
    await cloud.stop();
    for (const snapshot of snapshots) await mariadb.sql(`DROP DATABASE ${databaseOf(mariadb, snapshot)}`);
    await mariadb.stop();
  });

  async function makeDatabase(snapshot: number): Promise<void> {
    const database = databaseOf(mariadb, snapshot);
    await mariadb.sql(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    for (const table of tables) {
      await mariadb.sql(`CREATE TABLE ${database}.${table} (id BIGINT PRIMARY KEY, note TEXT)`);
      for (const { id, note } of rowsOfSnapshot(snapshot)[table]) {
        await mariadb.sql(
          `INSERT INTO ${database}.${table} VALUES (${id}, ${note === null ? 'NULL' : `'${note}'`})`,
        );
      }
      await mariadb.sql(`ANALYZE TABLE ${database}.${table}`);
    }
  }

  test('however the connection to MariaDB breaks, at every request, every row is published once', async () => {
    await everyRequestBroken(mariadbKind(mariadb), cloud);
  }, 1_200_000);
});
