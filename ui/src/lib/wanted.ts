// A question for packages as people write it: `log4j-core < 2.17`.

export interface Asked {
  name: string;
  /** Comparisons the server reads, `>=2.0,<2.17`; absent: any version. */
  version?: string;
}

/**
 * Takes a question apart. What stands before the first comparison is the
 * name; a bare version after a blank means just that one.
 */
export function asked(text: string): Asked {
  const plain = text.trim();
  const sign = plain.search(/[<>=!]/);
  if (sign >= 0) {
    const name = plain.slice(0, sign).trim();
    const version = plain
      .slice(sign)
      // Comparisons may be set apart by blanks alone: `>= 2.0 < 2.17`.
      .replace(/\s*([<>=!]=?)\s*/g, ' $1')
      .split(/[\s,]+/)
      .filter((part) => part !== '')
      .join(',');
    return version === '' ? { name } : { name, version };
  }
  const [, name, version] = /^(\S+)\s+v?(\d\S*)$/.exec(plain) ?? [];
  return name && version ? { name, version: `=${version}` } : { name: plain };
}

/** "log4j-core before 2.17", for a sentence. */
export function inWords({ name, version }: Asked): string {
  if (!version) return name;
  const words: Record<string, string> = {
    '<': 'before',
    '<=': 'up to',
    '>': 'after',
    '>=': 'from',
    '=': 'of version',
    '==': 'of version',
    '!=': 'other than',
  };
  const parts = version.split(',').map((part) => {
    const [, sign = '=', rest = part] = /^([<>=!]=?)(.*)$/.exec(part) ?? [];
    return `${words[sign] ?? sign} ${rest}`;
  });
  return `${name} ${parts.join(' and ')}`;
}
