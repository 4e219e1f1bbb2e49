/** A table as a server of Iceberg's REST protocol makes it when it is asked for one. */
import { randomUUID } from 'node:crypto';
import { applied, type Json } from './rest-table-updates.ts';

/** With ids of the server's own choice. */
export const numbered = (schema: Json): Json => ({
  ...schema,
  fields: (schema.fields as Json[]).map((field, at) => ({ ...field, id: at + 1 })),
});

/** As Iceberg's own server makes it: with ids of its own choice for the columns, and just one order. */
export function newTable(body: Json, location: string): Json {
  const schema = body.schema as Json;
  const before = schema.fields as Json[];
  const order = ((body['write-order'] as Json).fields as Json[]).map((one) => ({
    ...one,
    'source-id': 1 + before.findIndex(({ id }) => id === one['source-id']),
  }));
  const spec = { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } };
  return applied(
    null,
    [
      { action: 'assign-uuid', uuid: randomUUID() },
      { action: 'upgrade-format-version', 'format-version': 2 },
      { action: 'set-location', location },
      { action: 'add-schema', schema: { ...numbered(schema), 'schema-id': 0 } },
      { action: 'set-current-schema', 'schema-id': -1 },
      ...[spec, { action: 'set-default-spec', 'spec-id': -1 }],
      { action: 'add-sort-order', 'sort-order': { 'order-id': Math.min(1, order.length), fields: order } },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
    ],
    Date.now(),
  );
}
