// Secrets and licences of the make-believe images.

import type {
  ImageLicenses,
  ImageSecret,
  LicenseClass,
  LicenseHolder,
  Licenses,
} from '../src/api/contents';
import { refOf } from './estate';
import { words } from './lists';
import type { Tools } from './platform';
import { decimal, hex, type Target, type World } from './world';

const LICENCES: Record<string, LicenseClass> = {
  MIT: 'permissive',
  'Apache-2.0': 'permissive',
  'BSD-3-Clause': 'permissive',
  'GPL-2.0-only': 'strong_copyleft',
  'LGPL-2.1-or-later': 'weak_copyleft',
  'MPL-2.0': 'weak_copyleft',
  'AGPL-3.0-only': 'network_copyleft',
  'BUSL-1.1': 'restricted',
  'see vendor': 'unknown',
};
const ORDER: LicenseClass[] = [
  'restricted',
  'network_copyleft',
  'strong_copyleft',
  'weak_copyleft',
  'permissive',
  'unknown',
];
const POLICY = { allowed: [], forbidden: ['class:network_copyleft', 'BUSL-1.1'], exceptions: [] };
const isForbidden = (license: string) =>
  license === 'BUSL-1.1' || LICENCES[license] === 'network_copyleft';

type Given = Pick<
  ImageSecret,
  'rule' | 'title' | 'severity' | 'place' | 'path' | 'redacted' | 'line' | 'layer' | 'proof'
> &
  Partial<ImageSecret>;

const GIVEN: Given[] = [
  {
    rule: 'private-key',
    title: 'Private key',
    severity: 'critical',
    place: 'file',
    path: 'app/deploy/id_ed25519',
    line: 1,
    layer: 1,
    removed_in: 2,
    redacted: '',
    proof: 'an OpenSSH key without a passphrase',
  },
  {
    rule: 'github-personal-token',
    title: 'GitHub personal access token',
    severity: 'high',
    place: 'build_step',
    path: 'ARG GIT_TOKEN',
    layer: 1,
    redacted: 'ghp_…k3',
    proof: 'its checksum is right',
  },
  {
    rule: 'password-variable',
    title: 'A value given to a name that says “password”',
    severity: 'low',
    place: 'environment',
    path: 'ENV DB_PASSWORD',
    redacted: '',
    assignee: 'bo',
  },
];

export function createContents(world: World, { json, page }: Tools) {
  const at = (days: number) => new Date(world.now - days * 86_400_000).toISOString();

  for (const target of world.targets)
    for (const found of target.packages)
      if (found.kind !== 'deb' && (found.licenses ?? []).length === 0)
        found.licenses = licencesOf(found.kind, found.name);

  const secretsOf = (target: Target): ImageSecret[] =>
    /checkout|reports/.test(target.image.name)
      ? GIVEN.slice(target.image.name.includes('checkout') ? 0 : 2).map((each, index) => ({
          ...each,
          id: decimal(`secret ${target.image.id} ${each.rule}`),
          state: 'open',
          image: refOf(target),
          mark: hex(`mark ${each.rule}`, 4),
          first_seen: at(3 + index * 9),
        }))
      : [];

  const inScope = (query: URLSearchParams) => {
    const environment = query.get('environment');
    return world.targets.filter(
      (target) => !environment || target.image.environment === environment,
    );
  };

  const usesOf = (target: Target): Map<string, string[]> => {
    const uses = new Map<string, string[]>();
    for (const { name, licenses } of target.packages)
      for (const license of licenses ?? []) uses.set(license, [...(uses.get(license) ?? []), name]);
    return uses;
  };

  const imageLicenses = (target: Target): ImageLicenses => ({
    licenses: [...usesOf(target)]
      .map(([license, names]) => ({
        license,
        class: LICENCES[license] ?? 'unknown',
        packages: names.length,
        named: [...new Set(names)].sort().slice(0, 5),
      }))
      .sort((a, b) => ORDER.indexOf(a.class) - ORDER.indexOf(b.class) || b.packages - a.packages),
    violations: target.packages.flatMap(({ name, version, licenses }) =>
      (licenses ?? []).filter(isForbidden).map((license) => ({
        package: name,
        version,
        license,
        unclear: false,
      })),
    ),
  });

  const licenses = (query: URLSearchParams): Licenses => {
    const found = new Map<string, { images: number; packages: number }>();
    for (const target of inScope(query))
      for (const [license, names] of usesOf(target)) {
        const use = found.get(license) ?? { images: 0, packages: 0 };
        found.set(license, {
          images: use.images + 1,
          packages: use.packages + names.length,
        });
      }
    const q = query.get('q')?.toLowerCase();
    const classes = words(query.get('class'));
    const rows = [...found]
      .map(([license, use]) => ({
        license,
        class: LICENCES[license] ?? ('unknown' as const),
        forbidden: isForbidden(license),
        ...use,
      }))
      .filter(
        (row) =>
          (!q || row.license.toLowerCase().includes(q)) &&
          (classes.length === 0 || classes.includes(row.class)),
      )
      .sort((a, b) => b.images - a.images || a.license.localeCompare(b.license));
    return {
      licenses: rows,
      classes: ORDER.flatMap((each) => {
        const of = rows.filter((row) => row.class === each);
        return of.length === 0
          ? []
          : [
              {
                class: each,
                licenses: of.length,
                packages: of.reduce((sum, row) => sum + row.packages, 0),
              },
            ];
      }),
      ...(world.targets.length > 0 ? { policy: POLICY } : {}),
    };
  };

  const holders = (query: URLSearchParams): LicenseHolder[] =>
    inScope(query).flatMap((target) => {
      const names = usesOf(target).get(query.get('license') ?? '') ?? [];
      return names.length === 0
        ? []
        : [
            {
              image: refOf(target),
              packages: names.length,
              named: [...new Set(names)].sort().slice(0, 5),
            },
          ];
    });

  return {
    route(url: URL, [noun, name, part]: string[]): Response | undefined {
      const query = url.searchParams;
      if (noun === 'secrets' && !name) {
        const image = query.get('image');
        return page(
          inScope(query)
            .filter((target) => !image || target.image.id === image)
            .flatMap(secretsOf),
          query,
        );
      }
      if (noun === 'licenses')
        return name === 'images' ? page(holders(query), query) : json(licenses(query));
      if (noun === 'images' && part === 'licenses') {
        const target = world.targets.find((each) => each.image.id === name);
        return target && json(imageLicenses(target));
      }
      return undefined;
    },
  };
}

function licencesOf(kind: string, name: string): string[] {
  if (kind === 'apk') return [name === 'musl' ? 'MIT' : 'GPL-2.0-only'];
  if (kind === 'rpm') return ['LGPL-2.1-or-later'];
  if (name === 'snakeyaml' || name === 'org.yaml:snakeyaml') return ['AGPL-3.0-only'];
  if (name === 'pillow') return ['see vendor'];
  if (kind === 'golang') return ['BSD-3-Clause'];
  if (kind === 'cargo') return [name === 'h2' ? 'BUSL-1.1' : 'Apache-2.0'];
  return ['MIT'];
}
