/** What requests are about: the kinds of items and objects, and whose run they are of. */
import type { Request } from './world.ts';

export type Kind =
  | 'head'
  | 'run'
  | 'table'
  | 'part'
  | 'plan'
  | 'map'
  | 'staged'
  | 'final'
  | 'manifest'
  | 'pointer'
  | 'metadata'
  /** manifests and their lists, each of a name that only its attempt knows until the head moves */
  | 'avro'
  | 'hint'
  | 'execution';

export type Place = {
  readonly kind: Kind;
  /** of which run, where its name says so */
  readonly run: string | null;
  /** an object's key, or the prefix of a list; of the ledger: the item's two keys, or the partition */
  readonly key: string;
};

function kindOfItem(pk: string, sk: string): Kind {
  if (pk.startsWith('RUN#')) return 'part';
  if (sk === 'HEAD') return 'head';
  if (sk.startsWith('RUN#')) return 'run';
  if (sk.startsWith('TABLE#')) return 'table';
  throw new Error(`the model knows no item ${pk} ${sk}`);
}

function kindOfKey(key: string): Kind {
  if (key.includes('/_staging/')) return 'staged';
  if (key.includes('/_runs/')) return key.includes('/plan-') ? 'map' : 'plan';
  if (key.includes('/data/')) return 'final';
  if (key.includes('/manifests/')) return 'manifest';
  if (key.endsWith('/current.json')) return 'pointer';
  if (key.endsWith('/version-hint.text')) return 'hint';
  if (key.endsWith('.metadata.json')) return 'metadata';
  // whoever lists the folder looks for those
  if (key.endsWith('.avro') || key.endsWith('/metadata/')) return 'avro';
  throw new Error(`the model knows no object ${key}`);
}

const runIn = (text: string): string | null => /\d{8}T\d{6}Z-[0-9a-f]+/.exec(text)?.[0] ?? null;

export const objectAt = (key: string): Place => ({ kind: kindOfKey(key), run: runIn(key), key });

const places = new WeakMap<Request, Place>();

/** What a request reads, or writes. */
export function placeOf(request: Request): Place {
  const known = places.get(request);
  if (known) return known;
  let place: Place;
  if (request.to === 'executions') place = { kind: 'execution', run: null, key: '' };
  else if (request.to === 'store') place = objectAt(request.call.key);
  else {
    const { input } = request.operation;
    const key = input.Key ?? input.Item;
    const text = (name: string): string => {
      const value = key?.[name] ?? input.ExpressionAttributeValues?.[name === 'pk' ? ':pk' : ':from'];
      return value && 'S' in value ? value.S : '';
    };
    const [pk, sk] = [text('pk'), text('sk')];
    const kind = kindOfItem(pk, sk);
    place = { kind, run: runIn(kind === 'part' ? pk : sk), key: `${pk} ${key ? sk : ''}` };
  }
  places.set(request, place);
  return place;
}
