/**
 * What it takes to copy a table of very many tiny chunks on the embedded cloud: requests to S3 and DynamoDB per chunk,
 * which are to be the same however many chunks there are, and memory, which is to be flat.
 *
 *     npm run bench:chunks -- [chunks …  = 100 1000 10000]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testPostgres } from '../test/support/postgres.ts';
import { runTinyChunks, type TinyChunks } from '../test/support/tiny-chunks.ts';

const given = process.argv.slice(2).map(Number);
const sizes = given.length > 0 ? given : [100, 1_000, 10_000];
/** Looks at the memory that are printed. */
const looksMax = 24;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const folder = await mkdtemp(join(tmpdir(), 'tidemark-chunks-'));
const postgres = await testPostgres();
const results: TinyChunks[] = [];
try {
  for (const chunks of sizes) {
    const result = await runTinyChunks(postgres, folder, chunks, Math.max(1_000, chunks * 2));
    results.push(result);
    const { difference, seconds, faults, strays, staged } = result;
    say(`${result.chunks} chunks in ${seconds.toFixed(1)} s: ${JSON.stringify(difference)}`);
    say(`  faults ${faults.length}, strays ${strays.length}, staged ${staged.length}`);
    say(
      `  memory in MB, of the host and of its largest sandbox, by seconds; the host’s peak ${result.hostPeakMB}`,
    );
    const step = Math.ceil(result.memory.length / looksMax);
    const looks = result.memory.filter((_, index) => index % step === 0);
    say(`  ${looks.map((look) => `${look.seconds}: ${look.hostMB}/${look.sandboxMB}`).join('  ')}`);
  }
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
say('');
const row = (name: string, cells: readonly string[]): void => say(`| ${name} | ${cells.join(' | ')} |`);
const shown = (count: number, chunks: number): string => `${count} (${(count / chunks).toFixed(3)})`;
row(
  'requests (per chunk)',
  results.map(({ chunks }) => `${chunks} chunks`),
);
say(`|---|${results.map(() => '---|').join('')}`);
const kinds = [...new Set(results.flatMap(({ requests }) => Object.keys(requests)))].sort();
for (const kind of kinds)
  row(
    kind,
    results.map(({ requests, chunks }) => shown(requests[kind] ?? 0, chunks)),
  );
