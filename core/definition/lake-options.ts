/** How tables stand in the lake: who says which snapshot is a table's, its partitions, what is kept of its past. */
import { z } from 'zod';
import { checkedText } from './aws-names.ts';
import { allowedPartition, parsePartitionField } from './partition-field.ts';

const names = z
  .string()
  .regex(/^[a-z0-9_]{1,100}$/, 'lower-case letters, digits and _, at most 100: as Athena takes it');

const ledgerCatalog = z.strictObject({ type: z.literal('ledger') });

const glueCatalog = z.strictObject({
  type: z.literal('glue'),
  database: names.describe(
    'The database of the Glue Data Catalog. A deployed sync makes it where it is not there.',
  ),
});

const restUri = checkedText((text) =>
  /^https?:\/\/[^\s?#@]+$/.test(text) ? null : 'https://host/path, without user, ? and #',
);

const restCatalog = z.strictObject({
  type: z.literal('rest'),
  uri: restUri.describe('Where the catalog is: `https://glue.eu-central-1.amazonaws.com/iceberg`.'),
  warehouse: z.string().min(1).optional().describe('Which of its warehouses.'),
  namespace: names.describe('In which namespace the tables stand. It is made where it is not there.'),
  sign: z
    .strictObject({
      service: z.enum(['glue', 's3tables', 'execute-api']).describe('The name that requests are signed for.'),
      region: z
        .string()
        .regex(/^[a-z0-9-]+$/, 'the name of a region: eu-central-1')
        .describe('Of the catalog.'),
    })
    .optional()
    .describe('Requests are signed as AWS asks for it (Signature Version 4).'),
  token: z
    .string()
    .min(1)
    .optional()
    .describe('A bearer token. Write it as `${VARIABLE}`. Not for deployed functions.'),
});

export const catalog = z
  .preprocess(
    (value) => (typeof value === 'string' ? { type: value } : value),
    z.discriminatedUnion('type', [ledgerCatalog, glueCatalog, restCatalog]),
  )
  .prefault('ledger')
  .describe(
    'Who says which snapshot is a table’s. `ledger`: the ledger itself; readers open the table by its path. Or a catalog: the Glue Data Catalog, or one that speaks Iceberg’s REST protocol.',
  );

export const keep = z
  .strictObject({
    snapshots: z.int().min(1).max(1000).default(2).describe('At least so many of the newest …'),
    days: z
      .number()
      .min(0)
      .max(3650)
      .default(0)
      .describe('… and all that have been the current one within so many days.'),
  })
  .prefault({})
  .describe('Which snapshots of a table stay, for readers that go back in time. Tags keep theirs besides.');

/** An Iceberg transform of a column. */
const partitionField = checkedText((text) => (parsePartitionField(text) ? null : allowedPartition));

export const partition = z
  .array(partitionField)
  .max(5)
  .optional()
  .meta({ default: [] })
  .describe(
    'By what the table’s files are divided, as Iceberg’s transforms: `day(created_at)`, `bucket(16, customer_id)`, `country`. A part becomes one file for each value that is in it.',
  );
