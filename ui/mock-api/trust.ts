// Trust policies of the make-believe world, and what was found of each
// image.

import type {
  ImageReferrer,
  ImageReferrers,
  NewTrustPolicy,
  TrustOutcome,
  TrustPolicy,
  TrustVerdict,
} from '../src/api/trust';
import { imageName } from '../src/lib/format';
import { refOf } from './estate';
import type { Tools } from './platform';
import { hex, type Target, type World } from './world';

const HOUR = 3_600_000;
const PEM = (label: string, text: string) =>
  `-----BEGIN ${label}-----\n${btoa(hex(text, 60)).slice(0, 64)}\n-----END ${label}-----`;

const REFUSALS = [
  {
    why: 'unsigned',
    reason: 'nobody signed it',
    mend: 'sign it, by its digest: `cosign sign --key cosign.key NAME@DIGEST`',
  },
  {
    why: 'other_key',
    reason: 'it is signed with a key nobody named here',
    mend: 'sign it with one of those named, or add that key',
    signer: 'key 4f1c…90ab',
  },
  {
    why: 'expired',
    reason: 'its certificate was not good at the time, and nobody says it was signed earlier',
    mend: 'sign it with the log, or with a timestamp',
    signer: 'CN=build, O=Example',
  },
];

export function createTrust(
  world: World,
  { json, page, problem }: Tools,
  { isEmpty, isReader }: { isEmpty: boolean; isReader: boolean },
) {
  const at = (ago: number) => new Date(world.now - ago).toISOString();
  const made = (wanted: NewTrustPolicy, more: Partial<TrustPolicy> = {}): TrustPolicy => ({
    id: hex(`trust ${wanted.name}`, 12),
    environment: wanted.environment ?? 'local',
    name: wanted.name,
    description: wanted.description ?? '',
    repositories: wanted.repositories,
    signers: wanted.signers,
    stampers: wanted.stampers ?? [],
    has_root: wanted.trusted_root !== undefined && wanted.trusted_root !== null,
    enabled: wanted.enabled ?? true,
    revision: 1,
    created: at(0),
    updated: at(0),
    updated_by: 'anna',
    counts: { signed: 0, refused: 0, pending: 0, unknown: 0 },
    ...more,
  });
  const all: TrustPolicy[] = isEmpty
    ? []
    : [
        made(
          {
            name: 'Shop',
            description: 'What the shop’s pipeline builds',
            repositories: ['registry.example.com/shop/*'],
            signers: [
              { type: 'key', name: 'shop-release', pem: PEM('PUBLIC KEY', 'shop') },
              { type: 'key', name: 'shop-release-2025', pem: PEM('PUBLIC KEY', 'old') },
            ],
          } as NewTrustPolicy,
          { created: at(900 * HOUR), updated: at(70 * HOUR), updated_by: 'ines', revision: 3 },
        ),
        made(
          {
            name: 'Open source',
            repositories: ['ghcr.io/example/*', 'quay.io/example/*'],
            signers: [
              {
                type: 'identity',
                issuer: 'https://token.actions.githubusercontent.com',
                subject: 'https://github.com/example/*',
              },
            ],
            trusted_root: {},
          } as NewTrustPolicy,
          { created: at(400 * HOUR), updated: at(400 * HOUR) },
        ),
        made(
          {
            name: 'Vendors',
            description: 'Off until their certificates are here',
            repositories: ['docker.io/library/*'],
            signers: [
              { type: 'certificate', name: 'vendor-ca', pem: PEM('CERTIFICATE', 'vendor') },
            ],
            enabled: false,
          } as NewTrustPolicy,
          { created: at(90 * HOUR), updated: at(80 * HOUR) },
        ),
      ];

  const fits = (policy: TrustPolicy, target: Target): boolean => {
    if (target.image.kind !== 'image' || target.image.environment !== policy.environment)
      return false;
    const { registry, rest } = imageName(target.image.name);
    const name = `${registry || 'docker.io/'}${rest}`;
    return policy.repositories.some((pattern) => {
      const [head = '', ...tail] = pattern.split('*');
      return name.startsWith(head) && name.endsWith(tail.at(-1) ?? '');
    });
  };

  const outcomeOf = (policy: TrustPolicy, target: Target): TrustOutcome => {
    const { registry, rest } = imageName(target.image.name);
    const turn = Number.parseInt(hex(`${policy.name} ${target.image.name}`, 4), 16) % 9;
    const isNew = policy.updated === policy.created && policy.revision === 1 && !policy.has_root;
    const verdict: TrustVerdict = isNew
      ? 'pending'
      : turn < 6
        ? 'signed'
        : turn < 8
          ? 'refused'
          : 'unknown';
    const first = policy.signers[0];
    return {
      policy: policy.id,
      policy_name: policy.name,
      repository: `${registry || 'docker.io/'}${rest}`,
      digest: target.image.digest ?? '',
      verdict,
      ...(verdict === 'refused' ? REFUSALS[turn % REFUSALS.length] : {}),
      ...(verdict === 'unknown'
        ? { why: 'not_asked', reason: 'the registry answered 503 three times' }
        : {}),
      ...(verdict === 'signed'
        ? {
            signer:
              first?.type === 'identity'
                ? 'https://github.com/example/build/.github/workflows/release.yml@refs/tags/v9'
                : `key ${first?.type === 'key' ? first.name : ''}`,
            scheme: first?.type === 'identity' ? 'bundle' : 'cosign',
            signed_at: at((30 + turn * 11) * HOUR),
            ...(turn === 2 ? { through: `sha256:${hex(`index ${target.image.name}`, 64)}` } : {}),
          }
        : {}),
      since: at((29 + turn) * HOUR),
      ...(verdict === 'pending' ? {} : { checked: at((1 + turn) * HOUR) }),
      next_check: at(-(turn + 1) * HOUR),
      image: refOf(target),
    };
  };

  const outcomes = (policy: TrustPolicy): TrustOutcome[] =>
    policy.enabled
      ? world.targets
          .filter((target) => fits(policy, target))
          .map((target) => outcomeOf(policy, target))
      : [];

  const counted = (policy: TrustPolicy): TrustPolicy => {
    const counts = { signed: 0, refused: 0, pending: 0, unknown: 0 };
    for (const { verdict } of outcomes(policy)) counts[verdict] += 1;
    return { ...policy, counts };
  };

  /** What is attached to an image that a policy holds for. */
  const attachedTo = (target: Target): ImageReferrers => {
    const [outcome] = all
      .map((policy) => outcomes(policy))
      .flatMap((each) => each.filter((one) => one.image?.id === target.image.id));
    if (!outcome) return { items: [] };
    const one = (type: string, more: Partial<ImageReferrer>): ImageReferrer => ({
      repository: outcome.repository,
      digest: `sha256:${hex(`${type} ${target.image.name}`, 64)}`,
      subject: outcome.digest,
      kind: 'other',
      artifact_type: `application/${type}`,
      size_bytes: 700 + type.length * 13,
      found_by: 'api',
      first_seen: at(30 * HOUR),
      ...more,
    });
    return {
      items: [
        one('vnd.dev.sigstore.bundle.v0.3+json', { kind: 'signature' }),
        one('spdx+json', {
          kind: 'sbom',
          annotations: { 'org.opencontainers.image.created': at(31 * HOUR) },
        }),
        one('vnd.in-toto+json', {
          kind: 'attestation',
          found_by: 'index',
          subject: `sha256:${hex(`index ${target.image.name}`, 64)}`,
          gone: at(2 * HOUR),
        }),
      ],
      asked: at(HOUR),
    };
  };

  return {
    /** By each policy that holds for an image, whether it is signed. */
    of: (target: Target): TrustOutcome[] =>
      all
        .filter((policy) => policy.enabled && fits(policy, target))
        .map((policy) => outcomeOf(policy, target)),
    async route(
      request: Request,
      url: URL,
      [noun, name = '', part = '']: string[],
    ): Promise<Response | undefined> {
      if (noun === 'images' && part === 'referrers') {
        const target = world.targets.find((each) => each.image.id === name);
        return target && json(attachedTo(target));
      }
      if (noun !== 'trust') return undefined;
      const { method } = request;
      if (method !== 'GET' && isReader)
        return problem(403, 'forbidden', 'your role may look, not configure', url.pathname);
      if (!name) {
        if (method !== 'POST') return json(all.map(counted));
        const wanted = (await request.json()) as NewTrustPolicy;
        if (all.some((each) => each.name === wanted.name))
          return problem(409, 'name_taken', 'another trust policy has this name', url.pathname);
        const policy = made(wanted);
        all.push(policy);
        return json(counted(policy), 201);
      }
      const policy = all.find((each) => each.id === name);
      if (!policy) return problem(404, 'not_found', 'there is no such trust policy', url.pathname);
      if (part === 'images') {
        const q = url.searchParams.get('q')?.toLowerCase();
        const verdict = url.searchParams.get('verdict');
        return page(
          outcomes(policy).filter(
            (each) =>
              (!verdict || each.verdict === verdict) &&
              (!q || `${each.repository} ${each.digest}`.toLowerCase().includes(q)),
          ),
          url.searchParams,
        );
      }
      if (part === 'verify') return json(counted(policy), 202);
      if (method === 'DELETE') {
        all.splice(all.indexOf(policy), 1);
        return new Response(null, { status: 204 });
      }
      if (method === 'PUT') {
        const {
          trusted_root: root,
          environment: _,
          ...wanted
        } = (await request.json()) as NewTrustPolicy;
        Object.assign(policy, wanted, {
          revision: policy.revision + 1,
          updated: new Date().toISOString(),
          ...(root ? { has_root: true } : {}),
        });
      }
      return json(counted(policy));
    },
  };
}
