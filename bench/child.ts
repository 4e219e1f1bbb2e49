/**
 * A measured process: does one piece of work, tells its wall time, CPU time and peak memory on its last line.
 *
 *     child.ts discard <query>                  reads a COPY and throws its bytes away: the limit
 *     child.ts bundle <folder> <event as JSON>  runs a function's bundle, as a sandbox does
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import pg from 'pg';

type Work = () => Promise<unknown>;

/** Reads what the server sends as fast as it comes, and looks at nothing but the message that ends it. */
async function discard(query: string): Promise<number> {
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  const { stream } = (client as unknown as { connection: { stream: NodeJS.ReadWriteStream } }).connection;
  stream.removeAllListeners('data');
  const text = Buffer.from(`${query}\0`);
  const message = Buffer.alloc(5);
  message.write('Q');
  message.writeInt32BE(text.length + 4, 1);
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (data: Buffer) => {
      bytes += data.length;
      // ReadyForQuery, 'Z' 0 0 0 5 'I', is the last thing of an answer
      if (data.at(-1) === 0x49 && data.at(-6) === 0x5a) resolve();
    });
    stream.on('error', reject);
    stream.write(Buffer.concat([message, text]));
  });
  stream.end();
  return bytes;
}

async function bundle(folder: string, event: string): Promise<unknown> {
  process.env.LAMBDA_TASK_ROOT = folder;
  const { handler } = createRequire(import.meta.url)(join(folder, 'index.js'));
  const deadline = Date.now() + 900_000;
  return handler(JSON.parse(event), { getRemainingTimeInMillis: () => deadline - Date.now() });
}

const [kind, ...words] = process.argv.slice(2) as [string, ...string[]];
const works: Record<string, Work> = {
  discard: () => discard(words[0]!),
  bundle: () => bundle(words[0]!, words[1]!),
};
const before = process.cpuUsage();
const began = performance.now();
const answer = await works[kind]!();
const ms = performance.now() - began;
const { user, system } = process.cpuUsage(before);
process.stdout.write(
  `\n${JSON.stringify({ ms, cpuMs: (user + system) / 1000, peakMB: process.resourceUsage().maxRSS / 1024, answer })}\n`,
  () => process.exit(0),
);
