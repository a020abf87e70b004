// The container hosts of the make-believe world.

import type { Host, HostChange, HostDetail, NewHost } from '../src/api/hosts';
import type { Finding } from '../src/api/types';
import { type Estate, isWithin } from './estate';
import type { Tools } from './platform';
import { hex, tally } from './world';

export function createHosts(
  estate: Estate,
  all: () => Finding[],
  now: number,
  { json, problem }: Tools,
  { isEmpty, isReader }: { isEmpty: boolean; isReader: boolean },
) {
  const at = (ms: number) => new Date(now - ms).toISOString();
  const asset = estate.all.find((place) => place.asset.asset.name === 'build-host-01');
  const made = (name: string, address: string, more: Partial<Host>): Host => ({
    id: hex(`host ${name}`, 12),
    environment: 'local',
    name,
    address,
    secrets: [],
    state: 'new',
    paused: false,
    created: at(12 * 86_400_000),
    updated: at(86_400_000),
    ...more,
  });
  const hosts: Host[] = isEmpty
    ? []
    : [
        made('build-host-01', 'tcp://build-host-01:2376', {
          secrets: ['ca', 'certificate', 'key'],
          state: 'reached',
          looked: at(40_000),
          reached: at(40_000),
          engine: {
            version: '27.5.1',
            api_version: '1.47',
            os: 'Debian GNU/Linux 12 (bookworm)',
            kernel: '6.1.0-40-amd64',
            storage_driver: 'overlay2',
            logging_driver: 'json-file',
            security: ['seccomp=builtin', 'apparmor'],
            live_restore: false,
            containers: 6,
            running: 4,
            images: 21,
          },
          ...(asset ? { asset: asset.asset.asset.id } : {}),
        }),
        made('lab-07', 'tcp://lab-07:2375', {
          state: 'reached',
          looked: at(70_000),
          reached: at(70_000),
          engine: { version: '24.0.9', containers: 2, running: 1, images: 4 },
        }),
        made('edge-02', 'tcp://edge-02:2376', {
          secrets: ['ca', 'certificate', 'key'],
          state: 'unreached',
          looked: at(55_000),
          reached: at(3 * 86_400_000),
          error: {
            code: 'server_certificate_expired',
            message: 'the certificate of edge-02 ended three days ago',
            advice: 'Make the engine a new one from the same authority, and restart it.',
          },
        }),
      ];

  const detailOf = (host: Host): HostDetail => ({
    host,
    plain: host.address.endsWith(':2375') ? [host.address] : [],
    unverified: [],
    gaps: host.state === 'reached' ? ['files of the host: only from the machine itself'] : [],
    findings: tally(
      host.asset
        ? all().filter((each) => isWithin(estate.byId.get(each.asset.id), host.asset ?? ''))
        : [],
    ),
    containers:
      host.asset && asset
        ? asset.children.map((place) => ({
            asset: place.asset.asset.id,
            name: place.asset.asset.name,
            ...(place.asset.image
              ? { image: place.asset.image.name, image_id: place.asset.image.id }
              : {}),
          }))
        : [],
    ...(host.secrets.includes('ca') && host.engine
      ? {
          tls: {
            version: '1.3',
            certificates: [
              {
                of: 'server',
                subject: `CN=${host.name}`,
                not_before: at(100 * 86_400_000),
                not_after: at(-200 * 86_400_000),
                key: 'EC',
                bits: 256,
                hash: 'SHA-256',
              },
            ],
          },
        }
      : {}),
  });

  const route = async (
    request: Request,
    url: URL,
    [noun = '', name = '', part = '']: string[],
  ): Promise<Response | undefined> => {
    if (noun !== 'hosts') return undefined;
    const { method } = request;
    if (method !== 'GET' && isReader)
      return problem(403, 'forbidden', 'this needs the role security admin', url.pathname);
    if (!name) {
      if (method !== 'POST') return json(hosts);
      const { name: called, address, ca } = (await request.json()) as NewHost;
      const host = made(called, address, ca ? { secrets: ['ca', 'certificate', 'key'] } : {});
      hosts.push(host);
      return json(host, 201);
    }
    const index = hosts.findIndex((each) => each.id === name);
    const host = hosts[index];
    if (!host) return problem(404, 'not_found', 'there is no such host', url.pathname);
    if (part === 'check') {
      const { tls, plain, unverified, gaps } = detailOf(host);
      return json({
        reached: !host.error,
        ...(host.error ? { error: host.error } : { engine: host.engine }),
        tls,
        plain,
        unverified,
        gaps,
      });
    }
    if (method === 'DELETE') {
      hosts.splice(index, 1);
      return new Response(null, { status: 204 });
    }
    if (method === 'PATCH') {
      const change = (await request.json()) as Partial<HostChange>;
      host.name = change.name ?? host.name;
      host.address = change.address ?? host.address;
      host.paused = change.paused ?? host.paused;
      host.state = host.paused ? 'paused' : host.state === 'paused' ? 'reached' : host.state;
      return json(host);
    }
    return json(detailOf(host));
  };
  return { route };
}
