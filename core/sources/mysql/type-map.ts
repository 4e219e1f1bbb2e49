/** MySQL's and MariaDB's types → what they become in the lake, and how their values come over the wire. */
import type { ColumnType } from '../../formats/column.ts';
import type { Mask } from '../source.ts';

/** The form of a value in the answer to a prepared statement, as the decoder knows it. */
export type Wire =
  | 'int1'
  | 'uint1'
  | 'int2'
  | 'uint2'
  | 'int4'
  | 'uint4'
  | 'int8'
  | 'uint8'
  | 'float4'
  | 'float8'
  | 'year'
  | 'decimal'
  | 'decimal-text'
  | 'date'
  | 'datetime'
  | 'timestamp'
  | 'time'
  | 'bit'
  | 'uuid'
  | 'text'
  | 'json'
  | 'bytes';

/** Bytes of a value on the wire; 0: it says its own length. */
export const widthOf = (wire: Wire): number => widths[wire] ?? 0;

const widths: Partial<Record<Wire, number>> = {
  ...{ int1: 1, uint1: 1, int2: 2, uint2: 2, year: 2, int4: 4, uint4: 4, int8: 8, uint8: 8 },
  ...{ float4: 4, float8: 8 },
};

export type Mapping = {
  readonly type: ColumnType;
  readonly wire: Wire;
  readonly transfer: 'binary' | 'text';
  /** what a user should know before the run; null: the type is one that files have */
  readonly note: string | null;
};

/** As information_schema.columns says it. */
export type CatalogType = {
  /** `int`, `varchar`, `datetime` */
  readonly name: string;
  /** `int(10) unsigned`, `decimal(10,2)`, `enum('a','b')` */
  readonly full: string;
  /** digits of a number, or bits */
  readonly precision: number;
  readonly scale: number;
  /** MariaDB: a text that is checked to be JSON */
  readonly isJson: boolean;
};

const plain = (type: ColumnType, wire: Wire): Mapping => ({ type, wire, transfer: 'binary', note: null });
const text = (note: string): Mapping => ({ type: { kind: 'string' }, wire: 'text', transfer: 'text', note });
const int = (bits: 16 | 32 | 64, wire: Wire): Mapping => plain({ kind: 'int', bits }, wire);

const signed: Readonly<Record<string, Mapping>> = {
  tinyint: int(16, 'int1'),
  smallint: int(16, 'int2'),
  mediumint: int(32, 'int4'),
  int: int(32, 'int4'),
  bigint: int(64, 'int8'),
};

/** Every unsigned 64-bit number, and no other type of files holds it that every reader knows. */
const decimal20: ColumnType = { kind: 'decimal', precision: 20, scale: 0 };

const unsigned: Readonly<Record<string, Mapping>> = {
  tinyint: int(16, 'uint1'),
  smallint: int(32, 'uint2'),
  mediumint: int(32, 'int4'),
  int: int(64, 'uint4'),
  bigint: {
    ...plain(decimal20, 'uint8'),
    note: 'becomes a decimal of 20 digits: files have no unsigned 64-bit number that every reader knows',
  },
};

const string = plain({ kind: 'string' }, 'text');
const bytes = plain({ kind: 'bytes' }, 'bytes');

const byName: Readonly<Record<string, Mapping>> = {
  float: plain({ kind: 'float', bits: 32 }, 'float4'),
  double: plain({ kind: 'float', bits: 64 }, 'float8'),
  year: int(16, 'year'),
  date: plain({ kind: 'date' }, 'date'),
  datetime: plain({ kind: 'timestamp', utc: false }, 'datetime'),
  timestamp: plain({ kind: 'timestamp', utc: true }, 'timestamp'),
  time: plain({ kind: 'time' }, 'time'),
  ...{ char: string, varchar: string, enum: string, set: string },
  ...{ tinytext: string, text: string, mediumtext: string, longtext: string },
  ...{ binary: bytes, varbinary: bytes, tinyblob: bytes, blob: bytes, mediumblob: bytes, longblob: bytes },
  json: plain({ kind: 'json' }, 'json'),
  uuid: plain({ kind: 'uuid' }, 'uuid'),
};

/** @param asText the user wants the database's exact text */
export function mapType(type: CatalogType, asText: boolean): Mapping {
  const mapping = mapByType(type);
  // strings are the exact text already
  if (!asText || mapping.type.kind === 'string') return mapping;
  return text('listed under as_text');
}

