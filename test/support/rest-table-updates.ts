/**
 * What a server of Iceberg's REST protocol does with a commit: holds its requirements against a table, and makes its
 * updates. Written from the specification (TableRequirement, TableUpdate; the table spec's rules for metadata) and from
 * what Iceberg's own server answers; nothing of core/publish is used here.
 */
export type Json = Readonly<Record<string, unknown>>;

/** An answer that is an error, as the protocol words it. */
export class RestFault extends Error {
  readonly status: number;
  readonly type: string;
  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

const invalid = (message: string): RestFault => new RestFault(400, 'ValidationException', message);
const unknown = (message: string): RestFault => new RestFault(400, 'BadRequestException', message);
const conflict = (message: string): RestFault => new RestFault(409, 'CommitFailedException', message);

type Table = Record<string, unknown> & {
  schemas: Json[];
  'partition-specs': Json[];
  'sort-orders': Json[];
  snapshots: Json[];
  refs: Record<string, Json>;
  properties: Record<string, string>;
  'snapshot-log': Json[];
};

/** Fields that a requirement names, and the table's field of that meaning. */
const asserted: Readonly<Record<string, readonly [string, string]>> = {
  'assert-table-uuid': ['uuid', 'table-uuid'],
  'assert-last-assigned-field-id': ['last-assigned-field-id', 'last-column-id'],
  'assert-current-schema-id': ['current-schema-id', 'current-schema-id'],
  'assert-last-assigned-partition-id': ['last-assigned-partition-id', 'last-partition-id'],
  'assert-default-spec-id': ['default-spec-id', 'default-spec-id'],
  'assert-default-sort-order-id': ['default-sort-order-id', 'default-sort-order-id'],
};

/** @throws RestFault 409 where one does not hold, 400 where one is not of the protocol */
export function checkRequirements(table: Json | null, requirements: readonly Json[]): void {
  const creates = requirements.some(({ type }) => type === 'assert-create');
  if (creates && requirements.length > 1) throw unknown('Invalid create requirements');
  for (const requirement of requirements) {
    const type = String(requirement.type);
    if (type === 'assert-create') {
      if (table) throw conflict('Requirement failed: table already exists');
      continue;
    }
    if (!table) throw new RestFault(404, 'NoSuchTableException', 'Table does not exist');
    if (type === 'assert-ref-snapshot-id') {
      const ref = (table.refs as Record<string, Json>)[String(requirement.ref)];
      if ((ref?.['snapshot-id'] ?? null) !== requirement['snapshot-id'])
        throw conflict(`Requirement failed: reference ${requirement.ref} has changed`);
      continue;
    }
    const pair = asserted[type];
    if (!pair) throw unknown(`Unknown requirement ${type}`);
    if (requirement[pair[0]] === undefined) throw unknown(`${type} without ${pair[0]}`);
    if (requirement[pair[0]] !== table[pair[1]])
      throw conflict(`Requirement failed: ${pair[1]}: expected ${requirement[pair[0]]} != ${table[pair[1]]}`);
  }
}

const emptyTable = (): Table => ({
  'last-sequence-number': 0,
  'last-updated-ms': 0,
  'last-column-id': 0,
  'last-partition-id': 999,
  schemas: [],
  'partition-specs': [],
  'sort-orders': [],
  snapshots: [],
  refs: {},
  properties: {},
  'snapshot-log': [],
});

const needed = [
  'format-version',
  'table-uuid',
  'location',
  'current-schema-id',
  'default-spec-id',
  'default-sort-order-id',
];

/** @returns the table as it is after the updates @throws RestFault 400 */
export function applied(before: Json | null, updates: readonly Json[], nowMs: number): Json {
  const table = before ? structuredClone(before as Table) : emptyTable();
  const added: Added = {};
  for (const update of updates) {
    const make = changes[String(update.action)];
    if (!make) throw unknown(`Unknown update ${update.action}`);
    make(table, update, added);
  }
  for (const field of needed) if (table[field] === undefined) throw invalid(`Table without ${field}`);
  if (table['format-version'] !== 2) throw invalid(`Unsupported format version ${table['format-version']}`);
  const times = table.snapshots.map((one) => Number(one['timestamp-ms']));
  return { ...table, 'last-updated-ms': Math.max(nowMs, Number(table['last-updated-ms']), ...times) };
}

/** What this commit has added last: -1 means it. */
type Added = { schema?: unknown; spec?: unknown; order?: unknown; snapshots?: Set<unknown> };

/** By its content: a server knows a schema, a spec or an order again that is there. */
const same = (a: unknown, b: unknown): boolean => sorted(a) === sorted(b);
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, one) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : typeof one === 'bigint'
        ? String(one)
        : one,
  );

