import { TidemarkError } from '../core/errors.ts';
import { type Answer, type Context, give } from './context.ts';
import { exitCodeOf, exitCodes } from './errors.ts';
import { shownErrorHere } from './next-steps.ts';
import { type GlobalOptions, parse, type Wish } from './program.ts';
import { sampleDefinition } from './sample-definition.ts';
import { realSurroundings, type Surroundings } from './surroundings.ts';

const helpWidth = (columns: number | undefined): number => Math.min(100, Math.max(40, columns ?? 80));

async function answerTo(wish: Exclude<Wish, { command: 'sample' }>, context: Context): Promise<Answer> {
  switch (wish.command) {
    case 'init':
      return (await import('./commands/init.ts')).init(context, wish.url);
    case 'check':
      return (await import('./commands/check.ts')).check(context);
    case 'plan':
      return (await import('./commands/plan.ts')).plan(context, wish);
    case 'run':
      return (await import('./commands/run.ts')).run(context, wish);
    case 'redrive':
      return (await import('./commands/redrive.ts')).redrive(context, wish.run);
    case 'status':
      return (await import('./commands/status.ts')).status(context);
    case 'runs':
      return (await import('./commands/runs.ts')).runs(context, wish);
    case 'show':
      return (await import('./commands/show.ts')).show(context, wish.run);
    case 'snapshots':
      return (await import('./commands/snapshots.ts')).snapshots(context, wish.table);
    case 'rollback':
      return (await import('./commands/rollback.ts')).rollback(context, wish.table, wish.to);
    case 'tag':
      return (await import('./commands/tag.ts')).tag(context, wish);
    case 'sql':
      return (await import('./commands/sql.ts')).sql(context, wish);
  }
}

/** What a command line inherits from the one that it stands in: `tidemark sample run`. */
type Outer = Pick<Context, 'invocation' | 'definitionFile' | 'home' | 'json'>;

function contextOf(options: GlobalOptions, surroundings: Surroundings, outer: Outer | null): Context {
  return {
    surroundings,
    definitionFile: options.config ?? outer?.definitionFile ?? 'tidemark.yaml',
    home: outer?.home ?? options.home,
    cloud: options.cloud,
    json: outer?.json ?? options.json,
    invocation: outer?.invocation ?? 'npx tidemark',
  };
}

/** @throws TidemarkError UsageWrong, for what only the embedded cloud has */
function refuseOnAws(wish: Wish, outer: Outer | null): void {
  if (outer || wish.command === 'sample') {
    const message = 'the sample database is of this machine: functions on AWS cannot reach it';
    throw new TidemarkError('UsageWrong', `sample with --cloud aws: ${message}`);
  }
  if (wish.command === 'run' && wish.count) {
    const message = 'it reads the files on this machine. On AWS count them with a query engine over S3';
    throw new TidemarkError('UsageWrong', `--count with --cloud aws: ${message}`);
  }
}

async function sampleAnswer(context: Context, options: GlobalOptions, args: readonly string[]) {
  const { sample } = await import('./commands/sample.ts');
  const outer: Outer = {
    invocation: 'npx tidemark sample',
    definitionFile: options.config ?? sampleDefinition(),
    home: context.home,
    json: context.json,
  };
  return sample(context, args, (inner, surroundings) => main(inner, surroundings, outer));
}

/**
 * Runs one command line to its end.
 *
 * @param args without the program's name
 * @returns the exit code: see `exitCodes`
 */
export async function main(
  args: readonly string[],
  surroundings: Surroundings,
  outer: Outer | null = null,
): Promise<number> {
  // until the options are read: an error about them is to be printed as they would have it
  const json = outer?.json ?? args.includes('--json');
  let context = contextOf({ config: null, home: '.tidemark', cloud: 'local', json }, surroundings, outer);
  try {
    const { stdout, stderr } = surroundings;
    if (args.length === 0) {
      parse(['--help'], helpWidth(stderr.columns), (text) => stderr.write(text));
      return exitCodes.wrong;
    }
    const parsed = parse(args, helpWidth(stdout.columns), (text) => stdout.write(text));
    if ('printed' in parsed) return 0;
    const { wish, options } = parsed;
    context = contextOf(options, surroundings, outer);
    if (options.cloud === 'aws') refuseOnAws(wish, outer);
    if (wish.command !== 'sample') return give(context, await answerTo(wish, context));
    if (outer)
      throw new TidemarkError('UsageWrong', 'sample within sample: it runs one command of the others');
    const answer = await sampleAnswer(context, options, wish.args);
    return typeof answer === 'number' ? answer : give(context, answer);
  } catch (error) {
    return give(context, {
      exitCode: exitCodeOf(error),
      document: {},
      lines: () => [],
      error: shownErrorHere(context, error),
    });
  }
}

/** The process itself. */
export async function tidemark(): Promise<void> {
  // `tidemark runs | head -1`: the reader has gone, and that is all
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  // Node 20 is supported here: the versions of the AWS SDK are pinned to ones that run on it
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  process.exitCode = await main(process.argv.slice(2), realSurroundings());
}
