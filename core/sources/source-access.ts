/** How each connection gets its address and its password: passwords are rotated, and tokens last for minutes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../errors.ts';

export type SourceAccess<Address> = {
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

/** Whether the server did not let the user in. `password`: by a wrong password. */
export type LoginFailure = (error: unknown) => 'password' | 'other' | null;

/** @throws TidemarkError as `open`, and whatever stands in the way of the address */
export async function openWithAccess<Address, Session>(
  access: SourceAccess<Address>,
  open: (address: Address) => Promise<Session>,
  loginFailure: LoginFailure,
): Promise<Session> {
  for (let refused = 0; ; refused++) {
    const address = await access.address();
    try {
      return await open(address);
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
