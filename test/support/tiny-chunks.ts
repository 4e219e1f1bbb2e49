/** A table of very many tiny chunks, copied by the command line on the embedded cloud, and what that took. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sandboxesOf, startTidemark } from './command-line.ts';
import { compareWithSource, type Difference } from './compare-with-source.ts';
import type { TestPostgres } from './postgres.ts';
import { syncWorld } from './sync-world.ts';

const counter = fileURLToPath(new URL('request-counts.mjs', import.meta.url));

const rowsPerChunk = 6;

/** Resident memory at one moment. */
export type Look = {
  readonly seconds: number;
  readonly hostMB: number;
  /** the largest one's */
  readonly sandboxMB: number;
};

export type TinyChunks = {
  /** files, that is: each has one part */
  readonly chunks: number;
  readonly seconds: number;
  /** as request-counts.mjs names them */
  readonly requests: Readonly<Record<string, number>>;
  readonly memory: readonly Look[];
  readonly hostPeakMB: number;
  readonly difference: Difference;
  readonly faults: readonly string[];
  readonly strays: readonly string[];
  readonly staged: readonly string[];
};

const megabytesOf = (pid: number, field: 'VmRSS' | 'VmHWM'): number => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Math.round(Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
};

/**
 * Makes a table, copies it with chunks of six rows, and compares. Linux only: it looks at /proc.
 *
 * @param folder an existing one
 * @param lookMs between two looks at the memory
 */
export async function runTinyChunks(
  postgres: TestPostgres,
  folder: string,
  chunks: number,
  lookMs: number,
): Promise<TinyChunks> {
  const table = `tiny_${chunks}`;
  await postgres.sql(
    `create table ${table} (id bigint primary key, note text, at timestamptz, amount numeric(12,2))`,
  );
  await postgres.sql(
    `insert into ${table} select i * 3, case when i % 5 > 0 then 'note ' || i end,
       timestamptz '2026-01-01' + i * interval '1 s', i / 7.0 from generate_series(1, ${chunks * rowsPerChunk}) i`,
  );
  await postgres.sql(`vacuum analyze ${table}`);
  const counts = join(folder, `${table}.json`);
  const world = syncWorld(folder, `tiny-${chunks}`, {
    source: { type: 'postgres', url: postgres.url },
    tables: [`public.${table}`],
    chunk: { rows: rowsPerChunk },
  });
  const began = performance.now();
  const running = startTidemark(['--config', world.config, '--home', world.home, 'run', '--json'], {
    NODE_OPTIONS: `--import ${counter}`,
    TIDEMARK_TEST_COUNTS: counts,
    AWS_SDK_UA_APP_ID: 'host',
  });
  let over = false;
  running.ended.then(() => {
    over = true;
  });
  const memory: Look[] = [];
  let hostPeakMB = 0;
  for (let next = lookMs; !over; await sleep(100)) {
    hostPeakMB = Math.max(hostPeakMB, megabytesOf(running.pid, 'VmHWM'));
    const ms = performance.now() - began;
    if (ms < next) continue;
    next = ms + lookMs;
    const sandboxes = sandboxesOf(running.pid).map((pid) => megabytesOf(pid, 'VmRSS'));
    const hostMB = megabytesOf(running.pid, 'VmRSS');
    memory.push({ seconds: Math.round(ms / 1000), hostMB, sandboxMB: Math.max(0, ...sandboxes) });
  }
  const { exitCode, stderr } = await running.ended;
  if (exitCode !== 0) throw new Error(stderr);
  const seconds = (performance.now() - began) / 1000;
  const requests = JSON.parse(readFileSync(counts, 'utf8'));
  const at = `public.${table}`;
  const files = world.files(at);
  return {
    chunks: files.length,
    seconds,
    requests,
    memory,
    hostPeakMB,
    difference: await compareWithSource(postgres.url, at, files),
    faults: world.faults(at),
    strays: world.strays(at),
    staged: world.staged(),
  };
}
