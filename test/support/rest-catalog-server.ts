/**
 * A server of Iceberg's REST protocol on 127.0.0.1: configuration, namespaces, tables, commits, transactions. It writes
 * metadata files, as the real ones do; faults can be put into any call.
 */
import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse, stringify } from 'lossless-json';
import { newTable, numbered } from './rest-new-table.ts';
import { applied, checkRequirements, type Json, RestFault } from './rest-table-updates.ts';
import { type ReceivedRequest, signatureProblem } from './sigv4-check.ts';

export type RestOperation =
  | 'config'
  | 'load-namespace'
  | 'create-namespace'
  | 'load-table'
  | 'create-table'
  | 'commit-table'
  | 'commit-transaction';

export type RestAnswer = {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** before: the call does nothing. after: it takes effect first. `lost`: the connection breaks instead of an answer */
export type RestCallFault = { readonly when: 'before' | 'after'; readonly answer: RestAnswer | 'lost' };

export const errorAnswer = (status: number, type: string, message: string): RestAnswer => ({
  status,
  body: JSON.stringify({ error: { message, type, code: status } }),
});

export type RestCatalogSettings = {
  /** stores a metadata file */
  readonly write?: (url: string, text: string) => Promise<void>;
  /** what the configuration says besides `prefix` and `endpoints` */
  readonly overrides?: Json;
  readonly prefix?: string;
  readonly endpoints?: readonly string[];
  readonly token?: string;
  readonly sign?: Parameters<typeof signatureProblem>[1];
  /** false: as Glue's endpoint, which knows no staged tables */
  readonly staging?: boolean;
  /** where the server puts a new table, whatever its creation asks for; a commit may move it */
  readonly locationOf?: (name: string) => string;
  /** false: not even a commit moves it */
  readonly movable?: boolean;
  /** numbers the columns of a table that a commit makes by itself, as Nessie does */
  readonly numbering?: boolean;
};

export type RestCatalogServer = RestCatalogInMemory & {
  readonly uri: string;
  close(): Promise<void>;
};

export type RestCatalogInMemory = {
  /** every call that came, in order */
  readonly calls: RestOperation[];
  /** what came with each call that had a body */
  readonly bodies: Json[];
  readonly namespaces: Set<string>;
  /** Of the next calls of this operation, one each; null: none for this one */
  fail(operation: RestOperation, ...faults: (RestCallFault | null)[]): void;
  /** Commits as another writer does, without HTTP. */
  commit(name: string, requirements: readonly Json[], updates: readonly Json[]): Promise<void>;
  table(name: string): { readonly metadata: Json; readonly file: string } | undefined;
  drop(name: string): void;
  respond(request: ReceivedRequest): Promise<RestAnswer | 'lost'>;
};

type Stored = { readonly metadata: Json; readonly file: string };
type Call = { readonly names: readonly string[]; readonly body: Json };

const numberOf = (text: string): number | bigint =>
  /^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text)) ? BigInt(text) : Number(text);

const routes: readonly (readonly [RestOperation, string, RegExp])[] = [
  ['load-namespace', 'GET', /^\/namespaces\/([^/]+)$/],
  ['create-namespace', 'POST', /^\/namespaces$/],
  ['load-table', 'GET', /^\/namespaces\/([^/]+)\/tables\/([^/]+)$/],
  ['create-table', 'POST', /^\/namespaces\/([^/]+)\/tables$/],
  ['commit-table', 'POST', /^\/namespaces\/([^/]+)\/tables\/([^/]+)$/],
  ['commit-transaction', 'POST', /^\/transactions\/commit$/],
];

