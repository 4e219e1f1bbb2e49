/**
 * Exactly once, under schedules that a seed makes up: several faults at once, at any call, over several runs. What is
 * checked after every single step is written in lake-view.ts and ledger-view.ts; many more seeds at leisure:
 * `npm run test:crash -- --seeds 10000`.
 */
import { describe, expect, test } from 'vitest';
import { allFaults } from './faults.ts';
import { simulate } from './simulate.ts';

/** Always the same ones, so that a failure says something of the change at hand; TIDEMARK_SEED begins elsewhere. */
const from = Number(process.env.TIDEMARK_SEED ?? 1);
/** Under a minute on two cores that have nothing else to do. */
const seeds = 200;

describe('random schedules', () => {
  test(`of ${seeds} seeds lose, double and change no row`, { timeout: 1_800_000 }, async () => {
    const { exitCode, stdout, stderr } = await simulate({ seeds, from });
    expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
    expect(stdout).toContain(`${seeds} seeds, `);
    expect(stdout).toContain('0 lost, 0 doubled, 0 changed, 0 other violations');
    // every kind of fault has struck, and every twentieth seed went the same way twice
    for (const fault of allFaults) expect(stdout).toMatch(new RegExp(`\\b${fault} [1-9]`));
    expect(stdout).toContain(`${seeds / 20} seeds replayed`);
  });

  test.for([7, 1207])('seed %i goes the same way in another process', async (seed) => {
    const [one, other] = await Promise.all([simulate({ seed }), simulate({ seed })]);
    const traceOf = (text: string): string[] => text.split('\n').slice(0, -2);
    expect(traceOf(one.stdout).length).toBeGreaterThan(100);
    expect(traceOf(one.stdout)).toEqual(traceOf(other.stdout));
  });

  test('a wrong word is refused', async () => {
    const [number, fault] = await Promise.all([
      simulate({ seeds: -1 }),
      simulate({ only: ['dies of boredom' as never] }),
    ]);
    expect([number.exitCode, fault.exitCode]).toEqual([2, 2]);
    expect(number.stderr).toBe('--seeds is to be a whole number from 1 on; found: -1\n');
    expect(fault.stderr).toContain('dies of boredom is none of dies before');
  });

  test.for([
    [{ seeds: 0 }, '--seeds is to be a whole number from 1 on; found: 0'],
    [{ seeds: 'x' as never }, '--seeds is to be a whole number from 1 on; found: x'],
    [{ workers: 0 }, '--workers is to be a whole number from 1 on; found: 0'],
    [{ failures: 0 }, '--failures is to be a whole number from 1 on; found: 0'],
    [{ sead: 1 } as never, 'Usage: npm run test:crash -- '],
  ] as const)('%o would try nothing, and is refused', async ([options, said]) => {
    const { exitCode, stdout, stderr } = await simulate(options);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(said);
    expect(stderr).not.toContain('TypeError');
  });

  test('--help prints the usage', async () => {
    const { exitCode, stdout } = await simulate({ help: null } as never);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: .*\n\n[\s\S]*--seeds N .*\n/);
  });
});
