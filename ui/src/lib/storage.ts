// What a browser remembers of its reader: the scheme, hidden columns.
// Nothing the server owns is kept here.

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`seawall.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`seawall.${key}`, value);
  } catch {
    // A browser without storage forgets; nothing else depends on it.
  }
}
