import stringWidth from 'string-width';
import { fitted, oneLine } from './printable.ts';

export type Cell = {
  readonly text: string;
  /** puts colour on the cell; does not change its width */
  readonly paint?: (text: string) => string;
};

export type LayoutColumn = {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** cells that the column takes at least: what is drawn again and again should not jump */
  readonly min?: number;
  /** the column with the smallest number goes first where the width is small; null: it stays to the end */
  readonly keep: number | null;
  /** may be cut down to this many cells before any column is dropped; below that when none is left to drop */
  readonly shrinkTo?: number;
};

const gap = 2;
const shrunkMin = 4;

function widthsOf(columns: readonly LayoutColumn[], rows: readonly (readonly Cell[])[]): number[] {
  return columns.map((column, index) =>
    Math.max(column.min ?? 0, stringWidth(column.title), ...rows.map((row) => stringWidth(row[index]!.text))),
  );
}

const total = (widths: readonly number[], chosen: readonly number[]): number =>
  chosen.reduce((sum, index) => sum + widths[index]!, 0) + gap * Math.max(0, chosen.length - 1);

/** What every shrinkable column can give, taken from the widest first, until `excess` is gone or nothing is left. */
function shrink(
  chosen: readonly number[],
  widths: number[],
  excess: number,
  least: (index: number) => number,
): void {
  let left = excess;
  while (left > 0) {
    const widest = chosen
      .filter((index) => widths[index]! > least(index))
      .sort((a, b) => widths[b]! - widths[a]!)[0];
    if (widest === undefined) return;
    widths[widest]!--;
    left--;
  }
}

/**
 * Rows under titles, in columns that fit into `width` cells: first the shrinkable columns are cut, then columns are
 * dropped in their fixed order; no line is ever longer than `width`.
 *
 * @param titlePaint for the line of titles; null: no such line
 */
export function layOut(
  columns: readonly LayoutColumn[],
  rows: readonly (readonly Cell[])[],
  width: number,
  titlePaint: ((text: string) => string) | null,
): string[] {
  const clean = rows.map((row) => row.map((cell) => ({ ...cell, text: oneLine(cell.text) })));
  const natural = widthsOf(titlePaint ? columns : columns.map((c) => ({ ...c, title: '' })), clean);
  let chosen = columns.map((_, index) => index);
  const least = natural.map((w, index) => Math.min(w, columns[index]!.shrinkTo ?? w));
  while (total(least, chosen) > width) {
    const next = chosen
      .filter((index) => columns[index]!.keep !== null)
      .sort((a, b) => columns[a]!.keep! - columns[b]!.keep!)[0];
    if (next === undefined) break;
    chosen = chosen.filter((index) => index !== next);
  }
  const widths = [...natural];
  for (const hard of [false, true]) {
    shrink(chosen, widths, total(widths, chosen) - width, (index) => {
      const { shrinkTo } = columns[index]!;
      return shrinkTo === undefined ? Number.POSITIVE_INFINITY : hard ? shrunkMin : shrinkTo;
    });
  }

  const line = (cells: readonly Cell[], paintLine: (text: string) => string): string => {
    let room = width;
    const parts: string[] = [];
    for (const [place, index] of chosen.entries()) {
      const cell = cells[index]!;
      const cellWidth = Math.min(widths[index]!, room);
      const text = fitted(cell.text, cellWidth);
      const last = place === chosen.length - 1;
      const pad = ' '.repeat(Math.max(0, cellWidth - stringWidth(text)));
      const painted = cell.paint ? cell.paint(text) : text;
      const whole = columns[index]!.align === 'right' ? pad + painted : last ? painted : painted + pad;
      parts.push(whole);
      room -= cellWidth + gap;
      if (room <= 0) break;
    }
    return paintLine(parts.join(' '.repeat(gap)));
  };
  const lines = clean.map((row) => line(row, (text) => text));
  if (!titlePaint) return lines;
  return [
    line(
      columns.map(({ title }) => ({ text: title })),
      titlePaint,
    ),
    ...lines,
  ];
}
