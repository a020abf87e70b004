// What a browser calls itself, in two words.

const BROWSERS: [pattern: RegExp, name: string][] = [
  [/\bEdg\//, 'Edge'],
  [/\bFirefox\//, 'Firefox'],
  [/\bOPR\//, 'Opera'],
  [/\bChrom(e|ium)\//, 'Chromium'],
  [/\bSafari\//, 'Safari'],
];
const SYSTEMS: [pattern: RegExp, name: string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Mac OS X/, 'macOS'],
  [/Windows/, 'Windows'],
  [/Linux|X11/, 'Linux'],
];

/** "Firefox on Linux"; its own first word where nobody knows it. */
export function browserName(agent: string | null | undefined): string {
  if (!agent) return 'Unknown browser';
  const named = (list: [RegExp, string][]) => list.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = named(BROWSERS);
  const system = named(SYSTEMS);
  if (!browser) return agent.split(/[\s/]/)[0]?.slice(0, 40) || 'Unknown browser';
  return system ? `${browser} on ${system}` : browser;
}
