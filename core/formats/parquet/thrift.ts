/**
 * Writes Thrift's compact protocol, as much of it as Parquet's headers and footer need.
 * Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */

const typeOf = { true: 1, false: 2, i8: 3, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;
type WireType = (typeof typeOf)[keyof typeof typeOf];

/** Field ids of a struct are written in ascending order. Integers are whole numbers up to ±2^52. */
export type ThriftWriter = {
  bool(field: number, value: boolean): void;
  i8(field: number, value: number): void;
  i32(field: number, value: number): void;
  i64(field: number, value: number): void;
  binary(field: number, value: Uint8Array): void;
  text(field: number, value: string): void;
  struct(field: number, body: () => void): void;
  i32List(field: number, values: readonly number[]): void;
  textList(field: number, values: readonly string[]): void;
  structList<T>(field: number, items: readonly T[], body: (item: T) => void): void;
  /** The bytes of the outermost struct, which ends here. The next field begins another one. */
  take(): Buffer;
};

export function thriftWriter(): ThriftWriter {
  let buffer = Buffer.allocUnsafe(1024);
  let end = 0;
  let lastField = 0;

  const reserve = (bytes: number): void => {
    if (end + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, end + bytes));
    buffer.copy(larger, 0, 0, end);
    buffer = larger;
  };
  const byte = (value: number): void => {
    reserve(1);
    buffer[end++] = value;
  };
  /** ULEB128; by division, as the value may have more than 32 bits */
  const varint = (value: number): void => {
    reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      buffer[end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    buffer[end++] = rest;
  };
  const zigzag = (value: number): void => varint(value >= 0 ? value * 2 : -value * 2 - 1);
  const bytes = (value: Uint8Array): void => {
    varint(value.length);
    reserve(value.length);
    buffer.set(value, end);
    end += value.length;
  };
  const header = (field: number, type: WireType): void => {
    const delta = field - lastField;
    if (delta > 0 && delta <= 15) {
      byte((delta << 4) | type);
    } else {
      byte(type);
      zigzag(field);
    }
    lastField = field;
  };
  const nested = (body: () => void): void => {
    const outer = lastField;
    lastField = 0;
    body();
    byte(0);
    lastField = outer;
  };
  const listHeader = (field: number, type: WireType, length: number): void => {
    header(field, typeOf.list);
    if (length < 15) {
      byte((length << 4) | type);
    } else {
      byte(0xf0 | type);
      varint(length);
    }
  };

  return {
    bool(field, value) {
      header(field, value ? typeOf.true : typeOf.false);
    },
    i8(field, value) {
      header(field, typeOf.i8);
      byte(value & 0xff);
    },
    i32(field, value) {
      header(field, typeOf.i32);
      zigzag(value);
    },
    i64(field, value) {
      header(field, typeOf.i64);
      zigzag(value);
    },
    binary(field, value) {
      header(field, typeOf.binary);
      bytes(value);
    },
    text(field, value) {
      header(field, typeOf.binary);
      bytes(Buffer.from(value, 'utf8'));
    },
    struct(field, body) {
      header(field, typeOf.struct);
      nested(body);
    },
    i32List(field, values) {
      listHeader(field, typeOf.i32, values.length);
      for (const value of values) zigzag(value);
    },
    textList(field, values) {
      listHeader(field, typeOf.binary, values.length);
      for (const value of values) bytes(Buffer.from(value, 'utf8'));
    },
    structList(field, items, body) {
      listHeader(field, typeOf.struct, items.length);
      for (const item of items) nested(() => body(item));
    },
    take() {
      byte(0);
      const taken = Buffer.from(buffer.subarray(0, end));
      end = 0;
      lastField = 0;
      return taken;
    },
  };
}
