// What the reader may do. What they may not is shown, and says why not.

export interface Permissions {
  /** Dismiss, exempt, assign: absent where it is allowed, else why not. */
  decide: string | undefined;
}

/** The server refuses what is not allowed; this only says so beforehand. */
export function usePermissions(): Permissions {
  return { decide: undefined };
}
