/**
 * The sample's 3 million rows: run, `kill -9` of the process group at a random moment, run again until published, three
 * times over. DuckDB then reads exactly the source's rows, and a resumed run copies only what was not committed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSample } from '../../local/sample.ts';
import { runTidemark, startTidemark } from '../support/command-line.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { filesOf, filesUnder, readPointer } from '../support/lake.ts';
import { randomFrom, seedOfThisRun } from '../support/random.ts';

const config = fileURLToPath(new URL('../../tidemark.yaml', import.meta.url));
const table = 'sample/public.flights';
let folder: string;
let sample: Awaited<ReturnType<typeof startSample>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-flights-'));
  sample = await startSample({ home: folder, log: () => {} });
}, 120_000);

afterAll(async () => {
  await sample.stop();
  await rm(folder, { recursive: true, force: true });
});

const seed = seedOfThisRun();

test(`three rounds of kill -9 and run again, over 3 million rows (TIDEMARK_SEED=${seed})`, async () => {
  const home = join(folder, 'home');
  const random = randomFrom(seed);
  const args = ['run', '--config', config, '--home', home];
  const environment = { DATABASE_URL: sample.url };
  const dataFiles = () => filesUnder(join(home, 's3', 'lake', table, 'data')).length;

  for (let round = 1; round <= 3; round++) {
    const before = dataFiles();
    const killed = startTidemark(args, environment);
    const committed = 1 + Math.floor(random() * 25);
    while (dataFiles() < before + committed) await sleep(5);
    await sleep(random() * 100);
    killed.killGroup();
    await killed.ended;

    const { exitCode, stdout, stderr } = await runTidemark([...args, '--json', '--count'], environment);
    expect(exitCode, stderr).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ outcome: 'published', countsAgree: true });
    expect(stderr).toMatch(/interrupted: [\d,]+ rows in \d+ parts? .*committed already; copying the rest/);
    // what this process copied and what was committed before are the whole, with nothing twice
    expect(summary.committedBefore.rows).toBeGreaterThan(0);
    expect(summary.committedBefore.rows + summary.copied.rows).toBe(summary.rows);

    const pointer = readPointer(home, 'lake', table)!;
    expect(pointer.version).toBe(round);
    expect(await compareWithSource(sample.url, 'flights', filesOf(home, 'lake', pointer))).toEqual({
      sourceRows: 3_000_000,
      lakeRows: 3_000_000,
      lost: 0,
      alien: 0,
    });
  }
}, 400_000);
