/** Definitions of syncs to synthesize. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Everything that a definition can say of its deployment. */
export const full = `
name: shop
source:
  type: postgres
  url: postgres://tidemark@shop.example.com:5432/shop
  iam: db-ABCDEFGHIJKL0123456789
tables: [public.orders, sales.lines]
target: { url: s3://shop-lake/raw }
concurrency: 7
retry: { kind: fixed, attempts: 3, interval_seconds: 5, max_interval_seconds: 30 }
schedule: { expression: cron(0 3 * * ? *), time_zone: Europe/Berlin }
deploy:
  bucket: create
  bucket_key: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
  versioned: true
  log_days: 90
  memory_mebibytes: 2048
  timeout_minutes: 10
  notify: [data@example.com, "arn:aws:sns:eu-central-1:111122223333:on-call"]
  alarm_after_hours: 26
  vpc:
    id: vpc-0123456789abcdef0
    availability_zones: [eu-central-1a, eu-central-1b]
    subnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
    route_tables: [rtb-0123456789abcdef0]
`;

/** As little as can be deployed. */
export const least = `
name: plain
source:
  type: postgres
  url: \${DATABASE_URL}
  secret: arn:aws:secretsmanager:eu-central-1:111122223333:secret:plain-AbCdEf
tables: [orders]
target: { url: s3://plain-lake }
`;

/** `full`, with its tables in a database of the Glue Data Catalog. */
export const glued = full
  .replace('name: shop', 'name: glued')
  .replace('s3://shop-lake/raw }', 's3://glued-lake/raw, catalog: { type: glue, database: lake } }')
  .replace('sales.lines', '{ name: sales.lines, as: order_lines }')
  .replace('    route_tables:', '    interface_endpoints: true\n    route_tables:');

/** Writes a definition into a folder of its own under `folder`; gives its path. */
export function definitionFile(folder: string, name: string, text: string): string {
  mkdirSync(join(folder, name), { recursive: true });
  const file = join(folder, name, 'tidemark.yaml');
  writeFileSync(file, text);
  return file;
}
