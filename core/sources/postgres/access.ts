import { openWithAccess, type SourceAccess } from '../source-access.ts';
import { type Address, parseAddress } from './address.ts';
import { openSession, type Session, type SessionSettings } from './connect.ts';
import { loginFailure } from './errors.ts';

export type Access = SourceAccess<Address>;

/** @throws TidemarkError DefinitionInvalid */
export function accessOf(url: string): Access {
  const address = parseAddress(url);
  return { address: async () => address, refusedPausesMs: [] };
}

/** @throws TidemarkError as `openSession`, and whatever stands in the way of the address */
export const openWith = (
  access: Access,
  applicationName: string | undefined,
  settings: SessionSettings,
): Promise<Session> =>
  openWithAccess(
    access,
    (given) => openSession({ ...given, applicationName: applicationName ?? given.applicationName }, settings),
    loginFailure,
  );
