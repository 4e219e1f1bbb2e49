import type { ObjectStore } from '../../core/objects/store.ts';
import type { Order } from '../../core/plan/chunk-order.ts';
import { messageOf } from '../failure-message.ts';

/** What ResultWriter writes about a child that did not succeed; texts hold JSON. */
type FailedChild = { readonly Input?: string; readonly Error?: string; readonly Cause?: string };

type ResultManifest = { readonly ResultFiles?: { readonly FAILED?: readonly { readonly Key: string }[] } };

const reasonOf = ({ Error: error, Cause: cause }: FailedChild): string =>
  `${error ?? 'failed'}: ${(messageOf(cause) ?? '').slice(0, 500)}`;

/** The place in the run of the table that a child worked on; null where its input does not say. */
function tableOf({ Input: input }: FailedChild): number | null {
  try {
    const { table }: Partial<Order> = JSON.parse(input ?? '');
    return typeof table === 'number' ? table : null;
  } catch {
    return null;
  }
}

/**
 * Why children of the Map failed, one reason a table (by its place in the run), from the files that ResultWriter
 * wrote.
 */
export async function readFailures(
  store: ObjectStore,
  resultsKey: string | undefined,
): Promise<Map<number, string>> {
  const reasons = new Map<number, string>();
  const found = resultsKey === undefined ? null : await store.get(resultsKey);
  if (!found) return reasons;
  const manifest: ResultManifest = JSON.parse(found.body.toString('utf8'));
  for (const { Key } of manifest.ResultFiles?.FAILED ?? []) {
    const file = await store.get(Key);
    const children: FailedChild[] = file ? JSON.parse(file.body.toString('utf8')) : [];
    for (const child of children) {
      const table = tableOf(child);
      if (table !== null && !reasons.has(table)) reasons.set(table, reasonOf(child));
    }
  }
  return reasons;
}
