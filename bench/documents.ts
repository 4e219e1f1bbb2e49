import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { copyIn } from '../local/sample/copy-in.ts';
import { randomFrom } from '../test/support/random.ts';

const packages = fileURLToPath(new URL('../node_modules', import.meta.url));
const readmeBytesMin = 2_000;

/**
 * All that the installed packages say about themselves, about 6 MB: prose, lists, tables and code in Markdown, which is
 * what such columns hold. Random words would not do: PostgreSQL would not compress them, and compressors would find little.
 */
function corpusOfReadmes(): string {
  const files = readdirSync(packages, { recursive: true, encoding: 'utf8' })
    .filter((name) => /readme\.md$/i.test(name))
    .sort()
    .map((name) => join(packages, name))
    .filter((file) => statSync(file).size >= readmeBytesMin);
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

/** A value in COPY's text form. */
const field = (text: string): string =>
  text
    .replaceAll('\0', '')
    .replaceAll('\\', '\\\\')
    .replaceAll('\t', '\\t')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r');

const languages = ['en', 'de', 'fr', 'ja'];

/**
 * A table of documents: a body of 1 to 4 kB of Markdown, attributes as jsonb of about 400 bytes, a title, a summary that
 * three of ten lack, and what tables have besides. About 3 kB a row; PostgreSQL keeps the longer bodies compressed.
 */
export async function createDocuments(url: string, rows: number): Promise<void> {
  const random = randomFrom(1);
  const corpus = corpusOfReadmes();
  const words = [...new Set(corpus.match(/[a-z]{3,12}/g))].slice(0, 5_000);
  const whole = (below: number): number => Math.floor(random() * below);
  const word = (): string => words[whole(words.length)]!;
  const piece = (length: number): string => {
    const at = whole(corpus.length - length);
    // half a surrogate pair is no character
    return corpus.slice(at, at + length).replaceAll(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '');
  };
  const attributes = (): string =>
    JSON.stringify({
      language: languages[whole(languages.length)],
      score: random(),
      views: whole(1_000_000),
      tags: Array.from({ length: 1 + whole(6) }, word),
      source: { host: `${word()}.example`, path: `/${word()}/${word()}/${whole(100_000)}` },
      history: Array.from({ length: whole(5) }, () => ({ by: word(), at: 1_600_000_000 + whole(1e8) })),
    });
  const row = (id: number): string =>
    [
      id,
      whole(100_000),
      new Date(1.6e12 + id * 60_000).toISOString(),
      field(piece(20 + whole(60)).replaceAll('\n', ' ')),
      field(piece(1_000 + whole(3_000))),
      field(attributes()),
      random() < 0.3 ? '\\N' : field(piece(100 + whole(200))),
    ].join('\t');
  async function* data(): AsyncGenerator<Buffer> {
    const together = 200;
    for (let id = 1; id <= rows; id += together) {
      const count = Math.min(together, rows - id + 1);
      yield Buffer.from(`${Array.from({ length: count }, (_, index) => row(id + index)).join('\n')}\n`);
    }
  }

  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`
      create table documents (
        id bigint primary key,
        author integer not null,
        created_at timestamptz not null,
        title text not null,
        body text not null,
        attributes jsonb not null,
        summary text
      )`);
    await copyIn(client, 'copy documents from stdin', data());
    await client.query('vacuum (analyze, freeze) documents');
  } finally {
    await client.end();
  }
}
