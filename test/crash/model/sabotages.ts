/** Each breaks one rule of the protocol. The explorer must find it: a model that cannot fail shows nothing. */
import { TidemarkError } from '../../../core/errors.ts';
import { rollForward } from '../../../core/publish/pointer.ts';
import { sweepStagingOf } from '../../../core/publish/sweep.ts';
import type { Operation } from '../../support/memory-dynamodb/table.ts';
import type { Sabotage } from './protocol.ts';
import { keys, sync } from './tasks.ts';

const isPartOf = ({ input }: Operation): boolean => {
  const sk = input.Item?.sk;
  return sk !== undefined && 'S' in sk && sk.S.startsWith('CHUNK#');
};

/** The request with another condition, or none; with what the condition alone had used taken out. */
function withCondition(operation: Operation, condition: string | undefined): Operation {
  const {
    ConditionExpression: _,
    ExpressionAttributeNames,
    ExpressionAttributeValues,
    ...rest
  } = operation.input;
  const text = ` ${condition ?? ''} ${rest.UpdateExpression ?? ''} `;
  const used = <T>(definitions: Readonly<Record<string, T>> | undefined) => {
    const kept = Object.entries(definitions ?? {}).filter(([name]) => new RegExp(`${name}\\W`).test(text));
    return kept.length > 0 ? Object.fromEntries(kept) : undefined;
  };
  const [names, values] = [used(ExpressionAttributeNames), used(ExpressionAttributeValues)];
  return {
    name: operation.name,
    input: {
      ...rest,
      ...(condition && { ConditionExpression: condition }),
      ...(names && { ExpressionAttributeNames: names }),
      ...(values && { ExpressionAttributeValues: values }),
    },
  };
}

/** Takes clauses out of the product's own condition. @throws Error where one is not there any more */
function without(clause: string | readonly RegExp[], isMeant: (operation: Operation) => boolean): Sabotage {
  return {
    rewrite(operation) {
      const condition = operation.input.ConditionExpression;
      if (condition === undefined || !isMeant(operation)) return operation;
      let rest: string = condition;
      for (const each of typeof clause === 'string' ? [clause] : clause) {
        const left: string = rest
          .replace(each, '')
          .replace(/^ AND | AND $/, '')
          .replace(' AND  AND ', ' AND ');
        if (left === rest) throw new Error(`the condition ${rest} does not say ${each}`);
        rest = left;
      }
      return withCondition(operation, rest === '' ? undefined : rest);
    },
  };
}

const updates =
  (attribute: string) =>
  ({ input }: Operation): boolean =>
    input.UpdateExpression?.includes(attribute) === true;

export const partWithoutCondition = without('attribute_not_exists(pk)', isPartOf);
export const headWithoutClaim = without('claimedBy = :run', updates('snapshotRun'));
/** Two clauses keep it from happening: whose snapshot it is, and which metadata was seen. */
export const snapshotTwice = without(
  [
    /\(attribute_not_exists\(snapshotRun\) OR snapshotRun <> :run\)/,
    /metadata = :seen|attribute_not_exists\(metadata\)/,
  ],
  updates('snapshotRun'),
);
export const claimWithoutCondition = without(
  '(attribute_not_exists(claimedBy) OR claimedBy <= :run)',
  updates('SET claimedBy'),
);
export const endWithoutCondition = without('#status = :running', updates('endedAt'));
export const syncHeadWithoutCondition = without(
  '#run = :seenRun AND execution = :seenExecution',
  ({ input }) => input.ConditionExpression?.includes(':seenRun') === true,
);

export const stagedDeletedOnTimeOut: Sabotage = {
  wrap: (places) => ({
    ...places,
    ledger: {
      ...places.ledger,
      async commitPart(part) {
        try {
          return await places.ledger.commitPart(part);
        } catch (error) {
          await places.store.delete(part.files.map(({ staged }) => staged));
          throw error;
        }
      },
    },
  }),
};

export const stagedDeletedBeforeCopyIsKnown: Sabotage = {
  wrap: (places) => ({
    ...places,
    store: {
      ...places.store,
      async copyToAbsent(from, to, etag) {
        const copying = places.store.copyToAbsent(from, to, etag);
        copying.catch(() => {}); // it is awaited after the deletion
        await places.store.delete([from]);
        return copying;
      },
    },
  }),
};

export const stagingSweptWhileIncomplete: Sabotage = {
  async around(task, { store }, invoke) {
    try {
      return await invoke();
    } catch (error) {
      const isIncomplete = error instanceof TidemarkError && error.code === 'RunIncomplete';
      if (task.kind === 'publish' && isIncomplete) await sweepStagingOf(store, keys, task.run);
      throw error;
    }
  },
};

export const pointerBeforeHead: Sabotage = {
  wrap: (places) => ({
    ...places,
    ledger: {
      ...places.ledger,
      async publishTable(ofSync, table, snapshot, metadata) {
        const head = (await places.ledger.tableHead(ofSync, table))!;
        const next = { ...head, version: head.version + 1, snapshot, publishedRun: snapshot.run };
        await rollForward(places.store, keys, sync, next, async () => ({ runs: [], files: [] }));
        return places.ledger.publishTable(ofSync, table, snapshot, metadata);
      },
    },
  }),
};
