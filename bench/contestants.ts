/** Who is measured against whom, on one table. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Work } from './measured/child.ts';
import { type TableName, tableKeys, type World } from './world.ts';

/** `limit` is what the others are held against. */
export type Role = 'limit' | 'strict limit' | 'tidemark' | 'others';

export type Contestant = {
  readonly name: string;
  readonly role: Role;
  /** that one round of it copies */
  readonly rows: number;
  /** The works of one round; they begin together, each in a process of its own. */
  prepare(): Promise<{
    readonly works: readonly Work[];
    /** where the files are that it writes; null: none */
    readonly folder: string | null;
  }>;
};

/** Row objects take so much longer that they get this part of the table only. */
const rowObjectsShare = 10;

const program = fileURLToPath(new URL('../cli/tidemark.js', import.meta.url));
const project = fileURLToPath(new URL('..', import.meta.url));

/** @param against another checkout, whose chunk function is measured as well */
export async function contestantsOf(
  world: World,
  table: TableName,
  rows: number,
  against: string | null,
): Promise<readonly Contestant[]> {
  const query = (part: number): string =>
    `select * from ${table} where ${tableKeys[table]} <= ${part} order by ${tableKeys[table]}`;
  const reader = (kind: 'eager' | 'lazy'): Contestant['prepare'] => {
    const whole = query(rows);
    const work = {
      kind,
      query: world.database === 'mysql' ? whole : `copy (${whole}) to stdout (format binary)`,
    };
    return async () => ({ works: [work], folder: null });
  };
  const chunks = (folder: string, count: number): Contestant['prepare'] => {
    return async () => {
      await world.clearLake();
      const orders = await world.orders(table, count);
      const works = orders.map((item): Work => ({ kind: 'bundle', folder, event: { item, retry: 0 } }));
      return { works, folder: world.lakeFolder };
    };
  };
  const ours = await world.copyChunkOf(project, table);
  const theirs = against && (await world.copyChunkOf(against, table));
  return [
    { name: 'read and discarded', role: 'limit', rows, prepare: reader('eager') },
    { name: 'read lazily and discarded', role: 'strict limit', rows, prepare: reader('lazy') },
    { name: 'one chunk', role: 'tidemark', rows, prepare: chunks(ours, 1) },
    ...(theirs
      ? [{ name: 'one chunk, other checkout', role: 'others', rows, prepare: chunks(theirs, 1) } as const]
      : []),
    { name: 'two chunks at once', role: 'tidemark', rows, prepare: chunks(ours, 2) },
    {
      name: 'the embedded cloud',
      role: 'tidemark',
      rows,
      async prepare() {
        const home = await world.scratch();
        const args = [program, 'run', '--config', world.definitionFile(table), '--home', home];
        return { works: [{ kind: 'program', args }], folder: home };
      },
    },
    ...(world.database === 'mysql' ? [] : [rowObjects(world, rows, query)]),
  ];
}

const rowObjects = (world: World, rows: number, query: (part: number) => string): Contestant => ({
  name: 'row objects',
  role: 'others',
  rows: Math.ceil(rows / rowObjectsShare),
  async prepare() {
    const folder = await world.scratch();
    const file = join(folder, 'rows.parquet');
    return {
      works: [{ kind: 'row objects', query: query(Math.ceil(rows / rowObjectsShare)), file }],
      folder,
    };
  },
});
