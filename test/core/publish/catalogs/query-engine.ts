/** Another program that writes to our tables in a catalog. */
import { sha256Of } from '../../../../core/objects/checksum.ts';
import type { TableCatalog } from '../../../../core/publish/catalogs/catalog.ts';
import { withAddition } from '../../../../core/publish/iceberg/commit.ts';
import type { DataFile, ManifestEntry } from '../../../../core/publish/iceberg/manifest.ts';
import { currentSnapshot } from '../../../../core/publish/iceberg/metadata.ts';
import { entriesOf, liveManifestsOf } from '../../../../core/publish/iceberg/read.ts';
import { ours } from '../../../../core/publish/iceberg/table.ts';
import type { TableName } from '../../../../core/sources/source.ts';
import { batchOf } from '../../../support/batches.ts';
import type { InMemory } from '../../../support/in-memory.ts';
import { describeTable, type Row } from '../../../support/memory-source.ts';
import { rowsOfFile } from '../../copy/chunk-fixture.ts';
import { addedFiles } from '../iceberg/added-files.ts';
import type { Lake } from '../lake-fixture.ts';

const { columns } = describeTable('any');

/** Rewrites a table's files as query engines do: all rows in one file of its own making, with manifests of its own. */
export async function compact(ground: InMemory, shop: Lake, catalog: TableCatalog, table: TableName) {
  const places = { store: ground.store, keys: shop.keys };
  const seen = (await catalog.load(table))!;
  const entries: ManifestEntry[] = [];
  for (const manifest of await liveManifestsOf(places, currentSnapshot(seen.metadata)))
    entries.push(...(await entriesOf(places, manifest)));
  const file = await merged(
    ground,
    entries.map(({ data_file }) => data_file),
    `${shop.keys.dataOf(table)}00000-compacted.parquet`,
  );
  const addition = {
    ...{ sync: 'engine', run: '00000000T000000Z-0000', table, sort: null, files: addedFiles([file]) },
    ...{ fields: seen.metadata.schemas.at(-1)!.fields, operation: 'overwrite' as const },
    keep: { snapshots: 100, days: 0 },
  };
  const next = await withAddition(places, seen, addition, Date.now());
  // what only Tidemark writes is not in there
  const snapshots = next.snapshots!.map((snapshot) => {
    if (snapshot['snapshot-id'] !== next['current-snapshot-id']) return snapshot;
    const { [ours.sync]: _sync, [ours.run]: _run, [ours.manifests]: _own, ...summary } = snapshot.summary;
    return { ...snapshot, summary: { ...summary, operation: 'replace' as const } };
  });
  const { properties } = seen.metadata;
  return catalog.commit(table, seen, { ...next, ...(properties && { properties }), snapshots });
}

/** The rows of these files in one. */
async function merged(ground: InMemory, files: readonly DataFile[], target: string): Promise<DataFile> {
  const rows: Row[] = [];
  for (const { file_path } of files)
    rows.push(...(await rowsOfFile((await ground.store.get(file_path.slice('s3://lake/'.length)))!.body)));
  const encoder = ground.format.encoder(columns, {});
  encoder.write(
    batchOf(
      columns,
      rows.map(({ id, note }) => [BigInt(id), note]),
    ),
  );
  const { pieces, bytes } = encoder.finish();
  await ground.store.put(target, pieces, sha256Of(pieces), { mediaType: 'application/octet-stream' });
  return {
    ...files[0]!,
    ...{ file_path: `s3://lake/${target}`, record_count: rows.length, file_size_in_bytes: bytes },
    ...{ lower_bounds: null, upper_bounds: null, value_counts: null, null_value_counts: null },
    ...{ column_sizes: null, split_offsets: null },
  };
}
