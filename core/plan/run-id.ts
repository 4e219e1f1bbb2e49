import { randomBytes } from 'node:crypto';

const format = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;

function parse(run: string): number {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(run)!;
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
}

/**
 * A run's id: `20261120T070102Z-4f3a`, when it started and four hex digits. Ids of a sync grow as text, whatever the
 * clocks say: claims and sweeps rest on it, so an id is later than its predecessor's by at least a second.
 */
export function newRunId(previous: string | null, nowMs: number): string {
  const earliest = previous === null ? 0 : parse(previous) + 1000;
  return `${format(Math.max(nowMs, earliest))}-${randomBytes(2).toString('hex')}`;
}
