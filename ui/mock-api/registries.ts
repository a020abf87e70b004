// The registries of the make-believe world, what they hold, and why images
// were looked at.

import type {
  Registry,
  RegistryDescription,
  RegistryMade,
  RegistryTag,
  Repository,
} from '../src/api/registries';
import type { TimelineEntry } from '../src/api/scanning';
import type { Finding, ImageRef } from '../src/api/types';
import { imageName } from '../src/lib/format';
import type { Tools } from './platform';
import { hex, isOpen, noCounts, type Target, tally, type World } from './world';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const OPTIONS: Registry['options'] = {
  repositories: [],
  tags: 100,
  poll_minutes: 15,
  recent_days: 30,
  again_days: 7,
  per_minute: 60,
  concurrency: 2,
  authorities: null,
  plain_http: false,
  allow_private: false,
  queue: null,
  endpoint: null,
};

const plain = ['anonymous', 'basic', 'token'];
const KINDS: RegistryDescription[] = [
  ['distribution', 'OCI registry', undefined, true, 'header', plain],
  ['harbor', 'Harbor', undefined, true, 'header', plain],
  ['quay', 'Quay', 'quay.io', true, 'address', plain],
  ['ghcr', 'GitHub Container Registry', 'ghcr.io', false, 'signature', plain],
  ['docker_hub', 'Docker Hub', 'docker.io', false, 'address', plain],
  [
    'azure',
    'Azure Container Registry',
    undefined,
    true,
    'header',
    [...plain, 'service_principal', 'refresh_token', 'managed_identity'],
  ],
  ['amazon', 'Amazon ECR', undefined, true, 'header', ['aws']],
  ['google', 'Google Artifact Registry', undefined, true, 'address', [...plain, 'service_account']],
].map(
  ([kind, title, address, has_catalogue, proof, credentials]) =>
    ({ kind, title, address, has_catalogue, proof, credentials }) as RegistryDescription,
);

/** The registry an image of this name is in. */
export const registryOf = (name: string) => hex(`registry ${imageName(name).registry}`, 12);

