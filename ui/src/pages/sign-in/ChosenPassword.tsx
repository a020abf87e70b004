// A new password, twice, and what is still wrong with it.

import { PasswordInput } from '@mantine/core';

export const SHORTEST = 12;

/** Why this is no password yet; the server judges once more. */
export function passwordFault(password: string, again: string): string | undefined {
  if ([...password].length < SHORTEST) return `At least ${SHORTEST} characters.`;
  if (password !== again) return 'The two are not the same.';
  return undefined;
}

export function ChosenPassword({
  password,
  again,
  onPassword,
  onAgain,
}: {
  password: string;
  again: string;
  onPassword: (text: string) => void;
  onAgain: (text: string) => void;
}) {
  const isShort = password !== '' && [...password].length < SHORTEST;
  const differs = again !== '' && password !== again;
  return (
    <>
      <PasswordInput
        label="New password"
        description={`At least ${SHORTEST} characters, and not a common one. A few words are good.`}
        autoComplete="new-password"
        value={password}
        error={isShort ? `${SHORTEST - [...password].length} more` : undefined}
        onChange={(event) => onPassword(event.currentTarget.value)}
      />
      <PasswordInput
        label="Once more"
        autoComplete="new-password"
        value={again}
        error={differs ? 'Not the same' : undefined}
        onChange={(event) => onAgain(event.currentTarget.value)}
      />
    </>
  );
}
