/** What the tests of the PostgreSQL source share: a table read whole, its vectors as texts. */
import { batchRowsMax, type ColumnType, type ColumnVector } from '../../../../core/formats/column.ts';
import type {
  KeyRange,
  ReadLimits,
  Source,
  TableDescription,
  TableWishes,
} from '../../../../core/sources/source.ts';

export const limits: ReadLimits = { statementMs: 200, statementRows: 1_000_000, batchRows: batchRowsMax };

/** The values of a vector, one a row, null where the row is NULL. */
export function valuesOf(type: ColumnType, vector: ColumnVector, rows: number): (string | null)[] {
  const { data } = vector;
  let at = 0;
  const take = (): string => {
    const from = at;
    switch (type.kind) {
      case 'boolean':
        return data[at++] === 1 ? 'true' : 'false';
      case 'int':
        at += type.bits === 64 ? 8 : 4;
        return type.bits === 64 ? String(data.readBigInt64LE(from)) : String(data.readInt32LE(from));
      case 'float': {
        at += type.bits / 8;
        const value = type.bits === 64 ? data.readDoubleLE(from) : data.readFloatLE(from);
        return Object.is(value, -0) ? '-0' : String(value);
      }
      case 'date':
        at += 4;
        return String(data.readInt32LE(from));
      case 'time':
      case 'timestamp':
        at += 8;
        return String(data.readBigInt64LE(from));
      case 'decimal': {
        let value: bigint;
        if (type.precision <= 9) {
          value = BigInt(data.readInt32LE(at));
          at += 4;
        } else if (type.precision <= 18) {
          value = data.readBigInt64LE(at);
          at += 8;
        } else {
          value = (data.readBigInt64BE(at) << 64n) | data.readBigUInt64BE(at + 8);
          at += 16;
        }
        const digits = String(value < 0n ? -value : value).padStart(type.scale + 1, '0');
        const whole = digits.slice(0, digits.length - type.scale);
        return `${value < 0n ? '-' : ''}${whole}${type.scale > 0 ? `.${digits.slice(-type.scale)}` : ''}`;
      }
      case 'uuid':
        at += 16;
        return data.toString('hex', from, at);
      case 'string':
      case 'json':
      case 'bytes': {
        at += 4 + data.readUInt32LE(at);
        return data.toString(type.kind === 'bytes' ? 'hex' : 'utf8', from + 4, at);
      }
    }
  };
  const values = Array.from({ length: rows }, (_, row) => (vector.present[row] === 1 ? take() : null));
  if (at !== vector.bytes) throw new Error(`vector of ${vector.bytes} bytes, ${at} belong to values`);
  if (values.filter((value) => value !== null).length !== vector.values)
    throw new Error('wrong count of values');
  return values;
}

export type WholeTable = {
  readonly rows: (string | null)[][];
  readonly batches: number;
  readonly keys: string[];
};

/** All rows of a range as texts. `keys`: first and last key of each batch. */
export async function readWhole(
  source: Source,
  table: TableDescription,
  range: KeyRange,
  read: ReadLimits = limits,
): Promise<WholeTable> {
  const rows: (string | null)[][] = [];
  const keys: string[] = [];
  let batches = 0;
  for await (const batch of source.read(table, range, read)) {
    batches++;
    keys.push(batch.firstKey, batch.lastKey);
    const columns = table.columns.map((column, i) =>
      valuesOf(column.type, batch.columns[i] as ColumnVector, batch.rows),
    );
    for (let row = 0; row < batch.rows; row++)
      rows.push(columns.map((column) => column[row] as string | null));
  }
  return { rows, batches, keys };
}

export const publicTable = (table: string) => ({ schema: 'public', table });

/** The whole table: describes, measures and reads it. */
export async function copyTable(source: Source, name: string, wishes: Partial<TableWishes> = {}) {
  const table = await source.describe(publicTable(name), wishes);
  const { max } = await source.measure(table, 100);
  return { table, ...(await readWhole(source, table, { after: null, upTo: max ?? '' })) };
}
