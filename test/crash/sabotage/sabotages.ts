/** Slips that somebody might make, one change each, and what must come of them. */
import type { Fault } from '../random/faults.ts';
import type { Broken } from '../random/violation.ts';
import type { Patch } from './patched-copy.ts';

export type Sabotage = {
  readonly name: string;
  readonly patch: Patch;
  /** the faults under which it shows soon; it needs no others */
  readonly only: readonly Fault[];
  /** what is found to be broken first: one of these */
  readonly broken: readonly Broken[];
};

/** Attempts are overtaken, and their run is given up for another one. */
const takenOver: readonly Fault[] = [
  'falls asleep',
  'overtime',
  'fresh start',
  'execution aborted',
  'definition changes',
];

const dynamodb = 'core/ledger/dynamodb.ts';
const commit = 'core/copy/commit.ts';
const rename = 'core/copy/rename.ts';
const publish = 'core/publish/publish-run.ts';
const publishTable = 'core/publish/publish-table.ts';

export const sabotages: readonly Sabotage[] = [
  {
    name: 'the log’s condition is taken out',
    patch: {
      file: dynamodb,
      take: 'const written = await put(partItem(part), itemIsNew);',
      put: "const written = await put(partItem(part), 'attribute_exists(pk) OR attribute_not_exists(pk)');",
    },
    only: ['falls asleep', 'overtime', 'unavailable after effect'],
    broken: ['log'],
  },
  {
    name: 'a staged file is deleted on a time-out',
    patch: {
      file: commit,
      take: 'await ledger.commitPart({ ...chunk, n, from, to, last, rows, files, attempt, readAt });',
      put: `await ledger
    .commitPart({ ...chunk, n, from, to, last, rows, files, attempt, readAt })
    .catch(async (error: unknown) => {
      await store.delete(files.map(({ staged }) => staged));
      throw error;
    });`,
    },
    only: ['unavailable, lands late', 'unavailable after effect'],
    broken: ['file'],
  },
  {
    name: 'a staged file is deleted before the copy is known',
    patch: {
      file: rename,
      take: "    const known = copy.outcome === 'copied'",
      put: "    await store.delete([file.staged]);\n    const known = copy.outcome === 'copied'",
    },
    only: ['conflict', 'error in a 200', 'unavailable'],
    broken: ['file'],
  },
  {
    name: 'staging is swept while a table is incomplete',
    patch: {
      file: publish,
      take: '    // abandoned meanwhile',
      put: '    await sweepStagingOf(store, keys, run);\n    // abandoned meanwhile',
    },
    only: ['dies before', 'unavailable', 'error in a 200', 'conflict'],
    broken: ['file'],
  },
  {
    name: 'the head is written without the claim',
    patch: {
      file: dynamodb,
      take: '[claimedByThisRun, runIsNotPublished, ...change.conditions]',
      put: '[runIsNotPublished, ...change.conditions]',
    },
    only: takenOver,
    broken: ['claim'],
  },
  {
    name: 'the pointer is written before the head',
    patch: {
      file: publishTable,
      take: '      const snapshot = await stageSnapshot(places, catalog, owner, ready, keep, nowMs);',
      put: `      const snapshot = await stageSnapshot(places, catalog, owner, ready, keep, nowMs);
      if (ready.head && snapshot !== 'superseded' && 'next' in snapshot) {
        const shown = { snapshot: snapshot.change.snapshot, publishedRun: run };
        await showHead(places, sync, { ...ready.head, ...shown, version: ready.head.version + 1 });
      }`,
    },
    only: ['dies before', 'unavailable'],
    broken: ['pointer'],
  },
  {
    name: 'another attempt’s part is taken for one’s own',
    patch: { file: commit, take: 'if (part.attempt.id !== attempt.id) {', put: 'if (part.n !== n) {' },
    only: ['falls asleep', 'overtime'],
    broken: ['log'],
  },
  {
    name: 'a part that ends because time is up says that it is the last',
    patch: {
      file: 'core/copy/encode-parts.ts',
      take: '    if (isTimeUp()) {\n      yield close(false);',
      put: '    if (isTimeUp()) {\n      yield close(true);',
    },
    only: ['answer lost', 'throttled'],
    broken: ['row lost'],
  },
  {
    name: 'old files are swept before the pointer shows the new ones',
    patch: {
      file: publishTable,
      take: '  if (!(await showHead(places, sync, head))) {',
      put: `  const none = { ...catalogOf(places, sync), load: async () => null };
  await sweepTable(store, keys, none, { ...head, previousRun: null });
  if (!(await showHead(places, sync, head))) {`,
    },
    only: ['answer lost'],
    broken: ['snapshot'],
  },
  {
    name: 'the pointer is written over whatever is there',
    patch: {
      file: 'core/publish/pointer.ts',
      take: 'condition: found ? { etag: found.etag } : { absent: true },',
      put: '...(!found && { condition: { absent: true } }),',
    },
    only: [...takenOver, 'unavailable, lands late'],
    broken: ['pointer'],
  },
];
