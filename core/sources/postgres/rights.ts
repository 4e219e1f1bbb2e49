/** What the account may do in PostgreSQL, and an account that may do just enough. */
import { formatTableName } from '../../definition/table-name.ts';
import { namesForPeople } from '../names-for-people.ts';
import type { Rights, WantedAccount, WantedTable } from '../source.ts';
import { placeOf } from './address.ts';
import type { Session } from './connect.ts';
import { identifier, literal, qualified } from './literals.ts';

/** Of pg_roles, and what having it means. */
const attributes: readonly [string, string][] = [
  ['rolsuper', 'is a superuser, who may do everything'],
  ['rolcreaterole', 'may make and change roles (CREATEROLE)'],
  ['rolcreatedb', 'may make databases (CREATEDB)'],
  ['rolreplication', 'may replicate the whole server (REPLICATION)'],
  ['rolbypassrls', 'is not held by row-level security (BYPASSRLS)'],
];

/** Roles whose members may do far more than read a few tables. */
const mightyRoles = [
  ...['pg_write_all_data', 'pg_read_all_data', 'pg_read_server_files', 'pg_write_server_files'],
  ...['pg_execute_server_program', 'pg_signal_backend', 'pg_maintain', 'rds_superuser'],
];

/** Beyond SELECT. */
const tableRights = ['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'];

export async function accountRights(
  session: Session,
  tables: readonly WantedTable[],
  account: WantedAccount,
): Promise<Rights> {
  return {
    beyond: await beyondReading(session, tables),
    grants: grantsFor(session.address, tables, account),
  };
}

async function beyondReading(session: Session, tables: readonly WantedTable[]): Promise<string[]> {
  const where = placeOf(session.address);
  const [role = []] = await session.query(
    where,
    `SELECT ${attributes.map(([name]) => name).join(', ')} FROM pg_roles WHERE rolname = current_user`,
  );
  // whoever may do everything needs no list of it
  if (role[0] === 't') return [attributes[0]![1]];
  const beyond = attributes.filter((_, i) => role[i] === 't').map(([, words]) => words);
  const memberships = await session.query(
    where,
    `SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER') AND rolname = ANY (ARRAY[${mightyRoles.map(literal).join(', ')}])
     ORDER BY rolname`,
  );
  beyond.push(...memberships.map(([name]) => `is a member of ${name}`));
  const [inDatabase] = await session.query(
    where,
    `SELECT has_database_privilege(current_database(), 'CREATE')`,
  );
  if (inDatabase?.[0] === 't') beyond.push('may make schemas in the database (CREATE)');
  const schemas = await session.query(
    where,
    `SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)' AND has_schema_privilege(oid, 'CREATE')
     ORDER BY nspname`,
  );
  if (schemas.length > 0)
    beyond.push(
      `may make tables in the ${listed(
        'schema',
        schemas.map(([name]) => name ?? ''),
      )} (CREATE)`,
    );
  return [...beyond, ...(await beyondTables(session, where, tables))];
}

async function beyondTables(
  session: Session,
  where: string,
  tables: readonly WantedTable[],
): Promise<string[]> {
  const wanted = tables.map(({ name }) => `(${literal(name.schema)}, ${literal(name.table)})`);
  const isWanted = wanted.length === 0 ? 'false' : `(n.nspname, c.relname) IN (${wanted.join(', ')})`;
  // CASE: of a superuser's tables nothing is asked, and a right is asked for once
  const rows = await session.query(
    where,
    `SELECT ${isWanted}, n.nspname, c.relname, pg_has_role(c.relowner, 'USAGE'),
       has_table_privilege(c.oid, 'SELECT'),
       array_to_string(ARRAY(SELECT p FROM unnest(ARRAY[${tableRights.map(literal).join(', ')}]) p
         WHERE has_table_privilege(c.oid, p)), ', ')
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema$)'
       AND has_schema_privilege(n.oid, 'USAGE')
     ORDER BY n.nspname, c.relname`,
  );
  const named = rows.map(([isOurs, schema, table, owned, select, more]) => ({
    isOurs: isOurs === 't',
    name: formatTableName({ schema: schema ?? '', table: table ?? '' }),
    owned: owned === 't',
    select: select === 't',
    more: more ?? '',
  }));
  const beyond: string[] = [];
  const owned = named.filter((one) => one.owned);
  if (owned.length > 0)
    beyond.push(
      `owns the ${listed(
        'table',
        owned.map(({ name }) => name),
      )}`,
    );
  const written = named.filter((one) => !one.owned && one.more !== '');
  for (const more of new Set(written.map((one) => one.more))) {
    const same = written.filter((one) => one.more === more);
    beyond.push(
      `may do more than read (${more}) with the ${listed(
        'table',
        same.map(({ name }) => name),
      )}`,
    );
  }
  const others = named.filter(({ isOurs, select, owned: own }) => !isOurs && select && !own);
  if (others.length > 0)
    beyond.push(
      `may read the ${listed(
        'table',
        others.map(({ name }) => name),
      )}, which the definition does not name`,
    );
  return beyond;
}

const listed = (what: string, names: readonly string[]): string =>
  `${what}${names.length === 1 ? '' : 's'} ${namesForPeople(names)}`;

function grantsFor(
  { user, database }: Session['address'],
  tables: readonly WantedTable[],
  { connections, iam }: WantedAccount,
): string[] {
  const role = identifier(`${user}_reader`);
  const schemas = [...new Set(tables.map(({ name }) => name.schema))];
  return [
    `CREATE ROLE ${role} LOGIN${iam ? '' : ` PASSWORD '<a password>'`} CONNECTION LIMIT ${connections};`,
    ...(iam ? [`GRANT rds_iam TO ${role};`] : []),
    `GRANT CONNECT ON DATABASE ${identifier(database)} TO ${role};`,
    ...schemas.map((schema) => `GRANT USAGE ON SCHEMA ${identifier(schema)} TO ${role};`),
    ...tables.map(({ name: { schema, table }, columns }) => {
      const only = columns === null ? '' : ` (${columns.map(identifier).join(', ')})`;
      return `GRANT SELECT${only} ON ${qualified(schema, table)} TO ${role};`;
    }),
  ];
}
