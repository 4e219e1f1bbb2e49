/** Seeded random schedules of many faults at once: `npm run test:crash -- --help`. */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { allFaults, type Fault } from './faults.ts';
import { tally } from './tally.ts';
import type { SeedOrder, SeedReport } from './worker.ts';

/** Every so many seeds one is run a second time, to see that it goes the same way. */
const replayEvery = 20;
/** A failed seed shows the end of its trace, this many steps. */
const traceMax = 60;
const progressMs = 10_000;

const usage = `Usage: npm run test:crash -- [options]: seeded random schedules of many faults at once

  --seeds N     how many seeds (100)
  --from S      the first one (1)
  --seed S      just this one, with its trace: a seed goes the same way each time
  --workers W   processes at once (one a core)
  --failures F  stop after so many seeds have failed (10)
  --only 'A;B'  only these faults strike, by their names in faults.ts (by default each seed has its own choice)
  --help        show this

Exits with 1 where a seed failed, with 2 where an option is wrong.
`;

function refuse(message: string): never {
  process.stderr.write(`${message}\n`);
  return process.exit(2);
}

const options = {
  seeds: { type: 'string', default: '100' },
  from: { type: 'string', default: '1' },
  seed: { type: 'string' },
  workers: { type: 'string', default: String(availableParallelism()) },
  failures: { type: 'string', default: '10' },
  only: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const values = (() => {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(`${(error as Error).message}\n\n${usage}`);
  }
})();

if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}

function whole(name: 'seeds' | 'from' | 'seed' | 'workers' | 'failures', min: 0 | 1): number {
  const text = values[name] ?? '';
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
  return refuse(`--${name} is to be a whole number from ${min} on; found: ${text === '' ? 'nothing' : text}`);
}

const faultNamed = (name: string): Fault =>
  allFaults.find((fault) => fault === name) ?? refuse(`--only: ${name} is none of ${allFaults.join('; ')}`);

const single = values.seed !== undefined;
const first = single ? whole('seed', 0) : whole('from', 0);
const count = single ? 1 : whole('seeds', 1);
const failuresMax = whole('failures', 1);
const workers = whole('workers', 1);
const only = values.only === undefined ? null : values.only.split(';').map(faultNamed);
const total = tally();
const startedMs = Date.now();
let next = first;

function show(report: SeedReport): void {
  const { seed, violation, trace } = report;
  if (trace) {
    const shown = single ? trace : trace.slice(-traceMax);
    process.stdout.write(`${shown.join('\n')}\n`);
  }
  if (!violation) return;
  process.stdout.write(
    `seed ${seed} ✗ ${violation.broken}: ${violation.message}\n  again: npm run test:crash -- --seed ${seed}${only ? ` --only '${only.join(';')}'` : ''}\n\n`,
  );
}

function showProgress(): void {
  const done = total.seeds();
  const perSecond = done / ((Date.now() - startedMs) / 1000);
  const secondsLeft = done > 0 ? Math.round((count - done) / perSecond) : 0;
  process.stderr.write(
    `${done} of ${count} seeds, ${perSecond.toFixed(1)} a second, ${secondsLeft} s left, ${total.failed.length} failed\n`,
  );
}

/** One worker, until no seeds are left. */
function work(): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker: ChildProcess = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), {
      env: {
        ...process.env,
        // no setting of whoever runs this counts
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
    });
    const order = (): void => {
      if (next >= first + count || total.failed.length >= failuresMax) {
        worker.disconnect();
        resolve();
        return;
      }
      const seed = next++;
      const orders: SeedOrder = { seed, twice: single || seed % replayEvery === 0, trace: single, only };
      worker.send(orders);
    };
    worker.on('message', (report: SeedReport) => {
      total.add(report);
      show(report);
      order();
    });
    worker.on('error', reject);
    worker.on('exit', (code, signal) => {
      if (code !== 0) reject(new Error(`a worker ended with ${code ?? signal}`));
    });
    order();
  });
}

const progress = setInterval(showProgress, progressMs);
await Promise.all(Array.from({ length: Math.min(workers, count) }, work));
clearInterval(progress);
const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
process.stdout.write(`${total.summary()}, in ${seconds} s\n`);
if (total.failed.length > 0) {
  process.stdout.write(`failed: seeds ${total.failed.map(({ seed }) => seed).join(', ')}\n`);
  process.exitCode = 1;
}
