/**
 * Makes the pictures of the README: runs `npm start` in a terminal (tmux) and draws what stands there, once
 * while it copies and once at its end.
 *
 *     npx tsx docs/images/make.ts          needs tmux; makes a new snapshot in .tidemark
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../..', import.meta.url));
const columns = 122;
const lines = 42;
const socket = `tidemark-pictures-${process.pid}`;

const tmux = (...args: string[]): string =>
  execFileSync('tmux', ['-L', socket, ...args], { cwd: project }).toString();
const screen = (): string => tmux('capture-pane', '-p', '-e', '-t', 'picture');
const plain = (text: string): string => text.replaceAll(new RegExp(`${escapeCode}\\[[0-9;]*m`, 'g'), '');

const escapeCode = '\u001b';
const colours: Readonly<Record<number, string>> = {
  31: '#f47067',
  32: '#57ab5a',
  33: '#c69026',
  34: '#539bf5',
  35: '#b083f0',
  36: '#39c5cf',
  90: '#768390',
};

const xml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** One line of a terminal, with its colours, as an SVG text. */
function drawnLine(line: string, y: number): string {
  let colour = '#adbac7';
  let weight = 'normal';
  let opacity = 1;
  let column = 0;
  const spans: string[] = [];
  for (const [, codes, text] of line.matchAll(
    new RegExp(`(?:${escapeCode}\\[([0-9;]*)m)?([^${escapeCode}]*)`, 'g'),
  )) {
    for (const code of (codes ?? '').split(';').filter(Boolean).map(Number)) {
      if (code === 0) [colour, weight, opacity] = ['#adbac7', 'normal', 1];
      else if (code === 1) weight = 'bold';
      else if (code === 2) opacity = 0.6;
      else if (code === 22) [weight, opacity] = ['normal', 1];
      else if (code === 39) colour = '#adbac7';
      else colour = colours[code] ?? colour;
    }
    if (text) {
      spans.push(
        `<tspan x="${16 + column * 8.4}" fill="${colour}" font-weight="${weight}" fill-opacity="${opacity}">${xml(text)}</tspan>`,
      );
      column += [...text].length;
    }
  }
  return `<text y="${y}" xml:space="preserve">${spans.join('')}</text>`;
}

function draw(text: string, file: string, title: string): void {
  const shown = text.trimEnd().split('\n');
  const height = shown.length * 18 + 32;
  writeFileSync(
    join(project, 'docs/images', file),
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${columns * 8.4 + 32} ${height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, monospace" font-size="14">
<title>${title}</title>
<rect width="100%" height="100%" rx="8" fill="#22272e"/>
${shown.map((line, index) => drawnLine(line, 30 + index * 18)).join('\n')}
</svg>
`,
  );
}

async function until(what: RegExp, secondsMax: number): Promise<string> {
  for (let left = secondsMax * 10; left > 0; left--) {
    const now = screen();
    if (what.test(plain(now))) return now;
    await sleep(100);
  }
  throw new Error(`the terminal never showed ${what}; it shows:\n${plain(screen())}`);
}

try {
  tmux('new-session', '-d', '-s', 'picture', '-x', String(columns), '-y', String(lines), 'sh');
  tmux(
    'send-keys',
    '-t',
    'picture',
    "export npm_config_loglevel=error; PS1='$ '; npx tidemark sample status; clear; npm start",
    'C-m',
  );
  draw(await until(/public.flights .* [3-7]\d %/, 120), 'npm-start-copying.svg', 'npm start, copying');
  draw(await until(/try next[\s\S]*\n\$\s*$/, 120), 'npm-start.svg', 'npm start, at its end');
} finally {
  tmux('kill-server');
}
