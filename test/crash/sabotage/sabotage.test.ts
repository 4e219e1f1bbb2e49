/** The tests can fail: whoever breaks the protocol at one place is found out, by what must then be broken, and soon. */
import { describe, expect, test } from 'vitest';
import { simulate } from '../random/simulate.ts';
import { applyPatch, patchedCopy } from './patched-copy.ts';
import { sabotages } from './sabotages.ts';

/** It is found out in the first ten or twenty; these many make it certain. */
const seedsMax = 150;

describe('found out by random schedules', () => {
  test.for(sabotages)('$name', { timeout: 300_000 }, async ({ patch, only, broken }) => {
    const copy = patchedCopy(patch);
    try {
      const found = await simulate({ seeds: seedsMax, failures: 1, only }, copy.folder);
      const [, seed, what] = /^seed (\d+) ✗ ([^:]+): /m.exec(found.stdout) ?? [];
      expect(broken, `${found.stdout}\n${found.stderr}`).toContain(what);
      expect(found.exitCode).toBe(1);
      // the same schedules with the product as it is
      const honest = await simulate({ seeds: Number(seed), workers: 1, only });
      expect(honest.exitCode, `${honest.stdout}\n${honest.stderr}`).toBe(0);
    } finally {
      copy.remove();
    }
  });
});

test('an honest copy passes where it stands', async () => {
  const copy = patchedCopy(null);
  try {
    const { exitCode, stdout, stderr } = await simulate({ seeds: 4 }, copy.folder);
    expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  } finally {
    copy.remove();
  }
});

test('a sabotage whose text is gone, or stands twice, is refused', () => {
  const patch = { file: 'a.ts', take: 'if (x)', put: 'if (y)' };
  expect(applyPatch('if (x) $& ok', patch)).toBe('if (y) $& ok');
  expect(() => applyPatch('if (z)', patch)).toThrow(
    'the sabotage no longer fits: its text stands 0 times in a.ts',
  );
  expect(() => applyPatch('if (x) if (x)', patch)).toThrow('stands 2 times');
});
