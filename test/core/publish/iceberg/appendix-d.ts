import type { ColumnType } from '../../../../core/formats/column.ts';
import type { Value } from '../../../support/batches.ts';

type Known = Exclude<Value, null>;

/** Appendix D, Binary single-value serialization. */
export function serialised(type: ColumnType, value: Known): Buffer {
  const bytes = Buffer.alloc(8);
  switch (type.kind) {
    case 'boolean':
      return Buffer.of(value ? 1 : 0);
    case 'int':
      if (type.bits === 64) return bytes.subarray(0, bytes.writeBigInt64LE(value as bigint));
      return bytes.subarray(0, bytes.writeInt32LE(value as number));
    case 'date':
      return bytes.subarray(0, bytes.writeInt32LE(value as number));
    case 'time':
    case 'timestamp':
      return bytes.subarray(0, bytes.writeBigInt64LE(value as bigint));
    case 'float':
      if (type.bits === 32) return bytes.subarray(0, bytes.writeFloatLE(value as number));
      return bytes.subarray(0, bytes.writeDoubleLE(value as number));
    case 'decimal': {
      const number = value as bigint;
      let length = 1n;
      while (BigInt.asIntN(Number(8n * length), number) !== number) length++;
      const hex = BigInt.asUintN(Number(8n * length), number).toString(16);
      return Buffer.from(hex.padStart(Number(2n * length), '0'), 'hex');
    }
    case 'uuid':
      return Buffer.from(String(value).replaceAll('-', ''), 'hex');
    case 'string':
    case 'json':
      return Buffer.from(String(value), 'utf8');
    case 'bytes':
      return value as Buffer;
  }
}

/** A bound as what it stands for: numbers as themselves, the rest by its bytes as text that sorts the same. */
export function meaning(type: ColumnType, bound: Buffer): number | bigint | string {
  switch (type.kind) {
    case 'boolean':
      return bound.readUInt8();
    case 'int':
    case 'date':
    case 'time':
    case 'timestamp':
      return bound.length === 4 ? bound.readInt32LE() : bound.readBigInt64LE();
    case 'float':
      return bound.length === 4 ? bound.readFloatLE() : bound.readDoubleLE();
    case 'decimal':
      return BigInt.asIntN(bound.length * 8, BigInt(`0x${bound.toString('hex')}`));
    default:
      return bound.toString('latin1');
  }
}
