import { humanPartition } from '../formats/partition/values.ts';
import type { Part, Run, TableHead } from '../ledger/ledger.ts';
import { readTablePlan, type TablePlan } from '../plan/table-plan.ts';
import type { PublishPlaces } from './catalogs/catalog-of.ts';
import { type Manifest, toManifest, writeManifest } from './manifest.ts';
import { completeParts, type Log, settleFiles } from './settled-parts.ts';

/** A table of which every chunk is copied, and every file stands where it belongs. */
export type ReadyTable = {
  readonly head: TableHead | null;
  readonly plan: TablePlan;
  readonly parts: readonly Part[];
  readonly manifest: Manifest;
};

function manifestOf(
  { sync, run }: Run,
  table: string,
  { description: { columns }, partition }: TablePlan,
  parts: readonly Part[],
): Manifest {
  return toManifest({
    sync,
    run,
    table,
    schema: columns.map(({ id, name, type, nullable }) => ({ id, name, type, nullable })),
    files: parts.flatMap(({ files }) =>
      files.map((file) => ({
        key: file.final,
        rows: file.rows,
        bytes: file.size,
        checksum: `sha256:${file.sha256}`,
        firstKey: file.firstKey,
        lastKey: file.lastKey,
        ...(file.partition && { partition: humanPartition(partition, columns, file.partition) }),
      })),
    ),
  });
}

/**
 * All that can be done for a table before its snapshot is committed.
 * @returns the head where the run has published the table already; null while the table is not complete
 */
export async function readyTable(
  { ledger, store, keys }: PublishPlaces,
  owner: Run,
  index: number,
  table: string,
  log: Log | undefined,
): Promise<TableHead | ReadyTable | null> {
  const head = await ledger.tableHead(owner.sync, table);
  if (head?.publishedRun === owner.run) return head;
  const plan = await readTablePlan(store, keys, owner.run, index);
  const parts = plan && completeParts(plan, log, table);
  if (!parts) return null;
  await settleFiles(store, parts);
  const manifest = manifestOf(owner, table, plan, parts);
  await writeManifest(store, keys, plan.description, manifest);
  return { head, plan, parts, manifest };
}