/** What takes the place of a value. Without one, the column keeps the type that it has. */
export function mapMasked(type: CatalogType, mask: Mask): Mapping {
  if (mask === 'null') return { ...mapByType(type), note: null };
  return { type: { kind: 'string' }, wire: 'text', transfer: 'text', note: null };
}

function mapByType(type: CatalogType): Mapping {
  const { name, full, isJson } = type;
  if (isJson) return plain({ kind: 'json' }, 'text');
  const integer = (/ unsigned/.test(full) ? unsigned : signed)[name];
  if (integer !== undefined) return integer;
  if (name === 'decimal') return mapDecimal(type);
  if (name === 'bit') return mapBits(type.precision);
  const known = byName[name];
  if (known !== undefined) return known;
  const what = /^inet/.test(name) ? '' : '; what is copied are the hexadecimal digits of its bytes';
  return text(`type ${full} has no form of its own in files${what}`);
}

function mapDecimal({ precision, scale }: CatalogType): Mapping {
  if (precision <= 38) return plain({ kind: 'decimal', precision, scale }, 'decimal');
  return { ...string, wire: 'decimal-text', note: `${precision} digits are more than the 38 of a decimal` };
}

/** A single bit is a flag, more are a number, as the server compares them. */
function mapBits(bits: number): Mapping {
  if (bits === 1) return plain({ kind: 'boolean' }, 'bit');
  return bits < 64 ? int(64, 'bit') : plain(decimal20, 'bit');
}

/** The server's codes of types that may say what comes in this form. */
const codes: Readonly<Record<Wire, readonly number[]>> = {
  ...{
    int1: [1],
    uint1: [1],
    int2: [2],
    uint2: [2],
    year: [13],
    int4: [3, 9],
    uint4: [3],
    int8: [8],
    uint8: [8],
  },
  ...{
    float4: [4],
    float8: [5],
    decimal: [246],
    'decimal-text': [246],
    bit: [16],
    time: [11],
    date: [10],
    datetime: [12],
    timestamp: [7],
  },
  ...{ uuid: [254], json: [245], text: [249, 250, 251, 252, 253, 254], bytes: [252, 253, 254] },
};

export const codesOf = (wire: Wire): readonly number[] => codes[wire];

/** How a constant of a key's type is written. */
export type KeyForm =
  | 'integer'
  | 'decimal'
  | 'float'
  | 'date'
  | 'datetime'
  | 'time'
  | 'uuid'
  | 'bytes'
  | 'text';

const keyForms: Partial<Record<Wire, KeyForm>> = {
  ...{
    int1: 'integer',
    uint1: 'integer',
    int2: 'integer',
    uint2: 'integer',
    year: 'integer',
    bit: 'integer',
  },
  ...{ int4: 'integer', uint4: 'integer', int8: 'integer', uint8: 'integer' },
  ...{ float4: 'float', float8: 'float', decimal: 'decimal', 'decimal-text': 'decimal' },
  ...{ date: 'date', datetime: 'datetime', timestamp: 'datetime', time: 'time' },
  ...{ uuid: 'uuid', bytes: 'bytes', text: 'text' },
};

/** Null: not for keys. An ENUM and a SET are compared as texts and ordered as numbers, JSON has no index. */
export function keyFormOf(type: CatalogType): KeyForm | null {
  const { wire, transfer } = mapByType(type);
  if (transfer === 'text' || type.isJson || type.name === 'enum' || type.name === 'set') return null;
  return keyForms[wire] ?? null;
}

/** The database's exact text of a value. @param column as SQL */
export function textSql({ name }: CatalogType, column: string): string {
  // a float's own text has six digits
  if (name === 'float') return `CAST(CAST(${column} AS DOUBLE) AS CHAR)`;
  if (name === 'bit') return `CAST(${column} + 0 AS CHAR)`;
  const mapping = byName[name];
  const isText = mapping === string || name === 'json' || /^inet/.test(name);
  if (isText) return `CONVERT(${column} USING utf8mb4)`;
  const hasText = (mapping !== undefined && mapping !== bytes) || name in signed || name === 'decimal';
  return hasText ? `CAST(${column} AS CHAR)` : `HEX(${column})`;
}
