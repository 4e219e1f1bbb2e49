/** How each connection gets its address and its password: passwords are rotated, and tokens last for minutes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../../errors.ts';
import { type Address, parseAddress } from './address.ts';
import { openSession, type Session, type SessionSettings } from './connect.ts';
import { loginFailure } from './errors.ts';

export type Access = {
  /** Asked for every connection, so that none is made with a password of yesterday. */
  address(): Promise<Address>;
  /**
   * How long to wait, each time, before the address is asked for once more when the password was refused: while a
   * password is rotated, the database has the new one some seconds before the secret does.
   */
  readonly refusedPausesMs: readonly number[];
  /** What else to look at where the database did not let the user in. */
  readonly refusedHint?: (address: Address) => string;
};

/** @throws TidemarkError DefinitionInvalid */
export function accessOf(url: string): Access {
  const address = parseAddress(url);
  return { address: async () => address, refusedPausesMs: [] };
}

/** @throws TidemarkError as `openSession`, and whatever stands in the way of the address */
export async function openWith(
  access: Access,
  applicationName: string | undefined,
  settings: SessionSettings,
): Promise<Session> {
  for (let refused = 0; ; refused++) {
    const given = await access.address();
    const address = { ...given, applicationName: applicationName ?? given.applicationName };
    try {
      return await openSession(address, settings);
    } catch (error) {
      const failure = loginFailure(error);
      const pauseMs = failure === 'password' ? access.refusedPausesMs[refused] : undefined;
      if (pauseMs === undefined) {
        if (failure === null || access.refusedHint === undefined) throw error;
        const { code, message } = error as TidemarkError;
        throw new TidemarkError(code, `${message}; ${access.refusedHint(address)}`);
      }
      await sleep(pauseMs);
    }
  }
}
