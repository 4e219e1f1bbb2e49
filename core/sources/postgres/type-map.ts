/** PostgreSQL's types → what they become in the lake, and how their values come over the wire. */
import type { ColumnType } from '../../formats/column.ts';
import type { Mask } from '../source.ts';

/** The form of a value in `COPY … (FORMAT binary)`, as the decoder knows it. */
export type Wire =
  | 'bool'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'float4'
  | 'float8'
  | 'numeric'
  | 'numeric-text'
  | 'text'
  | 'bytes'
  | 'jsonb'
  | 'uuid'
  | 'date'
  | 'time'
  | 'timestamp';

export type Mapping = {
  readonly type: ColumnType;
  readonly wire: Wire;
  readonly transfer: 'binary' | 'text';
  /** why the value is copied as text; null when the type is one that files have */
  readonly note: string | null;
};

/** Of pg_type; `id`s of built-in types never change. */
export type BaseType = {
  readonly id: number;
  /** pg_type.typtype: b base, e enum, c composite, r range, m multirange, p pseudo */
  readonly typtype: string;
  /** of the column or of its domain; -1: none */
  readonly modifier: number;
};

const binary = (type: ColumnType, wire: Wire): Mapping => ({ type, wire, transfer: 'binary', note: null });

const fixed: ReadonlyMap<number, Mapping> = new Map([
  [16, binary({ kind: 'boolean' }, 'bool')],
  [17, binary({ kind: 'bytes' }, 'bytes')],
  [20, binary({ kind: 'int', bits: 64 }, 'int8')],
  [21, binary({ kind: 'int', bits: 16 }, 'int2')],
  [23, binary({ kind: 'int', bits: 32 }, 'int4')],
  [25, binary({ kind: 'string' }, 'text')],
  [114, binary({ kind: 'json' }, 'text')],
  [700, binary({ kind: 'float', bits: 32 }, 'float4')],
  [701, binary({ kind: 'float', bits: 64 }, 'float8')],
  [1042, binary({ kind: 'string' }, 'text')],
  [1043, binary({ kind: 'string' }, 'text')],
  [1082, binary({ kind: 'date' }, 'date')],
  [1083, binary({ kind: 'time' }, 'time')],
  [1114, binary({ kind: 'timestamp', utc: false }, 'timestamp')],
  [1184, binary({ kind: 'timestamp', utc: true }, 'timestamp')],
  [2950, binary({ kind: 'uuid' }, 'uuid')],
  [3802, binary({ kind: 'json' }, 'jsonb')],
]);
const numeric = 1700;

const text = (note: string): Mapping => ({ type: { kind: 'string' }, wire: 'text', transfer: 'text', note });

/**
 * @param sourceType the column's type as people read it, for the note
 * @param asText the user wants the database's exact text
 */
export function mapType(base: BaseType, sourceType: string, asText: boolean): Mapping {
  const mapping = mapByType(base, sourceType);
  // strings are the exact text already; the cast would strip the blanks of char(n)
  if (!asText || mapping.type.kind === 'string') return mapping;
  return text('listed under as_text');
}

/** What takes the place of a value. Without one, the column keeps the type that it has. */
export function mapMasked(base: BaseType, sourceType: string, mask: Mask): Mapping {
  const mapping = mapByType(base, sourceType);
  if (mask === 'null') return { ...mapping, note: null };
  return { type: { kind: 'string' }, wire: 'text', transfer: 'text', note: null };
}

function mapByType(base: BaseType, sourceType: string): Mapping {
  if (base.id === numeric) return mapNumeric(base.modifier);
  if (base.typtype === 'e') return binary({ kind: 'string' }, 'text');
  return fixed.get(base.id) ?? text(`type ${sourceType} has no form of its own in files`);
}

/** The modifier of numeric(p,s): ((p << 16) | (s & 0x7ff)) + 4, s being signed since PostgreSQL 15. */
function mapNumeric(modifier: number): Mapping {
  const asString = (why: string): Mapping => ({
    type: { kind: 'string' },
    wire: 'numeric-text',
    transfer: 'binary',
    note: why,
  });
  if (modifier < 4) return asString('numeric without a precision can hold what no decimal type can');
  const precision = ((modifier - 4) >> 16) & 0xffff;
  const scale = (((modifier - 4) & 0x7ff) ^ 0x400) - 0x400;
  const digits = scale < 0 ? precision - scale : Math.max(precision, scale);
  if (digits > 38) return asString(`${digits} digits are more than the 38 of a decimal`);
  return binary({ kind: 'decimal', precision: digits, scale: Math.max(scale, 0) }, 'numeric');
}

/** Keys whose binary form is read, by their base type; of others the database's text comes beside the row. */
export const keyWires: ReadonlyMap<number, KeyWire> = new Map([
  [20, 'int8'],
  [21, 'int2'],
  [23, 'int4'],
  [25, 'text'],
  [1043, 'text'],
  [1082, 'date'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
  [numeric, 'numeric'],
  [2950, 'uuid'],
]);

/** money: its text depends on the server's locale. */
export const noKeyTypes: ReadonlySet<number> = new Set([790]);

export type KeyWire =
  | 'int2'
  | 'int4'
  | 'int8'
  | 'text'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'numeric'
  | 'uuid'
  | 'tid';
