import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { TidemarkError } from '../errors.ts';
import { formatPath, type PathStep } from './references.ts';

/** Where something stands, for a message: `tidemark.yaml:7: part.rows`. */
export type Place = (path: readonly PropertyKey[]) => string;

export type Document = {
  /** what the file holds, `${NAME}` as it stands; null: no options at all */
  readonly raw: unknown;
  readonly place: Place;
};

/** To YAML, what begins with * is the name of something that stands elsewhere. */
const hintOf = (message: string): string =>
  /\balias\b/i.test(message) ? '; a pattern that begins with * stands in quotes: "*.*"' : '';

/**
 * Parses the YAML of a definition.
 * @param file its name, for messages
 * @throws TidemarkError DefinitionInvalid where it is not YAML
 */
export function readDocument(text: string, file: string): Document {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new TidemarkError(
      'DefinitionInvalid',
      `${file}:${line}:${col}: this is not YAML: ${broken.message}${hintOf(broken.message)}`,
    );
  }

  const place: Place = (path) => {
    const steps = path.map((step): PathStep => (typeof step === 'symbol' ? String(step) : step));
    for (let length = steps.length; length > 0; length--) {
      const above = document.getIn(steps.slice(0, length - 1), true);
      const pair =
        isMap(above) &&
        above.items.find(({ key }) => isScalar(key) && String(key.value) === String(steps[length - 1]));
      const value = document.getIn(steps.slice(0, length), true);
      const node = (pair ? pair.key : value) as { range?: [number] } | undefined;
      if (node?.range) return `${file}:${lines.linePos(node.range[0]).line}: ${formatPath(steps)}`;
    }
    return `${file}: ${formatPath(steps) || 'the top'}`;
  };

  if (!isMap(document.contents)) return { raw: null, place };
  try {
    return { raw: document.toJS(), place };
  } catch (error) {
    // an alias without its anchor, or one that stands for far too much
    const { message } = error as Error;
    throw new TidemarkError('DefinitionInvalid', `${file}: ${message}${hintOf(message)}`);
  }
}

/** What stands at a path; undefined where nothing does. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const step of path) {
    if (at === null || typeof at !== 'object') return undefined;
    at = (at as Record<PropertyKey, unknown>)[step];
  }
  return at;
}
