import { TidemarkError } from '../errors.ts';
import { inParallel } from '../parallel.ts';
import type { TableName } from '../sources/source.ts';
import { runOfFile } from './iceberg/live-files.ts';
import { status } from './iceberg/manifest.ts';
import { currentSnapshot, type TableMetadata } from './iceberg/metadata.ts';
import { entriesOf, liveManifestsOf, type Places } from './iceberg/read.ts';
import { type ManifestFile, readManifest } from './manifest.ts';
import type { Contents, PointedFile } from './pointer.ts';

const requestsMax = 8;

/**
 * The data files of a table's current snapshot, whoever wrote them; of ours with what their runs' manifests say of them.
 * Rows that another program has deleted by files of deletions still count: only readers of Iceberg know of those.
 */
export async function tableContents(
  places: Places,
  table: TableName,
  metadata: TableMetadata,
): Promise<Contents> {
  const { store, keys } = places;
  const manifests = await liveManifestsOf(places, currentSnapshot(metadata));
  const found: { readonly url: string; readonly rows: number; readonly bytes: number }[][] = [];
  const data = manifests.filter(({ content }) => content === 0);
  await inParallel(data.entries(), requestsMax, async ([at, manifest]) => {
    const live = (await entriesOf(places, manifest)).filter((entry) => entry.status !== status.deleted);
    found[at] = live.map(({ data_file: { file_path, record_count, file_size_in_bytes } }) => ({
      url: file_path,
      rows: Number(record_count),
      bytes: Number(file_size_in_bytes),
    }));
  });
  const files = found.flat();
  const runs = [...new Set(files.flatMap(({ url }) => runOfFile(places, table, url) ?? []))].sort();
  const details = new Map<string, ManifestFile>();
  await inParallel(runs, requestsMax, async (run) => {
    const manifest = await readManifest(store, keys, table, run);
    for (const file of manifest?.files ?? []) details.set(file.key, file);
  });
  const bucket = `s3://${store.bucket}/`;
  return {
    runs,
    files: files
      .map(({ url, rows, bytes }): PointedFile => {
        if (!url.startsWith(bucket))
          throw new TidemarkError(
            'DefinitionInvalid',
            `${keys.location(table)}: another program has added ${url}, which is in another bucket; current.json names files of one: read the table as Iceberg's`,
          );
        const key = url.slice(bucket.length);
        return details.get(key) ?? { key, rows, bytes };
      })
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)),
  };
}
