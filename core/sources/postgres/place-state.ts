/** Where the rows of a table lie, as far as the server tells: for tables that are read by it, having no key. */
import { TidemarkError } from '../../errors.ts';
import type { Session } from './connect.ts';

export type PlaceState = {
  /** of its storage; changes when the rows are written anew: VACUUM FULL, CLUSTER, TRUNCATE, REFRESH */
  readonly file: number;
  /** as the statistics have counted; each moves a row */
  readonly updates: number;
  /** moves none; it grows, and where it has not, the counts have begun anew */
  readonly inserts: number;
  /** when the server began to run: after a crash it counts from 0 again, and another server has counts of its own */
  readonly since: string;
};

/**
 * Counts come late by up to a second, by more where the one who writes does nothing else afterwards.
 * @throws TidemarkError KeyMissing where the server does not count
 */
export async function placeState(session: Session, where: string, tableId: number): Promise<PlaceState> {
  const [row] = await session.query(
    where,
    `SELECT pg_relation_filenode($1::oid), pg_stat_get_tuples_updated($1::oid), pg_stat_get_tuples_inserted($1::oid),
       extract(epoch FROM pg_postmaster_start_time())::text, current_setting('track_counts')`,
    [tableId],
  );
  const [file, updates, inserts, since, counts] = row ?? [];
  if (counts !== 'on')
    throw new TidemarkError(
      'KeyMissing',
      `${where} has no key, and the server does not count updates (track_counts is off): nobody would notice that rows move while they are copied`,
    );
  return { file: Number(file), updates: Number(updates), inserts: Number(inserts), since: since ?? '' };
}

/** Whether all rows that were there then are still where they were. */
export const isUnmoved = (then: PlaceState, now: PlaceState): boolean =>
  now.file === then.file &&
  now.updates === then.updates &&
  now.inserts >= then.inserts &&
  now.since === then.since;
