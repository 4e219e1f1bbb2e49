/** Names and texts as SQL dialects quote them. */

/** 'it''s': standard SQL. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** 'it\'s': Spark, ClickHouse and Snowflake, where a backslash escapes. */
export const escapedLiteral = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;

/** "name": standard SQL. */
export const doubleQuoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** `name`: Hive, Athena's DDL, Spark. */
export const backQuoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
