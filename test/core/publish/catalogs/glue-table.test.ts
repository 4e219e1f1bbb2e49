import { describe, expect, test } from 'vitest';
import { glueType, tableInput } from '../../../../core/publish/catalogs/glue-table.ts';
import { withFields } from '../../../../core/publish/iceberg/table.ts';
import { emptyTable, fields, location } from './glue-fixture.ts';

test.each([
  ['boolean', 'boolean'],
  ['int', 'int'],
  ['long', 'bigint'],
  ['float', 'float'],
  ['double', 'double'],
  ['decimal(15, 2)', 'decimal(15,2)'],
  ['date', 'date'],
  ['time', 'string'],
  ['timestamp', 'timestamp'],
  ['timestamptz', 'timestamp'],
  ['uuid', 'string'],
  ['string', 'string'],
  ['binary', 'binary'],
  ['fixed[16]', 'binary'],
  [{ type: 'list', 'element-id': 2, element: 'long', 'element-required': true }, 'array<bigint>'],
  [{ type: 'map', 'key-id': 2, key: 'uuid', 'value-id': 3, value: 'timestamptz' }, 'map<string,timestamp>'],
  [
    {
      type: 'struct',
      fields: [
        { id: 2, name: 'a', required: true, type: 'long' },
        { id: 3, name: 'b', required: true, type: { type: 'list', element: 'decimal(9, 0)' } },
      ],
    },
    'struct<a:bigint,b:array<decimal(9,0)>>',
  ],
])('Iceberg’s %j is Glue’s %s', (type, expected) => {
  expect(glueType(type)).toBe(expected);
});

describe('a table in Glue', () => {
  test('has the current schema’s columns, then those that are past, each name once', () => {
    const id = fields[0]!;
    const note = { id: 2, name: 'note', required: true, type: 'binary', doc: 'x'.repeat(300) };
    const price = { id: 3, name: 'price', required: true, type: 'double' };
    const later = withFields(emptyTable(), [price, note]);
    const { StorageDescriptor, ...rest } = tableInput('orders', later, `${location}/metadata/a`, null);
    expect(rest).toEqual({
      Name: 'orders',
      TableType: 'EXTERNAL_TABLE',
      Parameters: { table_type: 'ICEBERG', metadata_location: `${location}/metadata/a` },
    });
    const column = (name: string, type: string, field: number, optional: boolean, current: boolean) => ({
      Name: name,
      Type: type,
      Parameters: {
        'iceberg.field.id': String(field),
        'iceberg.field.optional': String(optional),
        'iceberg.field.current': String(current),
      },
    });
    expect(StorageDescriptor).toEqual({
      Location: location,
      Columns: [
        column('price', 'double', 3, false, true),
        { ...column('note', 'binary', 2, false, true), Comment: 'x'.repeat(255) },
        column(id.name, 'bigint', 1, false, false),
      ],
    });
  });

  test('takes no parameter of others for its own', () => {
    const before = {
      file: `${location}/metadata/a`,
      Parameters: {
        metadata_location: 'old',
        previous_metadata_location: 'older',
        table_type: 'iceberg',
        x: 'y',
      },
    };
    expect(tableInput('orders', emptyTable(), `${location}/metadata/b`, before).Parameters).toEqual({
      table_type: 'ICEBERG',
      metadata_location: `${location}/metadata/b`,
      previous_metadata_location: `${location}/metadata/a`,
      x: 'y',
    });
  });
});