/** @returns the id to use; the list has it then. undefined: the list had it before */
function put(list: Json[], one: Json, id: string, fields: unknown): number | undefined {
  const found = list.find((other) => same(other.fields, fields));
  if (found) return undefined;
  if (list.some((other) => other[id] === one[id])) throw invalid(`${id} ${one[id]} is taken`);
  list.push(one);
  return Number(one[id]);
}

function select(list: readonly Json[], id: string, wanted: unknown, last: unknown): unknown {
  if (wanted === -1) {
    if (last === undefined) throw invalid(`Cannot set last added ${id}: none has been added`);
    return last;
  }
  if (!list.some((one) => one[id] === wanted)) throw invalid(`Cannot set unknown ${id} ${wanted}`);
  return wanted;
}

const fieldsOf = ({ fields }: Json): Json[] => fields as Json[];

const changes: Readonly<Record<string, (table: Table, update: Json, added: Added) => void>> = {
  'assign-uuid': (table, { uuid }) => {
    if (table['table-uuid'] !== undefined && table['table-uuid'] !== uuid)
      throw invalid('Cannot reassign uuid');
    table['table-uuid'] = uuid;
  },
  'upgrade-format-version': (table, update) => {
    const version = Number(update['format-version']);
    if (version < Number(table['format-version'] ?? 0)) throw invalid('Cannot downgrade');
    table['format-version'] = version;
  },
  'set-location': (table, { location }) => {
    table.location = location;
  },
  'add-schema': (table, update, added) => {
    const schema = update.schema as Json;
    const ids = fieldsOf(schema).map(({ id }) => Number(id));
    if (new Set(ids).size < ids.length) throw invalid('Multiple fields with one id');
    const last = Number(update['last-column-id'] ?? Math.max(...ids));
    if (last < Number(table['last-column-id']) || ids.some((id) => id > last))
      throw invalid(`Invalid last column ID: ${last}`);
    table['last-column-id'] = last;
    added.schema = put(table.schemas, schema, 'schema-id', schema.fields);
  },
  'set-current-schema': (table, update, added) => {
    table['current-schema-id'] = select(table.schemas, 'schema-id', update['schema-id'], added.schema);
  },
  'add-spec': (table, update, added) => {
    const spec = update.spec as Json;
    const known = table.schemas.flatMap(fieldsOf).map(({ id }) => id);
    for (const field of fieldsOf(spec)) {
      if (!known.includes(field['source-id']))
        throw invalid(`Cannot find source column ${field['source-id']}`);
      table['last-partition-id'] = Math.max(Number(table['last-partition-id']), Number(field['field-id']));
    }
    // as Iceberg's own server writes them: in an order of its own
    const fields = fieldsOf(spec).map(({ name, transform, ...rest }) => ({ name, transform, ...rest }));
    added.spec = put(table['partition-specs'], { ...spec, fields }, 'spec-id', fields);
  },
  'set-default-spec': (table, update, added) => {
    table['default-spec-id'] = select(table['partition-specs'], 'spec-id', update['spec-id'], added.spec);
  },
  'add-sort-order': (table, update, added) => {
    const order = update['sort-order'] as Json;
    if ((order['order-id'] === 0) !== (fieldsOf(order).length === 0))
      throw invalid('Sort order 0 is unsorted');
    const fields = fieldsOf(order).map(({ transform, ...rest }) => ({ transform, ...rest }));
    added.order = put(table['sort-orders'], { ...order, fields }, 'order-id', fields);
  },
  'set-default-sort-order': (table, update, added) => {
    const wanted = select(table['sort-orders'], 'order-id', update['sort-order-id'], added.order);
    table['default-sort-order-id'] = wanted;
  },
  'set-properties': (table, { updates }) => {
    if (Object.hasOwn(updates as Json, 'format-version')) throw invalid('format-version is reserved');
    Object.assign(table.properties, updates);
  },
  'remove-properties': (table, { removals }) => {
    for (const name of removals as string[]) delete table.properties[name];
  },
  'add-snapshot': (table, update, added) => {
    const snapshot = update.snapshot as Json;
    const [id, parent] = [snapshot['snapshot-id'], snapshot['parent-snapshot-id']];
    const ids = table.snapshots.map((one) => one['snapshot-id']);
    if (ids.includes(id)) throw invalid(`Snapshot already exists for id: ${id}`);
    if (parent !== undefined && !ids.includes(parent)) throw invalid(`Cannot find parent ${parent}`);
    if (!table.schemas.some((schema) => schema['schema-id'] === snapshot['schema-id']))
      throw invalid(`Unknown schema ${snapshot['schema-id']}`);
    if (Number(snapshot['sequence-number']) <= Number(table['last-sequence-number']))
      throw invalid(`Cannot add snapshot with sequence number ${snapshot['sequence-number']}: too old`);
    if (Number(snapshot['timestamp-ms']) < Number(table['last-updated-ms']) - 60_000)
      throw invalid(`Invalid snapshot timestamp ${snapshot['timestamp-ms']}`);
    table['last-sequence-number'] = snapshot['sequence-number'];
    table.snapshots.push(snapshot);
    added.snapshots ??= new Set();
    added.snapshots.add(id);
  },
  'set-snapshot-ref': (table, { action: _, 'ref-name': name, ...reference }, added) => {
    const snapshot = table.snapshots.find((one) => one['snapshot-id'] === reference['snapshot-id']);
    if (!snapshot) throw invalid(`Cannot set ${name} to unknown snapshot ${reference['snapshot-id']}`);
    if (reference.type !== 'branch' && reference.type !== 'tag') throw unknown(`Reference ${reference.type}`);
    table.refs[String(name)] = reference;
    if (name !== 'main') return;
    if (reference.type !== 'branch') throw invalid('main is a branch');
    if (table['current-snapshot-id'] === reference['snapshot-id']) return;
    table['current-snapshot-id'] = reference['snapshot-id'];
    // one that was there before is the current one from now on
    const isNew = added.snapshots?.has(reference['snapshot-id']);
    table['snapshot-log'].push({
      'timestamp-ms': isNew
        ? snapshot['timestamp-ms']
        : Math.max(Date.now(), Number(table['last-updated-ms']) + 1),
      'snapshot-id': reference['snapshot-id'],
    });
  },
  'remove-snapshot-ref': (table, update) => {
    delete table.refs[String(update['ref-name'])];
  },
  'remove-snapshots': (table, update) => {
    const gone = update['snapshot-ids'] as unknown[];
    if (gone.includes(table['current-snapshot-id'])) throw invalid('Cannot remove the current snapshot');
    table.snapshots = table.snapshots.filter((one) => !gone.includes(one['snapshot-id']));
    for (const [name, reference] of Object.entries(table.refs))
      if (gone.includes(reference['snapshot-id'])) delete table.refs[name];
    const log = table['snapshot-log'];
    const begin = 1 + log.findLastIndex((entry) => gone.includes(entry['snapshot-id']));
    table['snapshot-log'] = log.slice(begin);
  },
};