export function createRegistries(
  world: World,
  { json, page, problem }: Tools,
  { isEmpty, isReader }: { isEmpty: boolean; isReader: boolean },
) {
  const { now } = world;
  const at = (ago: number) => new Date(now - ago).toISOString();
  const images = world.targets.filter(
    ({ image }) => image.kind === 'image' && image.environment === 'local',
  );
  const refOf = ({ image }: Target): ImageRef => ({
    id: image.id,
    name: image.name,
    environment: image.environment,
    kind: image.kind,
  });

  const made = (name: string, address: string, more: Partial<Registry>): Registry => {
    const id = hex(`registry ${address}/`, 12);
    return {
      id,
      environment: 'local',
      name,
      kind: 'distribution',
      address,
      options: OPTIONS,
      credential: 'anonymous',
      hook: `/api/v1/registries/${id}/hook`,
      state: 'new',
      paused: false,
      created: at(41 * DAY),
      updated: at(9 * DAY),
      repositories: 0,
      tags: 0,
      failing: 0,
      ...more,
    };
  };
  const all: Registry[] = isEmpty
    ? []
    : [
        made('Ours', 'registry.example.com', {
          kind: 'harbor',
          credential: 'basic',
          state: 'working',
          polled: at(4 * MINUTE),
          reached: at(4 * MINUTE),
          told: at(50_000),
        }),
        made('Docker Hub', 'docker.io', {
          kind: 'docker_hub',
          credential: 'token',
          options: { ...OPTIONS, repositories: ['library/postgres', 'library/redis'] },
          state: 'waiting',
          polled: at(7 * MINUTE),
          reached: at(7 * MINUTE),
          told: at(3 * DAY),
          hold_until: at(-11 * MINUTE),
        }),
        made('GitHub', 'ghcr.io', {
          kind: 'ghcr',
          credential: 'token',
          options: { ...OPTIONS, repositories: ['example/*'] },
          state: 'failing',
          polled: at(12 * MINUTE),
          reached: at(2 * DAY),
          told: at(2 * DAY),
          error: {
            message: 'ghcr.io refused the token: 401 Unauthorized',
            advice: 'Make a new token with `read:packages`, and give it here under Edit.',
          },
        }),
        made('Build cluster', '123456789012.dkr.ecr.eu-west-1.amazonaws.com', {
          kind: 'amazon',
          credential: 'aws',
          options: {
            ...OPTIONS,
            poll_minutes: 0,
            queue: 'https://sqs.eu-west-1.amazonaws.com/123456789012/seawall',
          },
          state: 'working',
          polled: at(20_000),
          reached: at(20_000),
          told: at(26 * MINUTE),
          losses: {
            given_up: 2,
            misread: 1,
            last: at(3 * HOUR),
            reason: 'a message of its queue: it is not what this sort of registry sends',
          },
        }),
        made('Quay', 'quay.io', {
          kind: 'quay',
          state: 'working',
          polled: at(9 * MINUTE),
          reached: at(9 * MINUTE),
        }),
        made('Lab', 'lab-07:5000', {
          options: { ...OPTIONS, plain_http: true, allow_private: true, poll_minutes: 120 },
          state: 'paused',
          paused: true,
          polled: at(16 * DAY),
          reached: at(16 * DAY),
        }),
      ];

  interface Held {
    repository: Repository;
    tags: RegistryTag[];
  }
  const held: Held[] = [];
  for (const registry of all) {
    const here = images.filter(({ image }) => registryOf(image.name) === registry.id);
    const others =
      registry.kind === 'harbor'
        ? ['shop/cart', 'shop/search', 'platform/base', 'data/etl', 'tools/old-importer']
        : registry.kind === 'amazon'
          ? ['ci/runner', 'ci/cache']
          : [];
    const names = [...here.map(({ image }) => imageName(image.name).rest), ...others].sort();
    for (const [index, name] of names.entries()) {
      const id = hex(`repository ${registry.id} ${name}`, 12);
      const target = here.find(({ image }) => imageName(image.name).rest === name);
      const current = target ? imageName(target.image.name).tag.slice(1) : '1.4.0';
      const gone = name === 'tools/old-importer' ? at(5 * DAY) : undefined;
      const tag = (text: string, age: number, of?: Target): RegistryTag => ({
        name: text,
        digest: of?.image.digest ?? `sha256:${hex(`tag ${id} ${text}`, 64)}`,
        first_seen: at(age),
        last_seen: gone ?? registry.polled ?? at(DAY),
        pushed: at(age),
        ...(age < 20 * DAY ? { pulled: at(age / 9) } : {}),
        ...(text === 'latest' ? { changed: at(50_000) } : {}),
        ...(gone ? { gone } : {}),
        ...(of ? { image: refOf(of) } : {}),
      });
      const tags = [
        ...(index % 3 === 0 ? [tag('latest', 50_000, target)] : []),
        tag(current, 3 * HOUR + index * DAY, target),
        ...['rc-2', 'rc-1', 'build-118', 'build-104']
          .slice(0, 2 + (index % 3))
          .map((each, place) => tag(`${current}-${each}`, (12 + place * 7 + index) * DAY)),
      ];
      held.push({
        repository: {
          id,
          registry: registry.id,
          name,
          first_seen: at(41 * DAY),
          last_seen: gone ?? registry.polled ?? at(DAY),
          tags: tags.length,
          scanned: tags.filter((each) => each.image).length,
          ...(gone ? { gone } : {}),
          ...(name === 'data/etl'
            ? {
                error: {
                  message: 'access to data/etl is denied (403)',
                  advice: 'check the credentials, and that they may list and pull',
                },
              }
            : {}),
        },
        tags,
      });
    }
    registry.repositories = names.length;
    registry.failing = names.filter((name) => name === 'data/etl').length;
    registry.tags = held
      .filter((each) => each.repository.registry === registry.id)
      .reduce((sum, each) => sum + each.tags.length, 0);
  }

  const secretOf = (registry: Registry, secret: string): RegistryMade => {
    const proof = KINDS.find((each) => each.kind === registry.kind)?.proof ?? 'header';
    const url = `http://localhost${registry.hook}`;
    return { registry, secret, proof, url: proof === 'address' ? `${url}?token=${secret}` : url };
  };

  const route = async (
    request: Request,
    url: URL,
    [noun = '', name = '', part = '']: string[],
  ): Promise<Response | undefined> => {
    const { method } = request;
    const query = url.searchParams;
    const q = (query.get('q') ?? '').toLowerCase();
    if (noun === 'repositories' && part === 'tags') {
      const found = held.find((each) => each.repository.id === name);
      if (!found) return problem(404, 'not_found', 'there is no such repository', url.pathname);
      return page(
        found.tags.filter((each) => each.name.toLowerCase().includes(q)),
        query,
      );
    }
    if (noun !== 'registries') return undefined;
    if (method !== 'GET' && isReader)
      return problem(403, 'forbidden', 'this needs the role security admin', url.pathname);
    if (name === 'kinds') return json(KINDS);
    if (!name) {
      if (method !== 'POST') {
        const environment = query.get('environment');
        return json(all.filter((each) => !environment || each.environment === environment));
      }
      const wanted = (await request.json()) as Partial<Registry> & {
        credential?: { type: string };
      };
      if (all.some((each) => each.name === wanted.name))
        return problem(
          409,
          'name_taken',
          'another registry of the environment has this name',
          url.pathname,
        );
      const known = KINDS.find((each) => each.kind === wanted.kind);
      const id = hex(`registry ${wanted.name}`, 12);
      const registry = made(wanted.name ?? '', wanted.address ?? known?.address ?? '', {
        id,
        hook: `/api/v1/registries/${id}/hook`,
        kind: wanted.kind ?? 'distribution',
        options: { ...OPTIONS, ...wanted.options },
        credential: wanted.credential?.type ?? 'anonymous',
        created: new Date().toISOString(),
      });
      all.push(registry);
      return json(secretOf(registry, hex(`secret ${registry.id}`, 43)), 201);
    }
    const registry = all.find((each) => each.id === name);
    if (!registry) return problem(404, 'not_found', 'there is no such registry', url.pathname);
    if (part === 'repositories')
      return page(
        held
          .map((each) => each.repository)
          .filter((each) => each.registry === name && each.name.toLowerCase().includes(q)),
        query,
      );
    if (part === 'check')
      return json({
        reached: !registry.error,
        ...(registry.error ? { error: registry.error } : {}),
        repositories: registry.error
          ? []
          : held
              .filter((each) => each.repository.registry === name)
              .slice(0, 10)
              .map((each) => each.repository.name),
      });
    if (part === 'sync') return json(registry, 202);
    if (part === 'secret')
      return json(secretOf(registry, hex(`secret ${registry.id} ${Date.now()}`, 43)));
    if (method === 'DELETE') {
      all.splice(all.indexOf(registry), 1);
      return new Response(null, { status: 204 });
    }
    if (method === 'PATCH') {
      const { credential, ...change } = (await request.json()) as Partial<Registry> & {
        credential?: { type: string };
      };
      Object.assign(registry, change);
      if (credential) registry.credential = credential.type;
      registry.state = registry.paused
        ? 'paused'
        : registry.state === 'paused'
          ? 'working'
          : registry.state;
    }
    return json(registry);
  };

  /** Why an image was looked at, what the looks found, what changed. */
  const timeline = (target: Target, query: URLSearchParams): Response => {
    const before = query.get('before');
    const limit = Number(query.get('limit') ?? 100);
    const entries = timelineOf(target, now).filter((each) => !before || each.time < before);
    return json(entries.slice(0, limit));
  };
  return { all: () => all, route, timeline };
}

