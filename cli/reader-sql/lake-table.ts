import type { Definition } from '../../core/definition/options.ts';
import type { Column } from '../../core/formats/column.ts';

/** A table as readers find it: all that `tidemark sql` knows of it. */
export type LakeTable = {
  /** `public.orders` */
  readonly name: string;
  /** what it is called in a catalog, and by engines that want a name for it */
  readonly lakeName: string;
  /** of the sync, as engines take names */
  readonly syncName: string;
  readonly bucket: string;
  /** of its folder within the bucket: `shop/public.orders` */
  readonly path: string;
  readonly catalog: Definition['target']['catalog'];
  readonly manifests: Definition['target']['manifests'];
  /** the number of the metadata file that is the table's now; null: not known, or a catalog's own */
  readonly metadata: number | null;
  /** of the snapshot that readers see; null: not known */
  readonly columns: readonly Pick<Column, 'name' | 'type' | 'nullable'>[] | null;
  /** the folder of this machine in which buckets are folders (the ledger is the catalog then); null: they are S3's */
  readonly bucketsFolder: string | null;
};

/** What opens a table: statements in order, and what is to be known of them. None: it cannot be opened, notes say why. */
export type ReaderSql = { readonly statements: readonly string[]; readonly notes: readonly string[] };

export type RestCatalog = Extract<LakeTable['catalog'], { type: 'rest' }>;

/** s3://… of the table's folder, which is its location as Iceberg calls it. */
export const locationOf = ({ bucket, path }: LakeTable): string => `s3://${bucket}/${path}`;

/** The current metadata file's name; with `<n>` where its number is not known. */
export const metadataFileName = ({ metadata }: LakeTable): string => `v${metadata ?? '<n>'}.metadata.json`;

/** What to write for `<n>`, where it was printed. */
export const metadataNotes = (table: LakeTable): string[] =>
  table.metadata === null
    ? [`<n> is the number in ${locationOf(table)}/metadata/version-hint.text, once the table is published.`]
    : [];

/** For engines that read S3 only, of a lake that is a folder. */
export const readsOnlyS3 = (engine: string, { bucketsFolder }: LakeTable): ReaderSql => ({
  statements: [],
  notes: [
    `${engine} reads from S3, and this lake is the folder ${bucketsFolder}: use --engine duckdb or clickhouse; or --cloud aws, for what a deployed sync writes.`,
  ],
});

/** Whether a REST catalog is Glue's own, in front of what AWS's engines read without it. */
export const isGlues = ({ sign }: RestCatalog): boolean => sign?.service === 'glue';

/** The table bucket whose REST catalog it is; null: it is no such one, or its warehouse does not say which. */
export function tableBucketOf({
  sign,
  warehouse = '',
}: RestCatalog): { readonly account: string; readonly name: string } | null {
  const [, account, name] = /^arn:[^:]+:s3tables:[^:]+:(\d+):bucket\/([a-z0-9-]+)$/.exec(warehouse) ?? [];
  return sign?.service === 's3tables' && account && name ? { account, name } : null;
}
