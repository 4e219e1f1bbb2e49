import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openJournal, type Place, scanJournal } from '../../../local/step-functions/journal.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-journal-'));
  file = join(folder, 'deep', 'journal.ndjson');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const scanned = () => {
  const found: { record: unknown; place: Place }[] = [];
  scanJournal(file, (record, place) => found.push({ record, place }));
  return found;
};

it('gives back what was appended, by its place and in order, also in long lines and other scripts', () => {
  const records = [
    { a: 'ä€😀' },
    { long: '\u20ac'.repeat(300_000) },
    [],
    { 'line\u2028': 'end\n' },
    'x'.repeat(262_143),
  ];
  const journal = openJournal(file);
  const places = records.map((record) => journal.append(record));
  expect(places.map((place) => journal.read(place))).toEqual(records);
  journal.close();
  expect(scanned()).toEqual(records.map((record, index) => ({ record, place: places[index] })));
});

it('cuts off what a killed process was about to write, and goes on after it', () => {
  const journal = openJournal(file);
  journal.append({ n: 1 });
  journal.close();
  appendFileSync(file, '{"n":2,"cut":"of');
  expect(scanned().map(({ record }) => record)).toEqual([{ n: 1 }]);
  const again = openJournal(file);
  const place = again.append({ n: 3 });
  expect(again.read(place)).toEqual({ n: 3 });
  again.close();
  expect(readFileSync(file, 'utf8')).toBe('{"n":1}\n{"n":3}\n');
  expect(place).toEqual([8, 8]);
  expect(statSync(file).size).toBe(16);
});

it('says where a journal is damaged', () => {
  const journal = openJournal(file);
  journal.append({ n: 1 });
  journal.close();
  appendFileSync(file, 'no record\n');
  expect(scanned).toThrow(/journal\.ndjson is damaged at byte 8/);
});
