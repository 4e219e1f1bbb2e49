/**
 * Where the cases happen: an object store and a ledger, with a wire under the clients that the product gets, in two
 * makes. In memory a world is copied at no cost, so that all cases run there; a part of them runs on the embedded S3 and
 * DynamoDB too. (Both makes are held against each other by tests of their own.)
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { Format } from '../../../core/formats/format.ts';
import { parquetFormat } from '../../../core/formats/parquet/parquet.ts';
import { dynamodbLedger } from '../../../core/ledger/dynamodb.ts';
import type { Ledger } from '../../../core/ledger/ledger.ts';
import { s3Store } from '../../../core/objects/s3.ts';
import type { ObjectStore } from '../../../core/objects/store.ts';
import { emptyTable, perform, type Table } from '../../support/memory-dynamodb/table.ts';
import { responseOf } from '../../support/memory-dynamodb.ts';
import { type MemoryS3, memoryS3 } from '../../support/memory-s3.ts';
import { promptRetries, throughTheWire } from '../../support/sdk-faults.ts';
import { shortDynamodb } from '../../support/short-sdk/short-dynamodb.ts';
import { shortS3 } from '../../support/short-sdk/short-s3.ts';

/** The objects of a bucket as somebody sees them who needs no API for it. */
export type Objects = {
  keys(): string[];
  /** Differs with everything that was ever under the key; undefined: nothing is there. */
  stampOf(key: string): unknown;
  bodyOf(key: string): Buffer;
  /** Another number whenever an object was written or deleted; undefined: nobody counts. */
  changes?(): number;
};

/** Both sides, as somebody from outside sees them. */
export type Sights = Objects & {
  /** every item of the ledger, as it stands there now */
  items(): Promise<Record<string, unknown>[]>;
};

/** A bucket and a ledger of their own. What is looked at past the product passes no wire. */
export type Place = Sights & {
  readonly bucket: string;
  readonly store: ObjectStore;
  readonly ledger: Ledger;
  /** Another place with the same content. */
  copy(): Promise<Place>;
  drop(): void;
};

/** A table's metadata names its files with their bucket: copies of a place go by one name. */
export const inOneName = (store: ObjectStore): ObjectStore => ({ ...store, bucket: 'lake' });

export type MatrixCloud = {
  readonly format: Format;
  place(): Promise<Place>;
  stop(): Promise<void>;
};

/** As often as the product's clients try by themselves. */
export const triesMax = { s3: 5, dynamodb: 6 };

type Content = { readonly s3: MemoryS3; table: Table };

export async function memoryCloud(): Promise<MatrixCloud> {
  const contents = new Map<string, Content>();
  const contentOf = (name: string): Content => {
    const found = contents.get(name);
    if (!found) throw new Error(`no place ${name}: it was dropped`);
    return found;
  };
  const dynamodb = shortDynamodb(
    (operation, call, tries) =>
      throughTheWire(call, tries, () => {
        const content = contentOf(String(operation.input.TableName));
        const step = perform(content.table, operation);
        content.table = step.table;
        return responseOf(step.answer);
      }),
    { retryStrategy: promptRetries(triesMax.dynamodb) },
  );
  const s3 = shortS3(
    (request, call, tries) =>
      throughTheWire(call, tries, () => contentOf(request.path.split('/')[1]!).s3.answer(request)),
    { retryStrategy: promptRetries(triesMax.s3) },
  );
  let places = 0;

  function placeOf(content: Omit<Content, 's3'>, objects: MemoryS3['objects']): Place {
    const name = `place-${++places}`;
    const bucket = memoryS3({ bucket: name, objects });
    contents.set(name, { s3: bucket, table: content.table });
    return {
      bucket: name,
      store: inOneName(s3Store(s3, name)),
      ledger: dynamodbLedger(dynamodb, name),
      keys: () => [...bucket.objects.keys()],
      stampOf: (key) => bucket.objects.get(key),
      bodyOf: (key) => bucket.objects.get(key)!.body,
      changes: bucket.changes,
      items: async () =>
        [...contentOf(name).table.values()].flatMap((partition) =>
          [...partition.values()].map((item) => unmarshall(item as Record<string, AttributeValue>)),
        ),
      copy: async () => placeOf(contentOf(name), bucket.objects),
      drop: () => contents.delete(name),
    };
  }

  return {
    format: await parquetFormat({ compression: 'none' }),
    place: async () => placeOf({ table: emptyTable }, new Map()),
    async stop() {
      dynamodb.destroy();
      s3.destroy();
    },
  };
}
