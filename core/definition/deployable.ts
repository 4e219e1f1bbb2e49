/** What a definition must be, beyond valid, so that a stack can be made of it; found before anything is deployed. */
import { TidemarkError } from '../errors.ts';
import { asDeployed, type Credentials } from './deployed-source.ts';
import { type Place, readDocument, valueAt } from './document.ts';
import { loadDefinition } from './load.ts';
import type { Definition } from './options.ts';
import { referencesIn } from './references.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export type Deployable = {
  /** as the deployed functions see it: beside a secret, perhaps without source.url */
  readonly definition: Definition;
  readonly credentials: Credentials;
  /** what the functions’ environment must hold for the definition’s references; no secret is among it */
  readonly environment: Readonly<Record<string, string>>;
};

const credentialsOf = ({ source }: Definition): Credentials =>
  source.secret !== undefined ? 'secret' : source.iam !== undefined ? 'iam' : 'url';

/**
 * The environment variables that deployed functions need, as the definition refers to them: all of them where
 * source.url is what they log in with; else none for its password, and beside a secret none for all of source.url.
 * @param yaml a definition that `loadDefinition` takes
 */
export function deployedReferences(yaml: string, file = 'tidemark.yaml'): string[] {
  const credentials = credentialsOf(loadDefinition(yaml, file, null));
  return referencesIn(asDeployed(readDocument(yaml, file).raw, credentials));
}

/** Lambda sets these itself and refuses them, or Tidemark does. */
const taken = /^(AWS_|LAMBDA_|TIDEMARK_|NODE_|TZ$)/;

const passwordOf = (url: string): string => (URL.canParse(url) ? new URL(url).password : '');

function credentialProblems(raw: unknown, place: Place, credentials: Credentials): string[] {
  if (credentials !== 'url') return [];
  const url = String(valueAt(raw, ['source', 'url']));
  const further =
    'allowed: source.secret: <ARN of a secret in Secrets Manager that holds the URL>, or source.iam, beside this source.url, which the laptop goes on using';
  if (url.includes('${'))
    return [
      `${place(['source', 'url'])}: asks for environment variables, whose values would stand readable in the functions’ settings; ${further}`,
    ];
  if (passwordOf(url) !== '')
    return [
      `${place(['source', 'url'])}: holds a password, which would stand readable in the functions’ code; ${further}`,
    ];
  return [];
}

function referenceProblems(names: readonly string[], place: Place): string[] {
  return names
    .filter((name) => taken.test(name) || !/^[A-Za-z]\w+$/.test(name))
    .map(
      (name) =>
        `${place([])}: asks for $${name}, which the settings of a function cannot hold; allowed: two or more letters, digits and underscores, a letter first, and not AWS_…, LAMBDA_…, TIDEMARK_…, NODE_… or TZ`,
    );
}

/**
 * Reads a definition in order to deploy it.
 * @param environment where the values of its references are found: synth's own
 * @param given what an app has of its own to log in with, whatever the definition says
 * @throws TidemarkError DefinitionInvalid (with every problem), EnvironmentMissing
 */
export function readToDeploy(
  text: string,
  file: string,
  environment: Environment,
  given?: Credentials,
): Deployable {
  const written = loadDefinition(text, file, null, given);
  const credentials = given ?? credentialsOf(written);
  const { raw, place } = readDocument(text, file);
  const names = referencesIn(asDeployed(raw, credentials));
  const problems = [...credentialProblems(raw, place, credentials), ...referenceProblems(names, place)];
  if (written.target.compression === 'snappy')
    problems.push(
      `${place(['target', 'compression'])}: "snappy" stands there, which needs a native module that a deployed function does not have; allowed: auto or zstd (functions run on Node 24, which has it), none`,
    );
  if (written.target.catalog.type === 'rest' && written.target.catalog.token !== undefined)
    problems.push(
      `${place(['target', 'catalog', 'token'])}: would stand readable in the functions’ settings; allowed: sign (Signature Version 4), with the functions’ own roles, or a catalog that asks for neither`,
    );
  if (Object.keys(written.sources).length > 0)
    problems.push(
      `${place(['sources'])}: cannot be deployed yet: deployed functions log in to one database; allowed: one sync for each of them`,
    );
  if (written.name.endsWith('-data'))
    problems.push(
      `${place(['name'])}: ${JSON.stringify(written.name)} cannot be deployed: its stack would have the name of the one that keeps the ledger of the sync ${JSON.stringify(written.name.slice(0, -5))}; allowed: a name that does not end with -data`,
    );
  if (problems.length > 0) throw new TidemarkError('DefinitionInvalid', problems.join('\n'));

  const definition = loadDefinition(text, file, environment, credentials);
  if (credentials === 'iam' && passwordOf(definition.source.url ?? '') !== '')
    throw new TidemarkError(
      'DefinitionInvalid',
      `${place(['source', 'url'])}: holds a password when its variables have their values; they would stand readable in the functions’ settings, and source.iam needs none; allowed: postgres://user@host:port/database, or postgres://user:\${PASSWORD}@host:port/database, where the password is for the laptop only`,
    );
  return {
    definition,
    credentials,
    environment: Object.fromEntries(names.map((name) => [name, environment[name]!])),
  };
}
