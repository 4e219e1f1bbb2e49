import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fingerprint } from '../../core/definition/fingerprint.ts';
import { loadDefinition } from '../../core/definition/load.ts';
import type { Definition } from '../../core/definition/options.ts';
import { referencedVariables } from '../../core/definition/references.ts';
import { sourceNamed } from '../../core/definition/source-named.ts';
import { parseTableName } from '../../core/definition/table-name.ts';
import { tableOptions } from '../../core/definition/table-options.ts';
import { parseTablePattern } from '../../core/definition/table-pattern.ts';
import { TidemarkError } from '../../core/errors.ts';
import { defaultCompression, loadCodec } from '../../core/formats/parquet/codec.ts';
import { previewRun } from '../../core/plan/preview.ts';
import type { TablePlan } from '../../core/plan/table-plan.ts';
import { catalogOf } from '../../core/publish/catalogs/catalog-of.ts';
import { type NamedSources, openSources } from '../../core/sources/named-sources.ts';
import { type AccountRights, accountRights } from '../account-rights.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes, problemLines, shownError } from '../errors.ts';
import { isAlive } from '../executions.ts';
import { plannedKeyWords } from '../key-words.ts';
import { again, commandsHere, nextStepHere } from '../next-steps.ts';
import { printable } from '../printable.ts';
import { bytes, count, counted } from '../quantities.ts';
import { definitionText } from '../read-definition.ts';
import type { Style } from '../terminal.ts';
import { typeWords } from '../type-words.ts';
import { withCloud } from '../with-cloud.ts';

export type Finding = {
  readonly about: 'definition' | 'environment' | 'database' | 'table' | 'folder' | 'cloud' | 'run';
  /** `note`: good to know, no hindrance */
  readonly result: 'good' | 'bad' | 'note';
  /** the table's or the variable's name */
  readonly name: string | null;
  readonly text: string;
  readonly code: string | null;
  readonly next: string | null;
  /** statements that make an account with just enough rights */
  readonly grants?: readonly string[];
};

const good = (about: Finding['about'], name: string | null, text: string): Finding => ({
  about,
  result: 'good',
  name,
  text,
  code: null,
  next: null,
});

const remark = (about: Finding['about'], name: string | null, text: string): Finding => ({
  ...good(about, name, text),
  result: 'note',
});

function bad(about: Finding['about'], name: string | null, error: unknown): Finding {
  const { code, message, next } = shownError(error);
  return { about, result: 'bad', name, text: message, code, next };
}

/** Everything that a run would trip over, all at once. Leaves nothing behind. */
export async function check(context: Context): Promise<Answer> {
  const { environment } = context.surroundings;
  const findings: Finding[] = [];
  let definition: Definition | null = null;
  let text: string | null = null;
  try {
    text = definitionText(context);
    definition = loadDefinition(text, context.definitionFile, null);
    const tables = definedWords(definition);
    findings.push(
      good(
        'definition',
        null,
        `${context.definitionFile}: sync ${definition.name}, ${tables} → ${definition.target.url}`,
      ),
    );
  } catch (error) {
    findings.push(bad('definition', null, error));
  }
  for (const name of text === null ? [] : referencedVariables(text)) {
    findings.push(
      environment[name]
        ? good('environment', name, `$${name} is set`)
        : bad(
            'environment',
            name,
            new TidemarkError(
              'EnvironmentMissing',
              `$${name} is ${environment[name] === '' ? 'empty' : 'not set'}`,
            ),
          ),
    );
  }
  let tables: readonly string[] = [];
  const isWhole = findings.every(({ result }) => result === 'good');
  if (definition) findings.push(...(await checkCompression(context, definition)));
  if (text !== null && definition && isWhole) {
    try {
      // with the variables' values, which may be wrong in their own way
      definition = loadDefinition(text, context.definitionFile, environment);
      const seen = await checkSource(context, definition);
      findings.push(...seen.findings);
      tables = seen.tables;
    } catch (error) {
      findings.push(bad('definition', null, error));
    }
  }
  if (context.cloud === 'local') findings.push(checkFolder(context.home));
  else if (definition && isNamed(definition)) findings.push(await checkDeployed(context, definition));
  if (definition && isWhole && findings.at(-1)?.result === 'good') {
    findings.push(...(await checkRun(context, definition)));
    findings.push(...(await checkCatalog(context, definition, tables)));
  }
  return answerOf(context, findings);
}

