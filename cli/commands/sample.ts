import { existsSync } from 'node:fs';
import { type Answer, type Context, note } from '../context.ts';
import { exitCodes } from '../errors.ts';
import type { Surroundings } from '../surroundings.ts';

/** These read what is stored; they need no database. */
const looking: readonly string[] = ['status', 'runs', 'show'];

/**
 * Starts the sample database and runs a command with $DATABASE_URL set to it; without a command it keeps the database
 * running until Ctrl-C.
 *
 * @param call runs a command line in given surroundings
 */
export async function sample(
  context: Context,
  args: readonly string[],
  call: (args: readonly string[], surroundings: Surroundings) => Promise<number>,
): Promise<Answer | number> {
  const { surroundings, home } = context;
  const command = args.find((arg) => !arg.startsWith('-'));
  const within = (url: string): Surroundings => ({
    ...surroundings,
    environment: { ...surroundings.environment, DATABASE_URL: url },
  });
  if (command !== undefined && looking.includes(command)) return call(args, surroundings);

  // before anything is started or made
  (await import('../../local/sample/rows.ts')).checkSamplePackages();
  // Ctrl-C while the database starts or loads: a load is one transaction, nothing is left half done
  const forget = surroundings.onStopSignal(() => {
    note(context, 'stopped');
    surroundings.exitNow(exitCodes.incomplete);
  });
  try {
    note(
      context,
      `starting the sample database (PostgreSQL) in ${home}${existsSync(home) ? '' : ', which is new'}`,
    );
    const database = await surroundings.startSample({ home, log: (line) => note(context, `  ${line}`) });
    try {
      if (args.length > 0) return await call(args, within(database.url));
      return await keepRunning(context, database.url);
    } finally {
      await database.stop();
    }
  } finally {
    forget();
  }
}

async function keepRunning(context: Context, url: string): Promise<Answer> {
  const { surroundings } = context;
  for (const line of [
    '',
    'the sample database is running; Ctrl-C stops it',
    `  psql ${url}`,
    `  DATABASE_URL=${url} npx tidemark run`,
    '',
  ]) {
    note(context, line);
  }
  // a signal's handler alone does not keep the process alive
  const alive = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    const forget = surroundings.onStopSignal(() => {
      forget();
      resolve();
    });
  });
  clearInterval(alive);
  return {
    exitCode: exitCodes.done,
    document: { command: 'sample', url },
    lines: () => ['the sample database has stopped; its data stays'],
  };
}