/** The same without a socket. */
export function restCatalogInMemory(settings: RestCatalogSettings = {}): RestCatalogInMemory {
  const { write = async () => {}, prefix = '', staging = true } = settings;
  const tables = new Map<string, Stored>();
  const namespaces = new Set<string>();
  const calls: RestOperation[] = [];
  const bodies: Json[] = [];
  const faults = new Map<RestOperation, (RestCallFault | null)[]>();

  const noTable = (name: string): RestFault =>
    new RestFault(404, 'NoSuchTableException', `Table does not exist: ${name}`);

  async function written(before: Stored | undefined, metadata: Json): Promise<Stored> {
    const number = Number(/(\d+)-[^/]+$/.exec(before?.file ?? '')?.[1] ?? -1) + 1;
    const file = `${metadata.location}/metadata/${String(number).padStart(5, '0')}-${randomUUID()}.metadata.json`;
    const log = (before?.metadata['metadata-log'] as Json[] | undefined) ?? [];
    const entry = before && {
      'timestamp-ms': before.metadata['last-updated-ms'],
      'metadata-file': before.file,
    };
    const whole = { ...metadata, 'metadata-log': entry ? [...log, entry] : log };
    await write(file, stringify(whole)!);
    return { metadata: whole, file };
  }

  /** All of them or none. A commit that finds the table moved while its file was written looks again. */
  async function commitAll(changes: readonly { name: string; body: Json }[]): Promise<Stored[]> {
    for (;;) {
      const before = changes.map(({ name }) => tables.get(name));
      const next = changes.map(({ body }, at) => {
        const metadata = before[at]?.metadata ?? null;
        checkRequirements(metadata, body.requirements as Json[]);
        return applied(metadata, body.updates as Json[], Date.now());
      });
      const stored: Stored[] = [];
      for (const [at, metadata] of next.entries()) stored.push(await written(before[at], metadata));
      if (changes.some(({ name }, at) => tables.get(name) !== before[at])) continue;
      for (const [at, { name }] of changes.entries()) tables.set(name, stored[at]!);
      return stored;
    }
  }

  const tableAnswer = ({ metadata, file }: Stored): Json => ({
    'metadata-location': file,
    metadata,
    config: {},
  });

  const operations: Record<RestOperation, (call: Call) => Promise<Json | null>> = {
    config: async () => ({
      defaults: { clients: '4' },
      overrides: { ...(prefix && { prefix }), ...settings.overrides },
      ...(settings.endpoints && { endpoints: settings.endpoints }),
    }),
    'load-namespace': async ({ names: [namespace] }) => {
      if (!namespaces.has(namespace!))
        throw new RestFault(404, 'NoSuchNamespaceException', `Namespace does not exist: ${namespace}`);
      return { namespace: [namespace], properties: {} };
    },
    'create-namespace': async ({ body }) => {
      const [namespace] = body.namespace as string[];
      if (namespaces.has(namespace!))
        throw new RestFault(409, 'AlreadyExistsException', `Namespace already exists: ${namespace}`);
      namespaces.add(namespace!);
      return { namespace: [namespace], properties: {} };
    },
    'load-table': async ({ names }) => {
      const stored = tables.get(names.join('.'));
      if (!stored) throw noTable(names.join('.'));
      return tableAnswer(stored);
    },
    async 'create-table'({ names: [namespace], body }) {
      const name = `${namespace}.${body.name}`;
      if (!namespaces.has(namespace!)) throw new RestFault(404, 'NoSuchNamespaceException', `${namespace}`);
      if (body['stage-create'] && !staging)
        throw new RestFault(400, 'BadRequestException', 'Malformed request: Stage create is not supported');
      if (tables.has(name))
        throw new RestFault(409, 'AlreadyExistsException', `Table already exists: ${name}`);
      const metadata = newTable(body, settings.locationOf?.(String(body.name)) ?? String(body.location));
      if (body['stage-create']) return { 'metadata-location': null, metadata, config: {} };
      const stored = await written(undefined, metadata);
      tables.set(name, stored);
      return tableAnswer(stored);
    },
    async 'commit-table'({ names, body }) {
      const name = names.join('.');
      const location = settings.movable === false ? settings.locationOf?.(names[1]!) : undefined;
      const numbers = settings.numbering && !tables.has(name);
      const updates = (body.updates as Json[]).map((update) => {
        if (location && update.action === 'set-location') return { ...update, location };
        if (!numbers || update.action !== 'add-schema') return update;
        return { ...update, schema: numbered(update.schema as Json) };
      });
      const [stored] = await commitAll([{ name, body: { ...body, updates } }]);
      return { 'metadata-location': stored!.file, metadata: stored!.metadata };
    },
    async 'commit-transaction'({ body }) {
      const changes = (body['table-changes'] as Json[]).map((change) => {
        const { namespace, name } = change.identifier as { namespace: string[]; name: string };
        if (!tables.has(`${namespace[0]}.${name}`)) throw noTable(`${namespace[0]}.${name}`);
        return { name: `${namespace[0]}.${name}`, body: change };
      });
      await commitAll(changes);
      return null;
    },
  };

  function routeOf(method: string, path: string): { operation: RestOperation; names: string[] } {
    if (method === 'GET' && path === '/v1/config') return { operation: 'config', names: [] };
    const root = prefix ? `/v1/${prefix}` : '/v1';
    const rest = path.startsWith(`${root}/`) ? path.slice(root.length) : '';
    for (const [operation, wanted, pattern] of routes) {
      const match = wanted === method ? pattern.exec(rest) : null;
      if (match) return { operation, names: match.slice(1).map(decodeURIComponent) };
    }
    throw new RestFault(404, 'NotFoundException', `No route for ${method} ${path}`);
  }

  async function answer(request: ReceivedRequest): Promise<RestAnswer | 'lost'> {
    const { pathname } = new URL(request.target, 'http://server');
    const { operation, names } = routeOf(request.method, pathname);
    calls.push(operation);
    checkCaller(settings, request);
    const fault = faults.get(operation)?.shift() ?? null;
    if (fault?.when === 'before') return fault.answer;
    const body = request.body ? (parse(request.body, null, numberOf) as Json) : {};
    if (request.body) bodies.push(body);
    const result = await operations[operation]({ names, body });
    if (fault) return fault.answer;
    return result === null ? { status: 204, body: '' } : { status: 200, body: stringify(result)! };
  }

  const respond = (request: ReceivedRequest): Promise<RestAnswer | 'lost'> =>
    answer(request).catch((error: unknown) =>
      error instanceof RestFault
        ? errorAnswer(error.status, error.type, error.message)
        : errorAnswer(500, 'InternalServerError', String(error)),
    );

  return {
    ...{ calls, bodies, namespaces, respond },
    fail: (operation, ...more) => faults.set(operation, [...(faults.get(operation) ?? []), ...more]),
    commit: async (name, requirements, updates) => {
      await commitAll([{ name, body: { requirements, updates } }]);
    },
    table: (name) => tables.get(name),
    drop: (name) => tables.delete(name),
  };
}

export async function startRestCatalog(settings: RestCatalogSettings = {}): Promise<RestCatalogServer> {
  const catalog = restCatalogInMemory(settings);
  const server = http.createServer(async (request, response) => {
    const given = await catalog.respond({
      method: request.method!,
      target: request.url!,
      headers: request.headers as Record<string, string>,
      body: await bodyOf(request),
    });
    if (given === 'lost') request.socket.destroy();
    else send(response, given);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    ...catalog,
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, { status, body, headers }: RestAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

function checkCaller({ token, sign }: RestCatalogSettings, request: ReceivedRequest): void {
  const { authorization } = request.headers;
  if (token && authorization !== `Bearer ${token}`)
    throw new RestFault(401, 'NotAuthorizedException', `Not a valid token: ${authorization}`);
  const problem = sign && signatureProblem(request, sign);
  if (problem) throw new RestFault(403, 'ForbiddenException', `${problem}\nThe Canonical String was …`);
}