/** Tables that stand there by their names, and patterns. */
function definedWords({ tables }: Definition): string {
  const patterns = tables.filter(({ name }) => parseTablePattern(name)!.exact === null).length;
  if (patterns === 0) return counted(tables.length, 'table');
  const named = tables.length - patterns;
  return `${named === 0 ? '' : `${counted(named, 'table')} and `}${counted(patterns, 'pattern')}`;
}

function rightsFinding({ source, beyond, grants }: AccountRights): Finding {
  const account = source === null ? 'its account' : `the account of ${source}`;
  if (beyond.length === 0)
    return { ...good('database', null, `${account} may read the tables, and no more`), grants };
  const text = `${account} may do more than read these tables: it ${beyond.join('; it ')}`;
  return { ...remark('database', null, text), grants };
}

/** Its name is the lake's, and no table's to be granted. */
const isOfSeveral = (definition: Definition, name: string): boolean =>
  tableOptions(definition, parseTableName(name)!).from !== undefined;

/** One of `sources`: what is wrong with it concerns the tables that come from it. */
async function checkOther(sources: NamedSources, name: string): Promise<Finding> {
  try {
    const { description } = await (await sources.other(name)).identify();
    return good('database', null, `${name}: ${description}`);
  } catch (error) {
    return bad('database', null, error);
  }
}

/** What the database says, and which tables a run would have. */
async function checkSource(
  context: Context,
  definition: Definition,
): Promise<{ readonly findings: Finding[]; readonly tables: readonly string[] }> {
  const findings: Finding[] = [];
  let tables: readonly string[] = [];
  let sources: NamedSources | null = null;
  try {
    sources = await openSources((name) => context.surroundings.openSource(sourceNamed(definition, name)));
    findings.push(good('database', null, (await sources.source.identify()).description));
    for (const name of Object.keys(definition.sources)) findings.push(await checkOther(sources, name));
    const preview = await previewRun(sources, definition);
    tables = preview.tables.filter((name) => !preview.empty.has(name));
    const plans = new Map<string, TablePlan | null>();
    findings.push(...preview.notes.map((note) => remark('definition', null, note)));
    for (const name of preview.tables) {
      try {
        const planned = await preview.plan(name);
        plans.set(name, planned);
        findings.push(...tableFindings(name, planned));
      } catch (error) {
        findings.push(bad('table', name, error));
        // what is not there, or cannot be copied, needs no rights
        if (error instanceof TidemarkError && error.code === 'TableDenied' && !isOfSeveral(definition, name))
          plans.set(name, null);
        // without the database, every other table would say the same
        if (error instanceof TidemarkError && error.code === 'SourceUnavailable') break;
      }
    }
    if (plans.size > 0)
      findings.push(...(await accountRights(sources, definition, plans)).map(rightsFinding));
  } catch (error) {
    findings.push(bad('database', null, error));
  } finally {
    await sources?.close();
  }
  return { findings, tables };
}

function tableFindings(name: string, plan: TablePlan): Finding[] {
  const { rows, bytes: size } = plan;
  const { columns, notes } = plan.description;
  const types = columns.map((column) => `${column.name} ${column.sourceType} → ${typeWords(column.type)}`);
  return [
    good(
      'table',
      name,
      `about ${count(rows)} rows, ${bytes(size)}; key ${plannedKeyWords(plan)}; ${counted(columns.length, 'column')}: ${types.join(', ')}`,
    ),
    ...notes.map((note) => remark('table', name, note)),
  ];
}

/** Whether this Node can compress as the definition says. */
async function checkCompression(context: Context, { target }: Definition): Promise<Finding[]> {
  try {
    await loadCodec(target.compression === 'auto' ? defaultCompression() : target.compression);
    return [];
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    const message = `${context.definitionFile}: target.${error.message}`;
    return [bad('definition', null, new TidemarkError(error.code, message))];
  }
}

/** The nearest folder above that is there. */
function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

