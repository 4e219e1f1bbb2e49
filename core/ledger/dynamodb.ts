import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { isDenial, nameOfError } from '../aws-denials.ts';
import { TidemarkError } from '../errors.ts';
import * as items from './items.ts';
import type { Ledger, MetadataChange } from './ledger.ts';
import { partItem, toPart } from './part-item.ts';

/*
 * The conditions. Each write has one of them, on one item.
 *
 *   attempt A      ── commit n ──▶ written
 *   attempt B           ── commit n ──▶ refused: A was first. B reads A's item and goes on from its end, or stops
 *   attempt A      ── commit n (the answer got lost, the SDK repeats it) ──▶ refused, by A's own item: A has won
 */
const itemIsNew = 'attribute_not_exists(pk)';
const headIsAsSeen = '#run = :seenRun AND execution = :seenExecution';
const runIsRunning = '#status = :running';
const executionsAreAsSeen =
  'size(executions) = :size AND contains(executions, :newest) AND NOT contains(executions, :execution)';
const noLaterRunHasClaimed = '(attribute_not_exists(claimedBy) OR claimedBy <= :run)';
const formatIsKnown = '(attribute_not_exists(#format) OR #format <= :format)';
const claimedByThisRun = 'claimedBy = :run';
const runIsNotPublished = '(attribute_not_exists(snapshotRun) OR snapshotRun <> :run)';
const metadataIsAsSeen = 'metadata = :seen';
const noMetadataYet = 'attribute_not_exists(metadata) AND attribute_not_exists(inCatalog)';
const tableIsKnown = 'attribute_exists(pk)';

const showsSnapshot = '#version = if_not_exists(#version, :zero) + :one, #snapshot = :snapshot';

/** The parts of a write that moves a table's metadata on; null: a catalog has it. */
function metadataChange(change: MetadataChange | null) {
  if (!change) return { set: 'inCatalog = :true', conditions: [], values: { ':true': true } };
  const { seen, next } = change;
  return {
    set: 'metadata = :next',
    conditions: [seen === null ? noMetadataYet : metadataIsAsSeen],
    values: { ':next': next, ...(seen !== null && { ':seen': seen }) },
  };
}

/** A network that swallows requests (a VPC without an endpoint for DynamoDB) is an error after some of these, not silence. */
const requestHandler = { connectionTimeout: 10_000, requestTimeout: 20_000, throwOnRequestTimeout: true };

/** DynamoDB as Tidemark uses it. The endpoint comes from the environment (AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL). */
export const dynamodbClient = (config: DynamoDBClientConfig = {}): DynamoDBClient =>
  new DynamoDBClient({ maxAttempts: 6, requestHandler, ...config });

const conditionFailed = (error: unknown): boolean => nameOfError(error) === 'ConditionalCheckFailedException';

function asTidemarkError(error: unknown, action: string, table: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const name = nameOfError(error);
  const said = error instanceof Error && error.message ? `: ${error.message}` : '';
  const place = `dynamodb:${action} on table ${table}`;
  if (isDenial(name)) {
    return new TidemarkError('LedgerDenied', `${place} was denied (${name})${said}`, { cause: error });
  }
  if (name === 'ResourceNotFoundException') {
    return new TidemarkError('LedgerDenied', `${place}: the ledger table does not exist`, { cause: error });
  }
  if (name === 'ValidationException' || name === 'ItemCollectionSizeLimitExceededException') {
    return new TidemarkError('ProtocolViolation', `${place} was refused (${name})${said}`, { cause: error });
  }
  return new TidemarkError('LedgerUnavailable', `${place} failed (${name})${said}`, { cause: error });
}

/** An item must stay small however often a run is adopted: the first execution and the newest ones are kept. */
const executionsMax = 50;

const joined = (before: readonly string[], execution: string): string[] => [
  ...before.slice(0, 1),
  ...before.slice(1).slice(2 - executionsMax),
  execution,
];

