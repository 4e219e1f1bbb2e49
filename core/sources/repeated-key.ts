import { TidemarkError } from '../errors.ts';

/** @param where begins the message: `public.orders`. @param names of the key's columns */
export const repeatedKey = (where: string, names: readonly string[]): TidemarkError =>
  new TidemarkError(
    'KeyViolated',
    names.length === 1
      ? `${where}: the key column ${names[0]} has the same value twice`
      : `${where}: the key columns ${names.join(', ')} have the same value twice`,
  );
