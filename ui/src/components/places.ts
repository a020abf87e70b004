// Where one can go, in the order of the navigation. The build writes the
// same list into index.html, to be read before any script has run.

export interface Place {
  to: string;
  label: string;
  /** Pressed after `g`. */
  key: string;
  /** Which of the open counts stands beside it. */
  counts?: 'alerts' | 'recommendations' | 'vulnerabilities' | 'images';
}

export const GROUPS: readonly { name?: string; places: readonly Place[] }[] = [
  { places: [{ to: '/', label: 'Overview', key: 'o' }] },
  {
    name: 'Work',
    places: [
      { to: '/fix-first', label: 'Fix first', key: 'q' },
      { to: '/alerts', label: 'Alerts', key: 'a', counts: 'alerts' },
      { to: '/incidents', label: 'Incidents', key: 'x' },
      { to: '/recommendations', label: 'Recommendations', key: 'r', counts: 'recommendations' },
      { to: '/vulnerabilities', label: 'Vulnerabilities', key: 'v', counts: 'vulnerabilities' },
      { to: '/findings', label: 'All findings', key: 'f' },
    ],
  },
  {
    name: 'What there is',
    places: [
      { to: '/running', label: 'What runs', key: 'z' },
      { to: '/images', label: 'Images', key: 'i', counts: 'images' },
      { to: '/base-images', label: 'Base images', key: 'g' },
      { to: '/packages', label: 'Packages', key: 'b' },
      { to: '/licences', label: 'Licences', key: 'j' },
      { to: '/registries', label: 'Registries', key: 'l' },
      { to: '/inventory', label: 'Inventory', key: 'n' },
      { to: '/clusters', label: 'Clusters', key: 'k' },
      { to: '/hosts', label: 'Docker hosts', key: 'h' },
      { to: '/sensors', label: 'Sensors', key: 'w' },
    ],
  },
  {
    name: 'How it stands',
    places: [
      { to: '/attack', label: 'ATT&CK', key: 't' },
      { to: '/rules', label: 'Rules', key: 'u' },
      { to: '/policies', label: 'Policies', key: 'y' },
      { to: '/admission', label: 'Admission', key: 'm' },
      { to: '/drift', label: 'Drift policy', key: 'p' },
      { to: '/compliance', label: 'Compliance', key: 'c' },
      { to: '/exemptions', label: 'Exemptions', key: 'e' },
      { to: '/vex', label: 'VEX', key: '.' },
    ],
  },
  {
    name: 'The product',
    places: [
      { to: '/scans', label: 'Scans', key: 's' },
      { to: '/database', label: 'Database', key: 'd' },
      { to: '/settings', label: 'Settings', key: ',' },
    ],
  },
];

export const PLACES: readonly Place[] = GROUPS.flatMap((group) => group.places);
