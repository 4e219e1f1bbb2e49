import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { build } from 'esbuild';
import { uncompressSync } from 'snappy';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TidemarkError } from '../../../../core/errors.ts';
import { defaultCompression, loadCodec, snappyLiteral } from '../../../../core/formats/parquet/codec.ts';

test('zstd is the default where Node has it, else snappy', async () => {
  const hasZstd = typeof zlib.zstdCompressSync === 'function';
  expect(defaultCompression()).toBe(hasZstd ? 'zstd' : 'snappy');
  if (hasZstd) {
    expect((await loadCodec('zstd')).id).toBe(6);
    return;
  }
  await expect(loadCodec('zstd')).rejects.toSatisfy(
    (error) =>
      error instanceof TidemarkError && error.code === 'DefinitionInvalid' && error.message.includes('22.15'),
  );
});

test.each(['none', 'snappy', ...(defaultCompression() === 'zstd' ? (['zstd'] as const) : [])] as const)(
  '%s: no page becomes longer than promised',
  async (compression) => {
    const codec = await loadCodec(compression);
    let state = 1;
    for (const length of [0, 1, 5, 100, 1000, 70_000, 1_000_000]) {
      const noise = Uint8Array.from({ length }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state >>> 24;
      });
      expect(codec.compress(noise).length).toBeLessThanOrEqual(codec.bytesMax(length));
      expect((codec.store ?? codec.compress)(noise).length).toBeLessThanOrEqual(codec.bytesMax(length));
    }
  },
);

test('a page stored as one literal is what snappy makes a page of again', () => {
  for (const length of [0, 1, 60, 61, 300, 70_000, 1_100_000]) {
    const page = Buffer.alloc(length, 'tidemark');
    const again = uncompressSync(snappyLiteral(page), { asBuffer: true }) as Buffer;
    expect(again.equals(page)).toBe(true);
  }
});

test.each(['none', 'snappy', ...(defaultCompression() === 'zstd' ? (['zstd'] as const) : [])] as const)(
  '%s: what becomes of a page lies in memory of its own, not much larger than it is',
  async (compression) => {
    const codec = await loadCodec(compression);
    for (const length of [200, 20_000, 200_000]) {
      const page = Buffer.alloc(length, 'ab');
      const before = codec.compress(page);
      const copy = Buffer.from(before);
      page.fill(0);
      expect(copy.equals(before)).toBe(true);
      expect(before.buffer.byteLength).toBeLessThanOrEqual(Math.max(8_192, 2 * before.length));
    }
  },
);

/** The functions that are deployed carry the encoder in a CommonJS bundle, in which snappy stays outside. */
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-bundle-'));
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  await build({
    entryPoints: ['core/formats/parquet/parquet.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['snappy'],
    outfile: join(folder, 'parquet.cjs'),
    logLevel: 'error',
  });
  writeFileSync(
    join(folder, 'main.cjs'),
    `const { parquetFormat } = require('./parquet.cjs');
     parquetFormat({ compression: process.argv[2] }).then((format) => {
       const file = format.encoder([{ id: 1, name: 'a', type: { kind: 'int', bits: 32 }, nullable: false }], {});
       const data = Buffer.of(1, 0, 0, 0);
       file.write({ rows: 1, firstKey: '1', lastKey: '1', columns: [{ data, bytes: 4, values: 1, present: Buffer.of(1) }] });
       const snappy = Object.keys(require.cache).some((path) => path.includes('snappy'));
       process.stdout.write(JSON.stringify({ bytes: file.finish().bytes > 100, snappy }));
     });`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['snappy', true],
  [defaultCompression() === 'zstd' ? 'zstd' : 'none', false],
])('in a CommonJS bundle, %s loads snappy: %s', (compression, loaded) => {
  const output = execFileSync(process.execPath, [join(folder, 'main.cjs'), compression], {
    encoding: 'utf8',
  });
  expect(JSON.parse(output)).toEqual({ bytes: true, snappy: loaded });
});
