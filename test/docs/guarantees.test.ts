/** docs/guarantees.md: every claim links the tests that prove it, and these tests are there under those names. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const page = readFileSync(join(docs, 'guarantees.md'), 'utf8');

/** `- [the test's name](../test/…)`: a proof. Names stand in the file as the test has them. */
const proofsIn = (text: string): { name: string; file: string }[] =>
  [...text.matchAll(/^- \[([^\]]+)\]\((\.\.\/test\/[^)]+)\)/gm)].map(([, name, file]) => ({
    name: name!.replaceAll('\\', ''),
    file: file!,
  }));

const claims = page
  .split(/^## /m)
  .slice(1)
  .map((section) => ({ title: section.split('\n')[0]!, proofs: proofsIn(section), text: section }))
  .filter(({ title }) => !/^What is not claimed|^How to read/.test(title));

test('there are claims', () => {
  expect(claims.length).toBeGreaterThan(8);
});

describe.each(claims)('$title', ({ proofs, text }) => {
  test('has a proof, and says what it does not claim', () => {
    expect(proofs.length).toBeGreaterThan(0);
    expect(text).toMatch(/\*\*Not claimed:\*\*/);
  });

  test.each(proofs)('$name', ({ name, file }) => {
    const path = join(docs, file);
    expect(existsSync(path), file).toBe(true);
    // the whole title, or its beginning where the rest is computed
    const titles = ["'", '`'].map((quote) => `${quote}${name}`);
    const code = readFileSync(path, 'utf8');
    expect(titles.filter((title) => code.includes(title))).toHaveLength(1);
  });
});
