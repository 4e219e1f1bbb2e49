/** A table that several runs have published, and all that stands in its metadata, read by code that is not ours. */
import type { Embedded } from '../../../support/embedded.ts';
import { type AvroFile, icebergReader } from '../../../support/iceberg-reader.ts';
import type { Row } from '../../../support/memory-source.ts';
import { type Lake, lake } from '../lake-fixture.ts';

export type Json = Readonly<Record<string, unknown>>;

export type PublishedTable = {
  readonly shop: Lake;
  readonly runs: readonly string[];
  readonly metadata: Json;
  /** those in the metadata, the oldest first */
  readonly snapshots: readonly Json[];
  /** of each of these snapshots: its manifest list, and the manifests that it names */
  readonly lists: readonly AvroFile[];
  readonly manifests: readonly (readonly AvroFile[])[];
};

/** The table `public.a` after a run for each of these generations of rows. */
export async function publishedTable(
  embedded: Embedded,
  generations: readonly (readonly Row[])[],
): Promise<PublishedTable> {
  const reader = icebergReader(embedded.s3);
  const shop = lake(embedded, { a: [] });
  const runs: string[] = [];
  for (const rows of generations) {
    shop.source.tables.get('a')!.rows = [...rows];
    runs.push(await shop.runThrough());
  }
  const read = await reader.metadata(shop.keys.location({ schema: 'public', table: 'a' }));
  const metadata = read as unknown as Json;
  const snapshots = metadata.snapshots as Json[];
  const ids = snapshots.map((snapshot) => Number(snapshot['snapshot-id']));
  const lists = await Promise.all(ids.map((id) => reader.manifestList(read, id)));
  const manifests = await Promise.all(
    lists.map(({ records }) => Promise.all(records.map((one) => reader.manifest(String(one.manifest_path))))),
  );
  return { shop, runs, metadata, snapshots, lists, manifests };
}
