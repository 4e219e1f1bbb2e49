/** Numbers as people read them. Pure; independent of the machine's locale. */

/** `1,234,567` */
export const count = (n: number): string => String(Math.round(n)).replaceAll(/\B(?=(\d{3})+$)/g, ',');

/** `1 part`, `13 parts` */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${Math.round(n) === 1 ? one : many}`;

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Powers of 1,000, three digits: `812 B`, `12.3 MB`, `140 GB`. */
export function bytes(n: number): string {
  let value = n;
  let unit = 0;
  while (unit < byteUnits.length - 1 && Number(value.toPrecision(3)) >= 1000) {
    value /= 1000;
    unit++;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${byteUnits[unit]}`;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** `0.4 s`, `12 s`, `2 m 05 s`, `3 h 07 m`, `2 d 04 h`. Below ten seconds with a tenth. */
export function duration(ms: number): string {
  if (ms < 9_950) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** As `duration`, in whole seconds: for what changes while one looks. */
export const wholeDuration = (ms: number): string =>
  ms < 59_500 ? `${Math.round(Math.max(0, ms) / 1000)} s` : duration(ms);

/** `41 %`; 100 % only for all of it, 0 % only for nothing. */
export function percent(share: number): string {
  if (share >= 1) return '100 %';
  if (share <= 0) return '0 %';
  return `${Math.min(99, Math.max(1, Math.round(share * 100)))} %`;
}

/** An instant, to the second, in UTC: `2026-11-20 07:01:02Z`. */
export const instant = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')}Z`;

/** `12 s ago` */
export const ago = (iso: string, nowMs: number): string => `${wholeDuration(nowMs - Date.parse(iso))} ago`;
