import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { StateFailed, unlessHalted } from './failure.ts';
import { outcomeOf } from './history.ts';
import { openItems } from './item-reader.ts';
import { arnOf, type Child, type Children, childNames, itemsFile, type MapRun } from './map-run.ts';
import type { Json } from './template.ts';

type Kind = 'SUCCEEDED' | 'FAILED' | 'PENDING';

/** A result file is closed at this size, so that memory does not grow with the number of children. */
const fileBytesMax = 4 * 1024 * 1024;

export type ResultsLocation = { readonly Bucket: string; readonly Key: string };

/** Where the manifest of a map run stands. @param target the evaluated Arguments of the ResultWriter */
export function resultsLocation(mapRun: MapRun, target: Json): ResultsLocation {
  const { Bucket, Prefix } = target as { readonly [name: string]: Json };
  if (typeof Bucket !== 'string' || typeof Prefix !== 'string') {
    throw new StateFailed(
      'States.ResultWriterFailed',
      'Bucket and Prefix of the ResultWriter must be texts.',
    );
  }
  const folder = Prefix === '' ? mapRun.id : `${Prefix}/${mapRun.id}`;
  return { Bucket, Key: `${folder}/manifest.json` };
}

/**
 * Writes what became of all children as AWS does: SUCCEEDED_n.json, FAILED_n.json (failed, timed out and aborted
 * ones) and PENDING_n.json, each an array, and last manifest.json, which lists them. A redrive writes them anew.
 *
 * @throws StateFailed States.ResultWriterFailed
 */
export async function writeResults(
  s3: S3Client,
  mapRun: MapRun,
  children: Children,
  { Bucket, Key }: ResultsLocation,
  halt: AbortSignal,
): Promise<void> {
  const put = async (key: string, body: string): Promise<{ Key: string; Size: number }> => {
    const bytes = Buffer.from(body);
    const command = new PutObjectCommand({ Bucket, Key: key, Body: bytes, ContentType: 'application/json' });
    try {
      await unlessHalted(s3.send(command), halt);
    } catch (error) {
      if (halt.aborted) throw error;
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw new StateFailed('States.ResultWriterFailed', `Writing s3://${Bucket}/${key} failed: ${reason}`);
    }
    return { Key: key, Size: bytes.length };
  };

  const folder = Key.slice(0, Key.lastIndexOf('/'));
  const files: Record<Kind, { Key: string; Size: number }[]> = { FAILED: [], PENDING: [], SUCCEEDED: [] };
  for (const kind of ['SUCCEEDED', 'FAILED', 'PENDING'] as const) {
    let entries: string[] = [];
    let bytes = 0;
    const flush = async () => {
      files[kind].push(await put(`${folder}/${kind}_${files[kind].length}.json`, `[${entries.join(',')}]`));
      entries = [];
      bytes = 0;
    };
    for (const entry of entriesOf(mapRun, children, kind)) {
      entries.push(entry);
      bytes += entry.length;
      if (bytes >= fileBytesMax) await flush();
    }
    if (entries.length > 0) await flush();
  }
  await put(Key, JSON.stringify({ DestinationBucket: Bucket, MapRunArn: arnOf(mapRun), ResultFiles: files }));
  mapRun.resultsWritten = children.list.length;
}

function* entriesOf(mapRun: MapRun, children: Children, kind: Kind): Generator<string> {
  if (kind === 'PENDING') {
    yield* pendingEntries(mapRun, children);
    return;
  }
  for (const child of children.list) {
    const succeeded = child.history.timeline?.status === 'SUCCEEDED';
    if (succeeded === (kind === 'SUCCEEDED')) yield JSON.stringify(entryOf(mapRun, child));
  }
}

/** Items that no child was started for, because too many failed before. */
function* pendingEntries(mapRun: MapRun, children: Children): Generator<string> {
  if (children.total === null || children.total === children.list.length) return;
  const items = openItems(itemsFile(mapRun), children.list.length);
  try {
    for (let index = children.list.length; index < children.total; index += 1) {
      const { arn, name, machineArn } = childNames(mapRun, index);
      yield JSON.stringify({
        ExecutionArn: arn,
        Input: items.next(),
        InputDetails: included,
        Name: name,
        StateMachineArn: machineArn,
        Status: 'PENDING',
      });
    }
  } finally {
    items.close();
  }
}

const included = { Included: true };

function entryOf(mapRun: MapRun, child: Child): object {
  const { input, output, error, cause } = outcomeOf(child.history);
  const { status, startMs, stopMs, redriveCount } = child.history.timeline!;
  const { arn, name, machineArn } = childNames(mapRun, child.index);
  return {
    ...(cause === undefined ? {} : { Cause: cause }),
    ...(error === undefined ? {} : { Error: error }),
    ExecutionArn: arn,
    Input: input,
    InputDetails: included,
    Name: name,
    ...(output === undefined ? {} : { Output: output }),
    OutputDetails: included,
    RedriveCount: redriveCount,
    ...redrivableBy(status),
    StartDate: new Date(startMs).toISOString(),
    StateMachineArn: machineArn,
    Status: status,
    StopDate: stopMs === null ? undefined : new Date(stopMs).toISOString(),
  };
}

function redrivableBy(status: string): object {
  if (status !== 'SUCCEEDED') return { RedriveStatus: 'REDRIVABLE_BY_MAP_RUN' };
  return {
    RedriveStatus: 'NOT_REDRIVABLE',
    RedriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
  };
}