/** Where the embedded cloud lives or would be made: a file is written there, and deleted. */
function checkFolder(home: string): Finding {
  const place = nearest(resolve(home));
  const probe = join(place, `.tidemark-check-${process.pid}`);
  try {
    writeFileSync(probe, '');
    rmSync(probe);
    const { bavail, bsize } = statfsSync(place);
    return good('folder', home, `${home} can be written, ${bytes(bavail * bsize)} are free`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return bad(
      'folder',
      home,
      new TidemarkError('CloudBroken', `the embedded cloud’s folder ${home} cannot be written (${code})`),
    );
  }
}

/** Whether name and target are known, without variables that are not set. */
const isNamed = ({ name, target }: Definition): boolean => !`${name}${target.url}`.includes('${');

/** What is deployed of the sync, and whether these credentials find it. */
async function checkDeployed(context: Context, definition: Definition): Promise<Finding> {
  try {
    return await withCloud(context, definition, 'look', async ({ keeper }) =>
      good('cloud', null, keeper.kind === 'cloud' ? await keeper.deployed() : ''),
    );
  } catch (error) {
    return bad('cloud', null, error);
  }
}

/** Whether the catalog beside the ledger takes the tables; the embedded cloud has none. */
async function checkCatalog(
  context: Context,
  definition: Definition,
  tables: readonly string[],
): Promise<Finding[]> {
  const { type } = definition.target.catalog;
  if (type === 'ledger') return [];
  if (context.cloud === 'local')
    return [
      remark(
        'cloud',
        null,
        `target.catalog: ${type} is for the deployed sync; on this machine the ledger is the catalog`,
      ),
    ];
  return withCloud(context, definition, 'look', async (cloud) => {
    const findings: Finding[] = [];
    for (const spelled of tables) {
      const table = parseTableName(spelled)!;
      try {
        const head = await cloud.ledger.tableHead(definition.name, spelled);
        const loaded = await catalogOf(cloud, definition.name).load(table, head);
        const place = cloud.catalog!.placeOf(table);
        findings.push(good('table', spelled, `${place}: ${loaded ? 'is this sync’s' : 'will be made'}`));
      } catch (error) {
        findings.push(bad('table', spelled, error));
      }
    }
    return findings;
  });
}

/** An unfinished run that `run` would abandon: it began with another definition. */
async function checkRun(context: Context, definition: Definition): Promise<Finding[]> {
  const { home } = context;
  // without a ledger there is no run, and looking would make one
  if (context.cloud === 'local' && !existsSync(join(home, 'dynamodb'))) return [];
  try {
    return await withCloud(context, definition, 'look', async (cloud) => {
      const head = await cloud.ledger.head(definition.name);
      const run = head && (await cloud.ledger.run(definition.name, head.run));
      if (run?.status !== 'running' || run.fingerprint === fingerprint(definition)) return [];
      if (isAlive(await cloud.execution(head!.execution))) return [];
      const next = nextStepHere(context, 'DefinitionChanged');
      return [
        remark('run', run.run, `run ${run.run} is unfinished; the definition has changed since. ${next}`),
      ];
    });
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    if (error.code === 'CloudBusy') return [remark('folder', home, error.message)];
    return [bad('folder', home, error)];
  }
}

function answerOf(context: Context, found: readonly Finding[]): Answer {
  const findings = found.map((finding) =>
    finding.next === null ? finding : { ...finding, next: commandsHere(context, finding.next) },
  );
  const problems = findings.filter(({ result }) => result === 'bad');
  const wrong = problems.some(({ about }) => about === 'definition' || about === 'environment');
  const exitCode = wrong ? exitCodes.wrong : problems.length > 0 ? exitCodes.incomplete : exitCodes.done;
  return {
    exitCode,
    document: { command: 'check', ok: problems.length === 0, findings },
    lines: (style) => [
      ...findings.flatMap((finding) => findingLines(finding, style)),
      '',
      problems.length === 0
        ? `ready: \`${again(context, 'run')}\``
        : `${counted(problems.length, 'problem')} to mend before a run`,
    ],
  };
}

function findingLines(
  { about, result, name, text, code, next, grants }: Finding,
  { paint, width }: Style,
): string[] {
  const mark = { good: paint.good('✓'), bad: paint.bad('✗'), note: paint.warning('!') }[result];
  const label = about === 'table' ? `${name}: ` : about === 'database' ? 'database: ' : '';
  const message = `${label}${code ? `${code}: ` : ''}${text}`;
  const lines = problemLines(mark, { code: null, message, next }, width);
  // as they stand: to be copied from the screen
  if (result === 'note' && grants !== undefined)
    lines.push('  an account that may do just that:', ...grants.map((sql) => `    ${printable(sql)}`));
  return lines;
}
