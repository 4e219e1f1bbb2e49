import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { TidemarkError } from '../core/errors.ts';
import type { Tagging } from './commands/tag.ts';
import { helpTexts } from './help-texts.ts';

/** What the user wants, read off the command line. */
export type Wish =
  | { readonly command: 'init'; readonly url: string | null }
  | { readonly command: 'check' }
  | { readonly command: 'plan'; readonly chunks: boolean }
  | { readonly command: 'run'; readonly fresh: boolean; readonly count: boolean }
  | { readonly command: 'redrive'; readonly run: string | null }
  | { readonly command: 'status' }
  | { readonly command: 'runs'; readonly limit: number }
  | { readonly command: 'show'; readonly run: string }
  | { readonly command: 'snapshots'; readonly table: string }
  | { readonly command: 'rollback'; readonly table: string; readonly to: string }
  | ({ readonly command: 'tag' } & Tagging)
  | { readonly command: 'sql'; readonly table: string; readonly engine: string }
  | { readonly command: 'sample'; readonly args: readonly string[] };

export type GlobalOptions = {
  /** null: not given, so the default */
  readonly config: string | null;
  readonly home: string;
  readonly cloud: 'local' | 'aws';
  readonly json: boolean;
};

/** `help` and `version` have been printed by then. */
export type Parsed = { readonly wish: Wish; readonly options: GlobalOptions } | { readonly printed: true };

type Write = (text: string) => void;

const version = (): string =>
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('allowed: a whole number from 1 on');
}

/**
 * The grammar of the command line; options that hold for every command are taken before and after it. Every command
 * notes what is wished; nothing is done here.
 */
function grammar(width: number, write: Write, wish: (wish: Wish) => void): Command {
  const program = new Command('tidemark');
  program
    .description(helpTexts.tidemark.description)
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help; `tidemark <command> --help` for a command’s')
    .helpCommand('help [command]', 'show help for a command')
    .option('--config <file>', 'the sync’s definition (default: tidemark.yaml)')
    .option('--home <folder>', 'where the embedded cloud keeps everything', '.tidemark')
    .addOption(
      new Option(
        '--cloud <where>',
        'where the sync runs: here, or deployed on AWS (its definition file is read here then, too)',
      )
        .choices(['local', 'aws'])
        .default('local'),
    )
    .option('--json', 'print one JSON document on stdout, progress on stderr')
    .addHelpText('after', helpTexts.tidemark.after)
    .usage('<command> [options]');

  const command = (name: string, text: { description: string; summary: string; after: string }): Command =>
    program
      .command(name)
      .summary(text.summary)
      .description(text.description)
      .helpOption('-h, --help', 'show this')
      .addHelpText('after', text.after);

  command('init', helpTexts.init)
    .argument('[url]', 'the database’s address (default: $DATABASE_URL)')
    .action((url: string | undefined) => wish({ command: 'init', url: url ?? null }));
  command('check', helpTexts.check).action(() => wish({ command: 'check' }));
  command('plan', helpTexts.plan)
    .option('--chunks', 'list every chunk with its key range')
    .action(({ chunks }: { chunks?: true }) => wish({ command: 'plan', chunks: chunks === true }));
  command('run', helpTexts.run)
    .option('--fresh', 'abandon an unfinished run and begin anew')
    .option('--count', 'afterwards count the rows, in the database and in the files')
    .action(({ fresh, count }: { fresh?: true; count?: true }) =>
      wish({ command: 'run', fresh: fresh === true, count: count === true }),
    );
  command('redrive', helpTexts.redrive)
    .argument('[run]', 'a run’s id (default: the unfinished one)')
    .action((run: string | undefined) => wish({ command: 'redrive', run: run ?? null }));
  command('status', helpTexts.status).action(() => wish({ command: 'status' }));
  command('runs', helpTexts.runs)
    .option('--limit <n>', 'at most this many', positive, 20)
    .action(({ limit }: { limit: number }) => wish({ command: 'runs', limit }));
  command('show', helpTexts.show)
    .argument('<run>', 'a run’s id, as `tidemark runs` lists them')
    .action((run: string) => wish({ command: 'show', run }));
  command('snapshots', helpTexts.snapshots)
    .argument('<table>', 'as it stands in the definition')
    .action((table: string) => wish({ command: 'snapshots', table }));
  command('rollback', helpTexts.rollback)
    .argument('<table>', 'as it stands in the definition')
    .argument('<snapshot>', 'a snapshot’s id, its run’s, or a tag, as `tidemark snapshots` lists them')
    .action((table: string, to: string) => wish({ command: 'rollback', table, to }));
  command('tag', helpTexts.tag)
    .argument('<table>', 'as it stands in the definition')
    .argument('<tag>', 'letters, digits and _')
    .option('--snapshot <snapshot>', 'a snapshot’s id, its run’s, or a tag (default: what readers see)')
    .option('--move', 'take a tag that is there already from its snapshot')
    .addOption(new Option('--delete', 'take the tag away').conflicts(['snapshot', 'move']))
    .action((table: string, tag: string, options: { snapshot?: string; delete?: true; move?: true }) =>
      wish({
        ...{ command: 'tag', table, tag },
        ...{ snapshot: options.snapshot ?? null, delete: options.delete === true },
        move: options.move === true,
      }),
    );
  command('sql', helpTexts.sql)
    .argument('<table>', 'as the definition names it')
    .requiredOption('--engine <name>', 'athena, duckdb, spark, trino, snowflake, redshift or clickhouse')
    .action((table: string, { engine }: { engine: string }) => wish({ command: 'sql', table, engine }));
  command('sample', helpTexts.sample)
    .argument('[command...]', 'a command of tidemark, with its options')
    // they are the inner command's
    .allowUnknownOption()
    .action((_args: string[], _options: unknown, self: Command) =>
      wish({ command: 'sample', args: self.args }),
    );

  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureHelp({ showGlobalOptions: true, helpWidth: width });
    each.configureOutput({ writeOut: write, writeErr: () => {}, outputError: () => {} });
  }
  return program;
}

const usageMessage = (message: string): string =>
  message
    .replace(/^error: /, '')
    .replace(/\s*\(Did you mean ([^)]*)\)/, '; did you mean $1')
    .trim();

/**
 * @param width of the terminal, for help
 * @param write prints help and version
 * @throws TidemarkError UsageWrong, with the nearest known word where there is one
 */
export function parse(args: readonly string[], width: number, write: Write): Parsed {
  let wish: Wish | null = null;
  const program = grammar(width, write, (found) => {
    wish = found;
  });
  try {
    program.parse([...args], { from: 'user' });
  } catch (error) {
    const { code, exitCode, message } = error as { code?: string; exitCode?: number; message: string };
    if (!code?.startsWith('commander.')) throw error;
    if (exitCode === 0) return { printed: true };
    throw new TidemarkError('UsageWrong', usageMessage(message));
  }
  const { config, home, cloud, json } = program.opts<{
    config?: string;
    home: string;
    cloud: 'local' | 'aws';
    json?: true;
  }>();
  return { wish: wish!, options: { config: config ?? null, home, cloud, json: json === true } };
}
