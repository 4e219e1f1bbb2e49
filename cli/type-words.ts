import type { ColumnType } from '../core/formats/column.ts';

/** What a column becomes in the lake, in one or two words. */
export function typeWords(type: ColumnType): string {
  switch (type.kind) {
    case 'int':
      return `int${type.bits}`;
    case 'float':
      return type.bits === 64 ? 'double' : 'float';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'timestamp':
      return type.utc ? 'timestamp (UTC)' : 'timestamp (local)';
    case 'json':
      return 'JSON';
    default:
      return type.kind;
  }
}
