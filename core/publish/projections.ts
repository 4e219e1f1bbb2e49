import type { Ledger, TableHead } from '../ledger/ledger.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import { rollHintForward } from './catalogs/ledger-catalog.ts';
import { rollForward } from './pointer.ts';

/**
 * Brings all that readers open up to a table's head. The head is the truth, and what they open carries its version:
 * it only ever goes forward, by whoever finds it behind.
 *
 * @returns false where `current.json` cannot be: the snapshot's manifest was deleted, with the pointer
 * @throws TidemarkError DefinitionInvalid where what is there is another sync's or another ledger's
 */
export async function showHead(
  { ledger, store, keys }: { readonly ledger: Ledger; readonly store: ObjectStore; readonly keys: Keys },
  sync: string,
  head: TableHead,
): Promise<boolean> {
  const isShown = await rollForward(store, keys, sync, head);
  await rollHintForward(ledger, store, keys, sync, head);
  return isShown;
}