function timelineOf(target: Target, now: number): TimelineEntry[] {
  const { image } = target;
  const last = Date.parse(image.last_scanned);
  const { registry, rest, tag } = imageName(image.name);
  const on = (time: number) => new Date(time).toISOString();
  const scanId = (round: number) => hex(`scan ${image.id} ${round}`, 26);
  const some = (count: number) => tally(target.findings.filter(isOpen).slice(0, count));
  const scanned = (
    time: number,
    round: number,
    fresh: number,
    resolved: number,
  ): TimelineEntry => ({
    time: on(time),
    kind: 'scan',
    scan: scanId(round),
    state: 'done',
    outcome: {
      packages: image.packages,
      counts: tally(target.findings),
      new: fresh,
      resolved,
      warnings: image.warnings,
    },
  });
  const named = target.findings.find((each: Finding) => isOpen(each) && each.severity === 'high');
  const advisory = named?.advisories?.[0] ?? 'DSA-5532-1';
  const entries: TimelineEntry[] = [
    ...(named
      ? [
          {
            time: on(now - 2 * HOUR),
            kind: 'trigger' as const,
            trigger: 'advisory' as const,
            reason: `advisory ${advisory} changed`,
          },
          {
            time: on(now - 2 * HOUR),
            kind: 'change' as const,
            summary: `${image.name}: 2 new findings and 1 resolved, because advisory ${advisory} changed`,
            new: { ...noCounts(), high: 1, medium: 1 },
            resolved: 1,
          },
        ]
      : []),
    scanned(last, 0, 3, 1),
    {
      time: on(last - 12_000),
      kind: 'trigger',
      trigger: 'push',
      reason: `pushed to ${rest}${tag} by ci-shop`,
      scan: scanId(0),
    },
    scanned(last - DAY, 1, 0, 0),
    {
      time: on(last - 3_000),
      kind: 'trust',
      policy: 'Shop',
      verdict: 'signed',
      signer: 'key shop-release',
    },
    {
      time: on(last - DAY - 40_000),
      kind: 'trigger',
      trigger: 'running',
      reason: 'running in 6 containers, last read 8 days ago',
      scan: scanId(1),
    },
    {
      time: on(last - 2 * DAY),
      kind: 'scan',
      scan: scanId(8),
      state: 'failed',
      error: 'the registry answered 503 three times',
    },
    {
      time: on(last - 2 * DAY - 90_000),
      kind: 'trigger',
      trigger: 'recent_pull',
      reason: 'pulled 5 days ago; images in use are read again every 7 days',
      scan: scanId(8),
    },
    scanned(last - 9 * DAY, 2, 0, 4),
    {
      time: on(last - 9 * DAY - 30_000),
      kind: 'trigger',
      trigger: 'import',
      reason: `copied into ${registry || 'docker.io/'}${rest}`,
      source: `quay.io/upstream/${rest.split('/').at(-1)}${tag}`,
      scan: scanId(2),
    },
    {
      time: on(last - 11 * DAY),
      kind: 'change',
      summary: `${image.name}: first look`,
      new: some(40),
      resolved: 0,
    },
    {
      time: on(last - 11 * DAY - 9000),
      kind: 'trigger',
      trigger: 'ci',
      reason: 'read in pipeline shop/checkout #1188',
    },
  ];
  return entries.sort((a, b) => b.time.localeCompare(a.time));
}