/** The ledger in the DynamoDB table `tableName`. */
export function dynamodbLedger(client: DynamoDBClient, tableName: string): Ledger {
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  async function get(key: items.Key): Promise<items.Item | null> {
    try {
      const answer = await documents.send(
        new GetCommand({ TableName: tableName, Key: key, ConsistentRead: true }),
      );
      return answer.Item ?? null;
    } catch (error) {
      throw asTidemarkError(error, 'GetItem', tableName);
    }
  }

  async function mustGet(key: items.Key): Promise<items.Item> {
    const item = await get(key);
    if (!item) {
      throw new TidemarkError(
        'ProtocolViolation',
        `ledger item ${key.pk} ${key.sk} has gone from ${tableName}`,
      );
    }
    return item;
  }

  /** True: written. False: the condition does not hold (perhaps because this very write took effect before). */
  async function put(item: items.Item, condition: string, values?: items.Item): Promise<boolean> {
    try {
      await documents.send(
        new PutCommand({
          TableName: tableName,
          Item: item,
          ConditionExpression: condition,
          ...(values && { ExpressionAttributeValues: values, ExpressionAttributeNames: { '#run': 'run' } }),
        }),
      );
      return true;
    } catch (error) {
      if (conditionFailed(error)) return false;
      throw asTidemarkError(error, 'PutItem', tableName);
    }
  }

  /**
   * Updates an item under a condition and gives it as it is afterwards. Where the condition does not hold, a
   * consistent read gives what stands there: the caller finds in it whether its own write had been first.
   */
  async function update(
    key: items.Key,
    expression: string,
    condition: string,
    names: Record<string, string>,
    values: items.Item,
  ): Promise<items.Item> {
    try {
      const answer = await documents.send(
        new UpdateCommand({
          TableName: tableName,
          Key: key,
          UpdateExpression: expression,
          ConditionExpression: condition,
          ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
          ExpressionAttributeValues: values,
          ReturnValues: 'ALL_NEW',
        }),
      );
      return answer.Attributes!;
    } catch (error) {
      if (conditionFailed(error)) return mustGet(key);
      throw asTidemarkError(error, 'UpdateItem', tableName);
    }
  }

  async function* query(
    pk: string,
    range: { from: string; to: string },
    newestFirst = false,
    pageSize?: number,
  ): AsyncGenerator<items.Item> {
    try {
      const pages = paginateQuery(
        { client: documents, ...(pageSize && { pageSize }) },
        {
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
          ExpressionAttributeValues: { ':pk': pk, ':from': range.from, ':to': range.to },
          ConsistentRead: true,
          ScanIndexForward: !newestFirst,
        },
      );
      for await (const page of pages) yield* page.Items ?? [];
    } catch (error) {
      throw asTidemarkError(error, 'Query', tableName);
    }
  }

  return {
    async head(sync) {
      const item = await get(items.headKey(sync));
      return item && items.toHead(item);
    },

    async moveHead(sync, seen, next) {
      const item = items.headItem(sync, next);
      const written = seen
        ? await put(item, headIsAsSeen, { ':seenRun': seen.run, ':seenExecution': seen.execution })
        : await put(item, itemIsNew);
      if (written) return true;
      const found = items.toHead(await mustGet(items.headKey(sync)));
      return found.run === next.run && found.execution === next.execution;
    },

    async run(sync, run) {
      const item = await get(items.runKey(sync, run));
      return item && items.toRun(item);
    },

    async runs(sync, limit) {
      const found = [];
      for await (const item of query(items.syncPartition(sync), { from: 'RUN#', to: 'RUN#~' }, true, limit)) {
        found.push(items.toRun(item));
        if (found.length === limit) break;
      }
      return found;
    },

    async createRun(run) {
      const written = await put(items.runItem(run), itemIsNew);
      return written ? run : items.toRun(await mustGet(items.runKey(run.sync, run.run)));
    },

    async joinRun(sync, run, execution) {
      let found = items.toRun(await mustGet(items.runKey(sync, run)));
      // again where another execution has joined between the look and the write
      while (found.status === 'running' && !found.executions.includes(execution)) {
        found = items.toRun(
          await update(
            items.runKey(sync, run),
            'SET executions = :joined',
            `${runIsRunning} AND ${executionsAreAsSeen}`,
            { '#status': 'status' },
            {
              ':running': 'running',
              ':size': found.executions.length,
              ':newest': found.executions.at(-1),
              ':execution': execution,
              ':joined': joined(found.executions, execution),
            },
          ),
        );
      }
      return found;
    },

    async endRun(sync, run, ending) {
      return items.toRun(
        await update(
          items.runKey(sync, run),
          'SET #status = :status, endedAt = :endedAt, totals = :totals',
          runIsRunning,
          { '#status': 'status' },
          {
            ':running': 'running',
            ':status': ending.status,
            ':endedAt': ending.endedAt,
            ':totals': ending.status === 'published' ? ending.totals : null,
          },
        ),
      );
    },

    async tableHead(sync, table) {
      const item = await get(items.tableKey(sync, table));
      return item && items.toTableHead(item);
    },

    async tableHeads(sync) {
      const found = [];
      for await (const item of query(items.syncPartition(sync), { from: 'TABLE#', to: 'TABLE$' })) {
        found.push(items.toTableHead(item));
      }
      return found;
    },

    async claimTable(sync, table, run) {
      return items.toTableHead(
        await update(
          items.tableKey(sync, table),
          'SET claimedBy = :run, #table = :table, #format = :format',
          `${noLaterRunHasClaimed} AND ${formatIsKnown}`,
          { '#table': 'table', '#format': 'format' },
          { ':run': run, ':table': table, ':format': items.tableFormatVersion },
        ),
      );
    },

    async publishTable(sync, table, snapshot, metadata) {
      const change = metadataChange(metadata);
      return items.toTableHead(
        await update(
          items.tableKey(sync, table),
          // SET reads old values: `previousRun` becomes the run of the snapshot that this write replaces
          `SET ${showsSnapshot}, snapshotRun = :run, previousRun = if_not_exists(snapshotRun, :none), ${change.set}`,
          [claimedByThisRun, runIsNotPublished, ...change.conditions].join(' AND '),
          { '#version': 'version', '#snapshot': 'snapshot' },
          {
            ...{ ':run': snapshot.run, ':snapshot': snapshot, ':zero': 0, ':one': 1, ':none': null },
            ...change.values,
          },
        ),
      );
    },

    async changeTable(sync, table, snapshot, metadata) {
      const change = metadataChange(metadata);
      return items.toTableHead(
        await update(
          items.tableKey(sync, table),
          `SET ${snapshot ? `${showsSnapshot}, ` : ''}${change.set}`,
          [tableIsKnown, ...change.conditions].join(' AND '),
          snapshot ? { '#version': 'version', '#snapshot': 'snapshot' } : {},
          { ...(snapshot && { ':snapshot': snapshot, ':zero': 0, ':one': 1 }), ...change.values },
        ),
      );
    },

    async lastPart(chunk) {
      const { pk, sk } = items.partKey(chunk, 0);
      for await (const item of query(pk, { from: sk, to: items.chunkLogEnd(chunk) }, true, 1)) {
        return toPart(item);
      }
      return null;
    },

    async *partsOfRun(sync, run, from = { table: 0, chunk: 0 }) {
      const shards = Array.from({ length: items.shardCount }, async (_, shard) => {
        const parts = [];
        const range = { from: items.chunkPrefix(from), to: 'CHUNK#~' };
        for await (const item of query(items.shardPartition(sync, run, shard), range)) {
          parts.push(toPart(item));
        }
        return parts;
      });
      for (const parts of await Promise.all(shards)) yield* parts;
    },

    async commitPart(part) {
      const written = await put(partItem(part), itemIsNew);
      return written ? part : toPart(await mustGet(items.partKey(part, part.n)));
    },
  };
}
