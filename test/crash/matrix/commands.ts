/** Which commands the product's own code sends to S3 and DynamoDB, as its source says. */
import { readFileSync } from 'node:fs';

const source = (file: string): string =>
  readFileSync(new URL(`../../../core/${file}`, import.meta.url), 'utf8');

/** The document client's commands have names of their own. */
const plain: Readonly<Record<string, string>> = { Get: 'GetItem', Put: 'PutItem', Update: 'UpdateItem' };

/** `PutObject`, `UpdateItem`, … in the order of the alphabet */
export function commandsOfProduct(): string[] {
  const text = source('objects/s3.ts') + source('ledger/dynamodb.ts');
  const sent = [...text.matchAll(/new (\w+)Command\(/g)].map(([, name]) => plain[name!] ?? name!);
  const paginated = [...text.matchAll(/paginate(\w+)\(/g)].map(([, name]) => name!);
  return [...new Set([...sent, ...paginated])].sort();
}
