/** Follows the ledger's items from outside, step by step, and knows what may never happen to them. */
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { Item } from '../../support/memory-dynamodb/evaluate.ts';
import type { Table } from '../../support/memory-dynamodb/table.ts';
import { Violation } from './violation.ts';

export type SeenPart = {
  readonly run: string;
  readonly table: number;
  readonly chunk: number;
  readonly n: number;
  readonly from: string | null;
  readonly to: string | null;
  readonly last: boolean;
  readonly rows: number;
  readonly attempt: { readonly id: string };
  readonly file: {
    readonly staged: string;
    readonly final: string;
    readonly size: number;
    readonly sha256: string;
  } | null;
};

export type SeenHead = {
  readonly table: string;
  readonly version: number;
  readonly run: string | null;
  readonly claimedBy: string | null;
  readonly previousRun: string | null;
};

export type LedgerView = {
  /** Looks at what has changed since the last time. @returns the parts that are new @throws Violation */
  follow(table: Table): readonly SeenPart[];
  readonly partsByStaged: ReadonlyMap<string, SeenPart>;
  readonly partsByFinal: ReadonlyMap<string, SeenPart>;
  readonly heads: ReadonlyMap<string, SeenHead>;
  /** run → status */
  readonly runs: ReadonlyMap<string, string>;
  /** the run that the sync's head names */
  readonly run: () => string | null;
};

const textOf = (item: Item, field: string): string => {
  const value = item[field];
  return value !== undefined && 'S' in value ? value.S : '';
};

export function ledgerView(): LedgerView {
  let seen: Table = new Map();
  let run: string | null = null;
  const partsByStaged = new Map<string, SeenPart>();
  const partsByFinal = new Map<string, SeenPart>();
  const heads = new Map<string, SeenHead>();
  const runs = new Map<string, string>();
  const logs = new Map<string, SeenPart[]>();

  function newPart(item: Item): SeenPart {
    const part = unmarshall(item as Parameters<typeof unmarshall>[0]) as SeenPart;
    const place = `chunk ${part.table}.${part.chunk} of ${part.run}`;
    const log = logs.get(place) ?? [];
    const before = log.at(-1);
    if (part.n !== log.length) throw new Violation('log', `${place} has no part before ${part.n}`);
    if (before && (before.last || before.to !== part.from)) {
      throw new Violation('log', `part ${part.n} of ${place} does not go on where ${before.n} ends`);
    }
    logs.set(place, [...log, part]);
    if (part.file) {
      partsByStaged.set(part.file.staged, part);
      const other = partsByFinal.get(part.file.final);
      if (other) throw new Violation('log', `two parts have the final name ${part.file.final}`);
      partsByFinal.set(part.file.final, part);
    }
    return part;
  }

  function newHead(item: Item): void {
    const { table, version, claimedBy, snapshotRun, previousRun } = unmarshall(
      item as Parameters<typeof unmarshall>[0],
    );
    const before = heads.get(table);
    const head: SeenHead = {
      table,
      version: version ?? 0,
      run: snapshotRun ?? null,
      claimedBy: claimedBy ?? null,
      previousRun: previousRun ?? null,
    };
    heads.set(table, head);
    if (head.version === (before?.version ?? 0)) {
      if (head.run === (before?.run ?? null)) return;
      throw new Violation('head', `${table} shows another snapshot in version ${head.version}`);
    }
    if (head.version !== (before?.version ?? 0) + 1) {
      throw new Violation('head', `${table} goes from version ${before?.version} to ${head.version}`);
    }
    if (head.run !== before?.claimedBy) {
      throw new Violation('claim', `${table} shows ${head.run} while ${before?.claimedBy} has the claim`);
    }
  }

  function newRun(item: Item): void {
    const id = textOf(item, 'run');
    const status = textOf(item, 'status');
    const before = runs.get(id);
    if (before !== undefined && before !== 'running' && status !== before) {
      throw new Violation('run', `${id} was ${before} and is ${status}`);
    }
    runs.set(id, status);
  }

  return {
    partsByStaged,
    partsByFinal,
    heads,
    runs,
    run: () => run,
    follow(table) {
      const parts: SeenPart[] = [];
      if (table === seen) return parts;
      for (const [pk, items] of table) {
        const old = seen.get(pk);
        if (items === old) continue;
        for (const [sk, item] of items) {
          const was = old?.get(sk);
          if (item === was) continue;
          if (sk.startsWith('CHUNK#')) {
            if (was) throw new Violation('log', `${pk} ${sk} was committed a second time`);
            parts.push(newPart(item));
          } else if (sk.startsWith('TABLE#')) newHead(item);
          else if (sk.startsWith('RUN#')) newRun(item);
          else run = textOf(item, 'run');
        }
      }
      seen = table;
      return parts;
    },
  };
}
