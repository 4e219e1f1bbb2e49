/**
 * What a function works with, made once a sandbox: the definition that travelled in its bundle, the ledger, the
 * store. Endpoints and credentials come from the environment, as the AWS SDK reads it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadDefinition } from '../core/definition/load.ts';
import type { Definition } from '../core/definition/options.ts';
import { sourceNamed } from '../core/definition/source-named.ts';
import { TidemarkError } from '../core/errors.ts';
import type { Format } from '../core/formats/format.ts';
import { defaultCompression, parquetFormat } from '../core/formats/parquet/parquet.ts';
import { dynamodbClient, dynamodbLedger } from '../core/ledger/dynamodb.ts';
import type { Ledger } from '../core/ledger/ledger.ts';
import { type Keys, keysOf, parseTarget } from '../core/objects/keys.ts';
import { s3Client, s3Store } from '../core/objects/s3.ts';
import type { ObjectStore } from '../core/objects/store.ts';
import { openSource as openAt } from '../core/sources/open-source.ts';
import type { Source } from '../core/sources/source.ts';
import { definitionFileName } from './definition-file.ts';
import { credentialsIn, sourceAccess } from './source-access.ts';

export type Places = {
  readonly definition: Definition;
  readonly ledger: Ledger;
  readonly store: ObjectStore;
  readonly keys: Keys;
};

function required(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new TidemarkError('EnvironmentMissing', `the function’s environment lacks ${name}`);
}

let made: Places | null = null;

/** @throws TidemarkError DefinitionInvalid, EnvironmentMissing */
export function places(): Places {
  if (made) return made;
  const file = join(required('LAMBDA_TASK_ROOT'), definitionFileName);
  const definition = loadDefinition(
    readFileSync(file, 'utf8'),
    definitionFileName,
    process.env,
    credentialsIn(process.env),
  );
  const target = parseTarget(definition.target.url);
  made = {
    definition,
    ledger: dynamodbLedger(dynamodbClient(), required('TIDEMARK_LEDGER')),
    store: s3Store(s3Client(), target.bucket),
    keys: keysOf(target, definition.name),
  };
  return made;
}

/** @param name of the definition's `sources`; null: `source`. Of this invocation's own; to be closed when it ends. */
export const openSource = (definition: Definition, name: string | null = null): Promise<Source> =>
  openAt(sourceAccess(sourceNamed(definition, name), process.env));

export const formatOf = (compression: Definition['target']['compression']): Promise<Format> =>
  parquetFormat({ compression: compression === 'auto' ? defaultCompression() : compression });
