/** What many seeds gave together, in words. */
import type { SeedReport } from './worker.ts';

export type Tally = {
  add(report: SeedReport): void;
  readonly failed: readonly SeedReport[];
  readonly seeds: () => number;
  /** One line: how many of what. */
  summary(): string;
};

const grouped = (n: number): string => n.toLocaleString('en-US');

export function tally(): Tally {
  const failed: SeedReport[] = [];
  const faults = new Map<string, number>();
  let seeds = 0;
  let steps = 0;
  let rows = 0;
  let snapshots = 0;
  let replayed = 0;
  const failedBy = (broken: string): number =>
    failed.filter(({ violation }) => violation!.broken === broken).length;
  return {
    failed,
    seeds: () => seeds,
    add(report) {
      seeds++;
      steps += report.steps;
      rows += report.rowsCompared;
      snapshots += report.snapshots;
      if (report.replayed) replayed++;
      for (const [fault, count] of Object.entries(report.faults)) {
        faults.set(fault, (faults.get(fault) ?? 0) + count);
      }
      if (report.violation) failed.push(report);
    },
    summary() {
      const kinds = [...faults].sort((a, b) => b[1] - a[1]);
      const struck = kinds.reduce((sum, [, count]) => sum + count, 0);
      const [lost, doubled, changed] = ['row lost', 'row doubled', 'row changed'].map(failedBy);
      const others = failed.length - lost! - doubled! - changed!;
      return [
        `${grouped(seeds)} seeds, ${grouped(struck)} faults (${kinds.map(([kind, count]) => `${kind} ${grouped(count)}`).join('; ')})`,
        `${grouped(steps)} steps`,
        `${grouped(snapshots)} snapshots`,
        `${grouped(rows)} rows compared`,
        `${lost} lost, ${doubled} doubled, ${changed} changed`,
        `${others} other violations`,
        `${grouped(replayed)} seeds replayed`,
      ].join(', ');
    },
  };
}
