/** What must hold after a case, found out from outside: the plain files, the ledger's items, a reader that is not ours. */
import type { Part, Run, TableHead } from '../../../core/ledger/ledger.ts';
import { toPart } from '../../../core/ledger/part-item.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import type { Row } from '../../support/memory-source.ts';
import type { Sights } from './cloud.ts';
import { type Reader, rowsOf } from './reader.ts';
import { rowsOfSnapshot, tables } from './world.ts';

export type Tally = {
  cases: number;
  /** rows of the source that a published table lacks */
  lost: number;
  /** rows that stand there more than once */
  doubled: number;
  /** rows that stand there otherwise than in the source, or are not in the source at all */
  changed: number;
};

export const newTally = (): Tally => ({ cases: 0, lost: 0, doubled: 0, changed: 0 });

/** What is looked at. */
export type Audited = {
  readonly place: Sights;
  readonly reader: Reader;
  /** that the source holds */
  readonly snapshot: number;
};

type Ledger = {
  readonly parts: readonly Part[];
  readonly runs: ReadonlyMap<string, Run>;
  readonly heads: ReadonlyMap<string, TableHead>;
  readonly head: { readonly run: string } | null;
};

async function ledgerOf(world: Audited): Promise<Ledger> {
  const items = await world.place.items();
  const of = (prefix: string) => items.filter(({ sk }) => String(sk).startsWith(prefix));
  return {
    parts: of('CHUNK#').map(toPart),
    runs: new Map((of('RUN#') as Run[]).map((run) => [run.run, run])),
    heads: new Map((of('TABLE#') as TableHead[]).map((head) => [head.table, head])),
    head: (of('HEAD')[0] as { run: string } | undefined) ?? null,
  };
}

/** Counts what is lost, doubled and changed. */
export function compare(found: readonly Row[], source: readonly Row[], tally: Tally): string[] {
  const wrong: string[] = [];
  const times = new Map<number, number>();
  const expected = new Map(source.map(({ id, note }) => [id, note]));
  for (const { id, note } of found) {
    times.set(id, (times.get(id) ?? 0) + 1);
    if (!expected.has(id) || expected.get(id) !== note) {
      tally.changed++;
      wrong.push(`row ${id} is ${note}, not ${expected.get(id)}`);
    }
  }
  for (const id of expected.keys()) {
    const count = times.get(id) ?? 0;
    if (count === 0) {
      tally.lost++;
      wrong.push(`row ${id} is lost`);
    }
    if (count > 1) {
      tally.doubled++;
      wrong.push(`row ${id} stands there ${count} times`);
    }
  }
  return wrong;
}

function logsOf(parts: readonly Part[]): Part[][] {
  const logs = new Map<string, Part[]>();
  for (const part of [...parts].sort((a, b) => a.n - b.n)) {
    const name = `${part.run} ${part.table} ${part.chunk}`;
    logs.set(name, [...(logs.get(name) ?? []), part]);
  }
  return [...logs.values()];
}

function faultsOfLogs(parts: readonly Part[]): string[] {
  return logsOf(parts).flatMap((log) =>
    log.flatMap((part, i) => {
      const before = log[i - 1];
      const place = `run ${part.run}, table ${part.table}, chunk ${part.chunk}, part ${part.n}`;
      if (part.n !== i || (before && (before.to !== part.from || before.last))) {
        return [`${place}: the log has a gap or a fork`];
      }
      return [];
    }),
  );
}

export type Expectation = {
  /** late requests landed after the sweep: what they left is the next run's to sweep */
  readonly mayLeaveStaging: boolean;
};

/**
 * All that is wrong in a world whose newest run has been published with the snapshot that its source holds now. Rows
 * are counted into the tally.
 */
