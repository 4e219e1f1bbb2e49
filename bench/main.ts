/**
 * How fast a table becomes Parquet, against the speed at which PostgreSQL gives it away at all. All contestants run in
 * processes of their own, one after the other, in rounds that go back and forth; medians count. Beside the table that
 * it prints it writes all measures as JSON, and a picture.
 *
 *     npm run bench -- [--database mysql] [--lineitem 3000000] [--documents 500000] [--rounds 5]
 *                      [--out .tidemark/bench.json] [--chart .tidemark/bench.svg] [--against <checkout>]
 *
 * `--lineitem 0` leaves a table out. Of MySQL (a MariaDB is started) there is lineitem only. `--against` measures the chunk function of another checkout of this project (with
 * its node_modules) in the same rounds: before and after a change. Linux only, and to be run on an otherwise idle machine.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultCompression } from '../core/formats/parquet/codec.ts';
import { drawChart } from './chart.ts';
import { contestantsOf } from './contestants.ts';
import { type Measure, measure, type Summary, summarize } from './measure.ts';
import { type Results, table } from './results.ts';
import { makeWorld, type TableName, tableNames } from './world.ts';

const { values } = parseArgs({
  options: {
    lineitem: { type: 'string', default: '3000000' },
    documents: { type: 'string', default: '500000' },
    rounds: { type: 'string', default: '5' },
    database: { type: 'string', default: 'postgres' },
    out: { type: 'string', default: '.tidemark/bench.json' },
    chart: { type: 'string', default: '.tidemark/bench.svg' },
    against: { type: 'string' },
  },
});
const database = values.database === 'mysql' ? 'mysql' : 'postgres';
const rows = {
  lineitem: Number(values.lineitem),
  documents: database === 'mysql' ? 0 : Number(values.documents),
};
const rounds = Number(values.rounds);
const against = values.against === undefined ? null : resolve(values.against);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** One round to warm everything up, then the rounds that count, every other one backwards. */
async function compete(world: Awaited<ReturnType<typeof makeWorld>>, name: TableName): Promise<Summary[]> {
  const contestants = await contestantsOf(world, name, rows[name], against);
  const measures = contestants.map((): Measure[] => []);
  for (let round = 0; round <= rounds; round++) {
    const order = [...contestants.keys()];
    for (const index of round % 2 === 1 ? order : order.reverse()) {
      const measured = await measure(world, contestants[index]!);
      if (round > 0) measures[index]!.push(measured);
    }
    say(round === 0 ? `${name}: warm` : `${name}: round ${round} of ${rounds}`);
  }
  const limit = measures[contestants.findIndex(({ role }) => role === 'limit')]!;
  return contestants.map((contestant, index) => summarize(contestant, measures[index]!, limit));
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  say(`wrote ${file}`);
}

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
const world = await makeWorld(rows, say, database);
try {
  const tables: Results['tables'][number][] = [];
  for (const name of tableNames.filter((each) => rows[each] > 0)) {
    tables.push({ name, rows: rows[name], contestants: await compete(world, name) });
  }
  const results: Results = {
    at: new Date().toISOString(),
    node: process.version,
    compression: defaultCompression(),
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGB: Math.round(totalmem() / 1e9),
    },
    rounds,
    tables,
  };
  for (const each of results.tables) say(`\n${table(results, each)}`);
  say('');
  await write(values.out, `${JSON.stringify(results, null, 2)}\n`);
  await write(values.chart, drawChart(results));
} finally {
  await world.stop();
}
