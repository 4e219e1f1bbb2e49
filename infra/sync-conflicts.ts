import { lakeName } from '../core/definition/lake-name.ts';
import type { Definition } from '../core/definition/options.ts';
import { formatTableName, parseTableName } from '../core/definition/table-name.ts';
import { definedTables, isDefined } from '../core/definition/table-options.ts';
import { parseTablePattern } from '../core/definition/table-pattern.ts';
import { TidemarkError } from '../core/errors.ts';
import { parseTarget, tableFolder } from '../core/objects/keys.ts';
import { nameOf } from './deployable-file.ts';

type Sync = { readonly definition: Definition; readonly file: string };

/** What a sync has that no other may have, in one account and region. */
type Claim = {
  readonly place: string;
  /** claims of the same place and thing exclude each other */
  readonly thing: string;
  readonly what: string;
  readonly allowed: string;
};

/** The tables that stand there by their names. */
const namedOf = (definition: Definition) =>
  definedTables(definition).entries.flatMap(({ entry, pattern: { exact } }) =>
    exact ? [{ ...entry, table: exact }] : [],
  );

function tablesOf(definition: Definition): Claim[] {
  const { bucket, prefix } = parseTarget(definition.target.url);
  return namedOf(definition).map(({ name, table }) => {
    const thing = `s3://${bucket}/${prefix}${tableFolder(table)}`;
    return {
      place: 'target.url',
      thing,
      what: `the table ${name} lies at ${thing}, where both would write it`,
      allowed: 'another prefix, or the table in one of them',
    };
  });
}

/** Two syncs may share a database; a table of it is one sync's. */
function glueTablesOf(definition: Definition): Claim[] {
  const { catalog } = definition.target;
  if (catalog.type !== 'glue') return [];
  return namedOf(definition).map(({ name, as, table }) => {
    const thing = `${catalog.database}.${lakeName(table, as)}`;
    return {
      place: 'target.catalog',
      thing,
      what: `the table ${name} is ${thing} in Glue, which both would write`,
      allowed: 'another name for it (`as`), or another database',
    };
  });
}

const catalogedOf = (definition: Definition): Claim[] => [
  ...tablesOf(definition),
  ...glueTablesOf(definition),
];

function deploymentOf({ target, deploy }: Definition): Claim[] {
  const { bucket } = parseTarget(target.url);
  const claims: Claim[] = [];
  if (deploy.bucket === 'create') {
    claims.push({
      place: 'deploy.bucket',
      thing: bucket,
      what: `the bucket ${bucket} can be made once`,
      allowed: 'create in one of them, which is deployed first, and existing in the other',
    });
  }
  if (deploy.vpc?.interface_endpoints) {
    claims.push({
      place: 'deploy.vpc.interface_endpoints',
      thing: deploy.vpc.id,
      what: `${deploy.vpc.id} takes one endpoint of a service, as its private name is the VPC’s`,
      allowed:
        'true in one of them (in one with source.secret, or the glue catalog, if either has that), and the same security_groups in both',
    });
  }
  for (const table of deploy.vpc?.route_tables ?? []) {
    claims.push({
      place: 'deploy.vpc.route_tables',
      thing: table,
      what: `${table} takes one gateway endpoint of a service`,
      allowed: 'in one of them, which makes the endpoints for both',
    });
  }
  return claims;
}

/**
 * Refuses syncs that CloudFormation could not deploy beside each other, or that would write the same tables.
 *
 * @param syncs of one account and region
 * @throws TidemarkError DefinitionInvalid, with every place and both files
 */
export const refuseConflicts = (syncs: readonly Sync[]): void =>
  refuse(syncs, (definition) => [...catalogedOf(definition), ...deploymentOf(definition)]);

/** The same of the tables alone: what an app has of its own (bucket, VPC) may be shared. */
export const refuseSharedTables = (syncs: readonly Sync[]): void => refuse(syncs, catalogedOf);

/**
 * A pattern of the one sync that lies within what the other one takes, in the same place. Which tables there are is not
 * known here: those that two patterns happen to share are refused by the run that comes second, table by table.
 */
function sharedPatterns(one: Sync, other: Sync): string[] {
  const placeOf = ({ definition }: Sync): string => {
    const { bucket, prefix } = parseTarget(definition.target.url);
    return `s3://${bucket}/${prefix}`;
  };
  const place = placeOf(one);
  if (place !== placeOf(other)) return [];
  const within = ({ definition }: Sync, { definition: outer }: Sync): string[] => {
    const isPattern = (name: string) => parseTablePattern(name)!.exact === null;
    const hasExact = new Set(namedOf(outer).map(({ table }) => formatTableName(table)));
    // what it is written with stands for what it matches: public.a* lies within public.*
    return definition.tables
      .map(({ name }) => name)
      .filter((name) => isDefined(outer, parseTableName(name)!))
      .filter((name) => isPattern(name) || !hasExact.has(formatTableName(parseTableName(name)!)));
  };
  return [...new Set([...within(other, one), ...within(one, other)])].map(
    (name) =>
      `${nameOf(other.file)}: target.url: ${name} lies at ${place}, where both would write it, and ${nameOf(one.file)} has it too; allowed: another prefix, or \`exclude:\` in one of them`,
  );
}

function refuse(syncs: readonly Sync[], claimsOf: (definition: Definition) => Claim[]): void {
  const holders = new Map<string, string>();
  const problems: string[] = [];
  for (const { definition, file } of syncs) {
    for (const { place, thing, what, allowed } of claimsOf(definition)) {
      const claim = `${place} ${thing}`;
      const holder = holders.get(claim);
      if (holder === undefined) holders.set(claim, file);
      else if (holder !== file)
        problems.push(
          `${nameOf(file)}: ${place}: ${what}, and ${nameOf(holder)} has it too; allowed: ${allowed}`,
        );
    }
  }
  for (const [index, other] of syncs.entries())
    for (const one of syncs.slice(0, index))
      if (one.file !== other.file) problems.push(...sharedPatterns(one, other));
  if (problems.length > 0) throw new TidemarkError('DefinitionInvalid', problems.join('\n'));
}
