/** How one would do it with what npm has: rows as objects, by a cursor, into a library that writes Parquet. */
import { statSync } from 'node:fs';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import pg from 'pg';

const fetchRows = 10_000;

type Column = NonNullable<Parameters<typeof parquetWriteRows>[0]['columns']>[number];

/** PostgreSQL's type (its oid) → Parquet's, and from what `pg` makes of a value to what the library takes. */
const conversions: Readonly<Record<number, { type: Column['type']; of?: (value: never) => unknown }>> = {
  20: { type: 'INT64', of: (value: string) => BigInt(value) },
  23: { type: 'INT32' },
  1082: { type: 'TIMESTAMP' },
  1184: { type: 'TIMESTAMP' },
  1700: { type: 'DOUBLE', of: (value: string) => Number(value) },
  3802: { type: 'JSON' },
};

/** @returns bytes of the file */
export async function copyRowObjects(url: string, query: string, file: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('begin');
  await client.query(`declare rows no scroll cursor for ${query}`);
  const { fields } = await client.query('fetch 0 from rows');
  const converted = fields.flatMap(({ name, dataTypeID }) => {
    const of = conversions[dataTypeID]?.of as ((value: unknown) => unknown) | undefined;
    return of ? [{ name, of }] : [];
  });
  async function* rows(): AsyncGenerator<Record<string, unknown>> {
    for (;;) {
      const fetched = await client.query(`fetch ${fetchRows} from rows`);
      if (fetched.rows.length === 0) return;
      for (const row of fetched.rows) {
        for (const { name, of } of converted) if (row[name] !== null) row[name] = of(row[name]);
        yield row;
      }
    }
  }
  await parquetWriteRows({
    writer: fileWriter(file),
    columns: fields.map(({ name, dataTypeID }) => ({
      name,
      type: conversions[dataTypeID]?.type ?? 'STRING',
    })),
    rows: rows(),
  });
  await client.end();
  return statSync(file).size;
}