export async function faultsOf(
  world: Audited,
  tally: Tally,
  { mayLeaveStaging }: Expectation,
): Promise<string[]> {
  world.reader.look();
  const { parts, runs, heads, head } = await ledgerOf(world);
  const files = world.place.keys();
  const wrong = [...world.reader.wrong, ...(await world.reader.early()), ...faultsOfLogs(parts)];
  const run = head?.run ?? '';
  if (runs.get(run)?.status !== 'published') wrong.push(`the newest run is ${runs.get(run)?.status}`);
  const running = [...runs.values()].filter(({ status }) => status === 'running');
  if (running.length > 0) wrong.push(`runs are still running: ${running.map((one) => one.run)}`);

  // what lies under a final name is what the ledger committed under it
  const finals = new Map(parts.flatMap(({ files }) => files.map((file) => [file.final, file] as const)));
  for (const name of files.filter((file) => file.includes('/data/'))) {
    const file = finals.get(name);
    if (!file) {
      wrong.push(`${name}: the ledger does not know this file`);
      continue;
    }
    const body = world.place.bodyOf(name);
    if (body.length !== file.size || sha256Of([body]) !== file.sha256) {
      wrong.push(`${name} is not what was committed`);
    }
  }
  const staged = files.filter((file) => file.includes('/_staging/'));
  if (!mayLeaveStaging && staged.length > 0) wrong.push(`staging still holds ${staged.join(', ')}`);

  let rowsTotal = 0;
  for (const [index, table] of tables.entries()) {
    const shown = world.reader.seen(table).at(-1);
    const truth = heads.get(`public.${table}`);
    if (!shown || !truth?.snapshot) {
      wrong.push(`${table}: nothing is published`);
      continue;
    }
    const { pointer } = shown;
    if (truth.snapshot.run !== run) wrong.push(`${table}: the head shows run ${truth.snapshot.run}`);
    if (pointer.version !== truth.version || pointer.runs.join() !== truth.snapshot.run) {
      wrong.push(
        `${table}: head ${truth.version} of ${truth.snapshot.run}, pointer ${pointer.version} of ${pointer.runs}`,
      );
    }
    const committed = parts
      .filter((part) => part.run === run && part.table === index)
      .flatMap((part) => part.files);
    const named = new Set(pointer.files.map(({ key }) => key));
    if (committed.length !== named.size || !committed.every(({ final }) => named.has(final))) {
      wrong.push(`${table}: the snapshot is not what the log holds`);
    }
    const rows = (await Promise.all(shown.files.map(rowsOf))).flat();
    const source = rowsOfSnapshot(world.snapshot)[table];
    wrong.push(...compare(rows, source, tally).map((what) => `${table}: ${what}`));
    if (pointer.rows !== rows.length) wrong.push(`${table}: ${rows.length} rows, not ${pointer.rows}`);
    const asIceberg = world.reader.rowsAsIceberg(table);
    if (asIceberg !== rows.length) wrong.push(`${table}: ${asIceberg} rows as Iceberg, not ${rows.length}`);
    rowsTotal += rows.length;
    wrong.push(...(await wrongSnapshots(world, table)));
  }
  const totals = runs.get(run)?.totals;
  if (totals?.rows !== rowsTotal)
    wrong.push(`the run says ${totals?.rows} rows, the tables hold ${rowsTotal}`);
  return wrong;
}

/** Every snapshot that was ever shown holds the rows that the source had at some time, whole. */
async function wrongSnapshots(world: Audited, table: (typeof tables)[number]): Promise<string[]> {
  const known = new Set<string>();
  for (let snapshot = 1; snapshot <= world.snapshot; snapshot++) {
    known.add(JSON.stringify(rowsOfSnapshot(snapshot)[table]));
  }
  const wrong: string[] = [];
  for (const { pointer, files } of world.reader.seen(table)) {
    const rows = (await Promise.all(files.map(rowsOf))).flat();
    if (!known.has(JSON.stringify(rows.map(({ id, note }) => ({ id, note }))))) {
      wrong.push(`${table}: readers saw version ${pointer.version} with rows that the source never had`);
    }
  }
  return wrong;
}
