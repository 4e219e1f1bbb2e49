import type { TableName } from '../sources/source.ts';

const nameMax = 100;

/**
 * The name of a table in a catalog: as Athena takes it, where the definition's `as` says nothing else.
 * `public.Orders` → `orders`, `sales.order-lines` → `sales_order_lines`.
 */
export const lakeName = ({ schema, table }: TableName, as: string | undefined): string =>
  as ??
  (schema === 'public' ? table : `${schema}_${table}`)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, nameMax);

/** Of a name whose letters are all others (`日本`) nothing is left. */
export const isLakeName = (name: string): boolean => /^[a-z0-9_]*[a-z0-9][a-z0-9_]*$/.test(name);
