/** The picture of a benchmark: a bar for each contestant, as long as its part of the limit. */
import type { Role } from './contestants.ts';
import type { Results } from './results.ts';

const width = 800;
const left = 210;
/** of a bar as long as the limit's */
const limitWidth = 260;
/** Longer bars end here; behind it the numbers stand, all in one column. */
const ofLimitMax = 1.5;
const numbersAt = left + limitWidth * ofLimitMax + 14;
const barHeight = 20;
const step = 30;
const headHeight = 40;

const labels: Readonly<Record<string, string>> = {
  'read and discarded': 'read, thrown away (limit)',
  'read lazily and discarded': 'the same, read lazily',
  'one chunk': 'Tidemark, one chunk',
  'one chunk, other checkout': 'other checkout, one chunk',
  'two chunks at once': 'Tidemark, two chunks',
  'the embedded cloud': 'tidemark run, all of it',
  'row objects': 'row objects → Parquet',
};

const styleOf: Readonly<Record<Role, string>> = {
  limit: 'limit',
  'strict limit': 'limit',
  tidemark: 'ours',
  others: 'others',
};

const titles: Readonly<Record<string, string>> = {
  lineitem: 'narrow rows: 16 columns of numbers, dates and short texts',
  documents: 'wide rows: texts of 1 to 4 kB, and JSON',
};

/** SVG, readable on white and on black: colours follow the reader's scheme. */
export function drawChart({ node, compression, machine, rounds, tables }: Results): string {
  let y = 0;
  const parts: string[] = [];
  for (const { name, rows, contestants } of tables) {
    y += headHeight;
    const title = `${titles[name] ?? name} (${rows.toLocaleString('en')} rows)`;
    parts.push(`<text class="head" x="16" y="${y - 14}">${title}</text>`);
    const top = y;
    for (const { name: contestant, role, ofLimit, rowsPerSecond } of contestants) {
      const length = Math.max(2, Math.min(ofLimit, ofLimitMax) * limitWidth);
      const middle = y + barHeight / 2 + 5;
      parts.push(
        `<text x="${left - 10}" y="${middle}" text-anchor="end">${labels[contestant] ?? contestant}</text>`,
        `<rect class="${styleOf[role]}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3"/>`,
        `<text class="value" x="${numbersAt}" y="${middle}"><tspan class="ratio">${ofLimit.toFixed(2)}</tspan> · ${Math.round(rowsPerSecond).toLocaleString('en')} rows/s</text>`,
      );
      y += step;
    }
    parts.push(`<path class="line" d="M${left + limitWidth} ${top - 6}V${y - 4}"/>`);
  }
  y += 26;
  const place = `${machine.cores} cores, with PostgreSQL and the object store on the same machine`;
  parts.push(
    `<text class="value" x="16" y="${y - 8}">Speed as part of what PostgreSQL gives one connection (dotted); median of ${rounds} rounds.</text>`,
    `<text class="value" x="16" y="${y + 10}">Node ${node.slice(1)}, ${compression}; ${place}.</text>`,
  );
  y += 18;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 6}" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, sans-serif" font-size="13">
<title>How fast tables become Parquet</title>
<style>
text { fill: #1f2328 } .head { font-weight: 600; font-size: 14px } .value { fill: #59636e; font-size: 12px } .ratio { font-weight: 600; fill: #1f2328 }
.limit { fill: #9aa4af } .ours { fill: #0e7c86 } .others { fill: #c98500 } .line { stroke: #59636e; stroke-dasharray: 3 3; fill: none }
@media (prefers-color-scheme: dark) {
text, .ratio { fill: #e6edf3 } .value { fill: #9198a1 } .limit { fill: #656c76 } .ours { fill: #2bb3bf } .others { fill: #d29922 } .line { stroke: #9198a1 }
}
</style>
${parts.join('\n')}
</svg>
`;
}
