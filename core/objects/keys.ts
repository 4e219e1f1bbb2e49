import { paddedNumber } from '../padded-number.ts';
import type { TableName } from '../sources/source.ts';

/**
 * The names of everything under the target's prefix:
 *
 *     _staging/<sync>/<run>/<table>/<chunk>-<n>-<attempt>[-<i>].<ext>   nobody reads it
 *     _runs/<sync>/<run>/tables/<i>.jsonl      a table's plan: the first one written is the plan
 *     _runs/<sync>/<run>/tables/<i>-description.json   the table as that plan describes it
 *     _runs/<sync>/<run>/plan-<attempt>.jsonl  what the Map walks: chunks of all tables that have a plan
 *     _runs/<sync>/<run>/results/…             what the Map's children answered
 *     <table>/data/<run>/<chunk>-<n>[-<i>].<ext>   final names; <i> where the part has partitions
 *     <table>/manifests/<run>.json             the files that a run added
 *     <table>/metadata/v<n>.metadata.json      the table's Iceberg metadata; <run>-…avro: its manifests and their lists
 *     <table>/metadata/version-hint.text       n of the current one
 *     <table>/current.json                     what readers without Iceberg see now
 *     <table>/_symlink/symlink.txt, <table>/redshift.manifest   the same for Hive and for Redshift, where asked for
 */
export type Target = { readonly bucket: string /** '' or 'a/b/' */; readonly prefix: string };

/** @param url s3://bucket/prefix, as the definition allows it */
export function parseTarget(url: string): Target {
  const [, bucket, path] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(url)!;
  const trimmed = path!.replace(/\/+$/, '').replaceAll(/\/{2,}/g, '/');
  return { bucket: bucket!, prefix: trimmed ? `${trimmed}/` : '' };
}

/**
 * A name as one path segment that S3, URLs and file systems take as it is: letters, digits, `_` and `-` stay,
 * every other byte of its UTF-8 becomes `!` and two hex digits. Different names give different segments.
 */
export const pathSegment = (name: string): string =>
  [...Buffer.from(name, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9_-]/.test(character) ? character : `!${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');

export const tableFolder = ({ schema, table }: TableName): string =>
  `${pathSegment(schema)}.${pathSegment(table)}`;

const ofFile = (file: number | null): string => (file === null ? '' : `-${file}`);

export function keysOf(target: Target, sync: string) {
  const { prefix } = target;
  const stagingOfSync = `${prefix}_staging/${sync}/`;
  const runsOfSync = `${prefix}_runs/${sync}/`;
  return {
    stagingOfSync,
    stagingOf: (run: string) => `${stagingOfSync}${run}/`,
    /** @param file its place in the part; null: the part has one, as its table has no partitions */
    staged: (
      run: string,
      table: TableName,
      chunk: number,
      n: number,
      attempt: string,
      extension: string,
      file: number | null = null,
    ) =>
      `${stagingOfSync}${run}/${tableFolder(table)}/${paddedNumber(chunk)}-${paddedNumber(n)}-${attempt}${ofFile(file)}.${extension}`,
    tablePlan: (run: string, table: number) => `${runsOfSync}${run}/tables/${paddedNumber(table)}.jsonl`,
    tableDescription: (run: string, table: number) =>
      `${runsOfSync}${run}/tables/${paddedNumber(table)}-description.json`,
    plan: (run: string, attempt: string) => `${runsOfSync}${run}/plan-${attempt}.jsonl`,
    results: (run: string) => `${runsOfSync}${run}/results`,
    dataOf: (table: TableName) => `${prefix}${tableFolder(table)}/data/`,
    dataOfRun: (table: TableName, run: string) => `${prefix}${tableFolder(table)}/data/${run}/`,
    final: (
      table: TableName,
      run: string,
      chunk: number,
      n: number,
      extension: string,
      file: number | null = null,
    ) =>
      `${prefix}${tableFolder(table)}/data/${run}/${paddedNumber(chunk)}-${paddedNumber(n)}${ofFile(file)}.${extension}`,
    manifest: (table: TableName, run: string) => `${prefix}${tableFolder(table)}/manifests/${run}.json`,
    location: (table: TableName) => `s3://${target.bucket}/${prefix}${tableFolder(table)}`,
    metadataOf: (table: TableName) => `${prefix}${tableFolder(table)}/metadata/`,
    metadataFile: (table: TableName, number: number) =>
      `${prefix}${tableFolder(table)}/metadata/v${number}.metadata.json`,
    versionHint: (table: TableName) => `${prefix}${tableFolder(table)}/metadata/version-hint.text`,
    /** @param name unique to the attempt and what it writes */
    manifestOf: (table: TableName, run: string, name: string) =>
      `${prefix}${tableFolder(table)}/metadata/${run}-${name}.avro`,
    pointer: (table: TableName) => `${prefix}${tableFolder(table)}/current.json`,
    symlinks: (table: TableName) => `${prefix}${tableFolder(table)}/_symlink/symlink.txt`,
    redshiftManifest: (table: TableName) => `${prefix}${tableFolder(table)}/redshift.manifest`,
  };
}
export type Keys = ReturnType<typeof keysOf>;
