import { S3Fault } from './fault.ts';

/** The little XML that S3 speaks: elements and text; attributes and namespaces are read over. */
export type XmlElement = { readonly name: string; text: string; readonly children: XmlElement[] };

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

// biome-ignore lint/suspicious/noControlCharactersInRegex: keys may hold control characters; S3 answers with references too
const special = /[<>&"\u0000-\u001f\u007f\u0085\u2028\ufffe\uffff]/g;

function escapeOne(character: string): string {
  switch (character) {
    case '<':
      return '&lt;';
    case '>':
      return '&gt;';
    case '&':
      return '&amp;';
    case '"':
      return '&quot;';
    default:
      return `&#x${character.charCodeAt(0).toString(16)};`;
  }
}

/** `<name>value</name>`, or nothing for an undefined value. */
export const leaf = (name: string, value: string | number | boolean | undefined): string =>
  value === undefined ? '' : `<${name}>${String(value).replace(special, escapeOne)}</${name}>`;

export const group = (name: string, ...children: readonly string[]): string =>
  `<${name}>${children.join('')}</${name}>`;

/** A whole answer. Errors have no namespace. */
export const xmlDocument = (name: string, ...children: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${name}${name === 'Error' ? '' : ` xmlns="${namespace}"`}>${children.join('')}</${name}>`;

const malformed = (): S3Fault =>
  new S3Fault(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );

function unescapeXml(text: string): string {
  return text.replace(/&([^;]*);?/g, (whole, reference: string) => {
    const numeric = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(reference);
    if (numeric !== null) {
      const point = numeric[1] === undefined ? Number(numeric[2]) : Number.parseInt(numeric[1], 16);
      if (point > 0x10ffff) throw malformed();
      return String.fromCodePoint(point);
    }
    const character = named[reference];
    if (character === undefined || !whole.endsWith(';')) throw malformed();
    return character;
  });
}

/** @throws S3Fault MalformedXML, also for a DOCTYPE or CDATA, which no S3 client sends */
export function parseXml(source: string): XmlElement {
  const root: XmlElement = { name: '', text: '', children: [] };
  const open: XmlElement[] = [root];
  const token = /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([A-Za-z_][\w.:-]*)((?:\s[^<>]*?)?)(\/?)>|([^<]+)/gy;
  while (token.lastIndex < source.length) {
    const match = token.exec(source);
    if (match === null) throw malformed();
    const [, closing, fullName, , selfClosing, text] = match;
    const inner = open[open.length - 1]!;
    if (text !== undefined) {
      inner.text += unescapeXml(text);
    } else if (fullName !== undefined) {
      const name = fullName.slice(fullName.indexOf(':') + 1);
      if (closing === '/') {
        if (inner === root || inner.name !== name) throw malformed();
        open.pop();
      } else {
        const element: XmlElement = { name, text: '', children: [] };
        inner.children.push(element);
        if (selfClosing !== '/') open.push(element);
      }
    }
  }
  const [top] = root.children;
  if (open.length !== 1 || root.children.length !== 1 || top === undefined) throw malformed();
  return top;
}

export const childrenOf = (element: XmlElement, name: string): XmlElement[] =>
  element.children.filter((child) => child.name === name);

/** The text of the one child of this name, or undefined. */
export const childText = (element: XmlElement, name: string): string | undefined =>
  element.children.find((child) => child.name === name)?.text;

/** @throws S3Fault MalformedXML when the document is not a `<name>` */
export function parseXmlAs(name: string, source: string): XmlElement {
  const element = parseXml(source);
  if (element.name !== name) throw malformed();
  return element;
}

/** @throws S3Fault MalformedXML when the child is missing */
export function requiredText(element: XmlElement, name: string): string {
  const text = childText(element, name);
  if (text === undefined) throw malformed();
  return text;
}
