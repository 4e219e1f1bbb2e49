import { readManifest, readManifestList, status } from '../../../core/publish/iceberg/manifest.ts';
import { currentSnapshot, parseMetadata } from '../../../core/publish/iceberg/metadata.ts';
import type { Manifest } from '../../../core/publish/manifest.ts';
import type { Objects } from './cloud.ts';

/** What somebody finds who opens a table as Iceberg's, by its path. */
export type IcebergLook = {
  /** of the metadata file that the hint names */
  readonly number: number;
  readonly rows: number;
  /** keys of the data files */
  readonly files: readonly string[];
  readonly wrong: readonly string[];
};

const keyOf = (url: string): string => url.replace(/^s3:\/\/[^/]+\//, '');

/**
 * Follows a hint to the data files. All that is named on the way must be there, and the files are those that the run of the
 * snapshot has added, every one of them and no other.
 * @param folder the table's, with a slash
 */
export function lookAsIceberg(place: Objects, folder: string): IcebergLook {
  const number = Number(place.bodyOf(`${folder}metadata/version-hint.text`).toString('utf8'));
  const wrong: string[] = [];
  const there = <T>(key: string, parse: (body: Buffer) => T): T | null => {
    if (place.stampOf(key) !== undefined) return parse(place.bodyOf(key));
    wrong.push(`${folder} as Iceberg: v${number} leads to ${key}, which is missing`);
    return null;
  };
  const metadata = there(`${folder}metadata/v${number}.metadata.json`, parseMetadata);
  const snapshot = metadata && currentSnapshot(metadata);
  const list = snapshot ? there(keyOf(snapshot['manifest-list']), readManifestList) : null;
  const entries = (list ?? []).flatMap(
    ({ manifest_path }) => there(keyOf(manifest_path), readManifest) ?? [],
  );
  const live = entries.filter((entry) => entry.status !== status.deleted).map(({ data_file }) => data_file);
  for (const { file_path, file_size_in_bytes } of live)
    there(keyOf(file_path), (body) => {
      if (body.length !== Number(file_size_in_bytes)) wrong.push(`${file_path} is not as its entry says`);
    });
  const files = live.map(({ file_path }) => keyOf(file_path)).sort();
  const run = snapshot?.summary['tidemark.run'];
  const added = there(
    `${folder}manifests/${run}.json`,
    (body): Manifest => JSON.parse(body.toString('utf8')),
  );
  const whole = (added?.files ?? []).map(({ key }) => key).sort();
  if (files.join() !== whole.join())
    wrong.push(
      `${folder} as Iceberg: v${number} has ${files.length} files of run ${run}, which has ${whole.length}`,
    );
  return { number, rows: live.reduce((sum, file) => sum + Number(file.record_count), 0), files, wrong };
}
