/** What the account may do on a server, and an account that may do just enough. */
import { formatTableName } from '../../definition/table-name.ts';
import { namesForPeople } from '../names-for-people.ts';
import type { Rights, WantedAccount, WantedTable } from '../source.ts';
import { placeOf } from './address.ts';
import type { Session } from './connect.ts';
import { identifier, qualified } from './literals.ts';

export async function accountRights(
  session: Session,
  tables: readonly WantedTable[],
  account: WantedAccount,
): Promise<Rights> {
  return { beyond: await beyondReading(session, tables), grants: grantsFor(session, tables, account) };
}

/** `'shop'@'%'`, as information_schema writes a grantee. */
const grantee = `CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')`;

async function beyondReading(session: Session, tables: readonly WantedTable[]): Promise<string[]> {
  const where = placeOf(session.address);
  const ask = (sql: string): Promise<string[][]> => session.query(where, sql) as Promise<string[][]>;
  const mine = `grantee = ${grantee} AND privilege_type <> 'USAGE'`;
  const everywhere = await ask(
    `SELECT privilege_type FROM information_schema.user_privileges WHERE ${mine} ORDER BY privilege_type`,
  );
  const inDatabases = await ask(
    `SELECT table_schema, privilege_type FROM information_schema.schema_privileges WHERE ${mine}
     ORDER BY table_schema, privilege_type`,
  );
  const ofTables = await ask(
    `SELECT table_schema, table_name, privilege_type FROM information_schema.table_privileges WHERE ${mine}
     ORDER BY table_schema, table_name, privilege_type`,
  );
  const roles = await ask(
    `SELECT DISTINCT role_name FROM information_schema.applicable_roles ORDER BY role_name`,
  );

  const beyond: string[] = [];
  if (everywhere.length > 0)
    beyond.push(`may do this in every database: ${namesForPeople(everywhere.map(([right]) => right!))}`);
  for (const [schema, rights] of grouped(inDatabases.map(([name, right]) => [name!, right!])))
    beyond.push(`may do this in all of the database ${schema}: ${namesForPeople(rights)}`);
  const wanted = new Set(tables.map(({ name }) => formatTableName(name)));
  const named = ofTables.map(([schema, table, right]): [string, string] => [
    formatTableName({ schema: schema!, table: table! }),
    right!,
  ]);
  const others = grouped(named.filter(([name]) => !wanted.has(name)));
  if (others.size > 0)
    beyond.push(`has rights on ${namesForPeople([...others.keys()])}, which the definition does not name`);
  const more = grouped(named.filter(([name, right]) => wanted.has(name) && right !== 'SELECT'));
  for (const [name, rights] of more)
    beyond.push(`may do more than read (${rights.join(', ')}) with the table ${name}`);
  if (roles.length > 0)
    beyond.push(
      `has what the roles ${namesForPeople(roles.map(([name]) => name!))} may do, at which nobody has looked`,
    );
  return beyond;
}

function grouped(pairs: readonly (readonly [string, string])[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, right] of pairs) groups.set(name, [...(groups.get(name) ?? []), right]);
  return groups;
}

function grantsFor(
  { address, tls }: Session,
  tables: readonly WantedTable[],
  { connections, iam }: WantedAccount,
): string[] {
  const user = `${identifier(`${address.user}_reader`)}@'%'`;
  const how = iam ? `WITH AWSAuthenticationPlugin AS 'RDS'` : `BY '<a password>'`;
  const secure = tls || iam ? ' REQUIRE SSL' : '';
  return [
    `CREATE USER ${user} IDENTIFIED ${how}${secure} WITH MAX_USER_CONNECTIONS ${connections};`,
    ...tables.map(({ name: { schema, table }, columns }) => {
      const only = columns === null ? '' : ` (${columns.map(identifier).join(', ')})`;
      return `GRANT SELECT${only} ON ${qualified(schema, table)} TO ${user};`;
    }),
  ];
}
