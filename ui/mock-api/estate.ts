// What there is in the make-believe world: one host, three clusters, and
// what runs on them, as one tree.

import type { Asset, AssetKind, AssetRef, ImageRef } from '../src/api/types';
import { hex, noCounts, type Target } from './world';

export interface Place {
  asset: Asset;
  parent?: Place;
  children: Place[];
}

export interface Estate {
  roots: Place[];
  all: Place[];
  byId: Map<string, Place>;
  /** Containers by the image they run. */
  running: Map<string, Place[]>;
}

const CLUSTERS: [name: string, teams: string[]][] = [
  ['prod-eu', ['shop', 'data', 'platform', 'billing', 'search', 'identity', 'kube-system']],
  ['prod-us', ['shop', 'billing', 'search', 'identity', 'kube-system']],
  ['staging', ['shop', 'data', 'kube-system']],
];
const APPS = ['api', 'worker', 'web', 'sync', 'exporter', 'scheduler', 'proxy'];

export function createEstate(targets: Target[], now: number): Estate {
  const estate: Estate = { roots: [], all: [], byId: new Map(), running: new Map() };
  const at = (minutes: number) => new Date(now - minutes * 60_000).toISOString();

  const grow = (
    kind: AssetKind,
    name: string,
    parent: Place | undefined,
    more: Partial<AssetRef> = {},
    image?: ImageRef,
    gone = false,
  ): Place => {
    const above = parent?.asset.asset;
    const environment = above?.environment ?? name;
    const id = hex(`${parent?.asset.asset.id ?? ''}/${kind}/${name}`, 16);
    const ref: AssetRef = {
      id,
      kind,
      name,
      environment,
      ...(above?.cluster ? { cluster: above.cluster } : {}),
      ...(above?.namespace ? { namespace: above.namespace } : {}),
      ...(above?.workload ? { workload: above.workload } : {}),
      ...more,
    };
    const place: Place = {
      asset: {
        asset: ref,
        ...(above ? { parent: above.id } : {}),
        labels:
          kind === 'workload' && ref.namespace
            ? { app: name, team: ref.namespace, tier: name === 'web' ? 'edge' : 'internal' }
            : {},
        counts: noCounts(),
        children: 0,
        running: 0,
        first_seen: at(60 * 24 * 40),
        last_seen: gone ? at(60 * 30) : at(1),
        gone,
        ...(image ? { image } : {}),
      },
      ...(parent ? { parent } : {}),
      children: [],
    };
    if (parent) {
      parent.children.push(place);
      parent.asset.children += 1;
    } else estate.roots.push(place);
    estate.all.push(place);
    estate.byId.set(id, place);
    if (kind === 'container' && image && !gone) {
      estate.running.set(image.id, [...(estate.running.get(image.id) ?? []), place]);
      for (let up: Place | undefined = place; up; up = up.parent) up.asset.running += 1;
    }
    return place;
  };

  const imageOf = (name: string): ImageRef | undefined => {
    const found = targets.find((target) => target.image.name.includes(name));
    return found && refOf(found);
  };

  if (targets.length === 0) return estate;
  const local = grow('environment', 'local', undefined, { name: 'This server' });
  const host = grow('host', 'build-host-01', local, { cluster: 'build-host-01' });
  for (const [name, image] of [
    ['postgres', 'postgres:15.3'],
    ['ledger', 'ledger:0.4.2'],
    ['mailer', 'mailer:1.0.7'],
    // Nobody has scanned these two.
    ['registry-mirror', undefined],
  ] as const)
    grow('container', name, host, { workload: name }, image && imageOf(image));
  for (const [cluster, teams] of CLUSTERS) {
    const place = grow('cluster', cluster, local, { cluster });
    for (let node = 1; node <= 3; node += 1) grow('host', `${cluster}-node-${node}`, place);
    for (const team of teams) {
      const namespace = grow('namespace', team, place, { namespace: team });
      const apps = team === 'kube-system' ? ['coredns', 'agent'] : APPS.slice(0, team.length - 1);
      for (const app of team === 'shop' ? ['checkout', 'storefront', ...apps] : apps) {
        const image =
          team !== 'kube-system'
            ? imageOf(`${team}/${app}:`)
            : app === 'coredns'
              ? undefined
              : imageOf('platform/agent');
        const workload = grow('workload', app, namespace, { workload: app });
        const replicas = cluster === 'staging' ? 1 : 2;
        for (let index = 0; index < replicas; index += 1) {
          const suffix = hex(`${cluster} ${team} ${app} ${index}`, 9);
          const pod = grow('pod', `${app}-${suffix.slice(0, 5)}-${suffix.slice(5)}`, workload);
          grow('container', app, pod, {}, image, cluster === 'staging' && app === 'sync');
        }
      }
    }
  }
  const demo = targets.filter((target) => target.image.environment === 'demo');
  if (demo.length > 0) {
    const root = grow('environment', 'demo', undefined, { name: 'Demo' });
    const machine = grow('host', 'demo-host', root, { cluster: 'demo-host' });
    for (const target of demo) {
      const name = target.image.name.split('/').at(-1)?.split(':')[0] ?? 'app';
      grow('container', name, machine, { workload: name }, refOf(target));
    }
  }
  for (const target of targets)
    target.image.running = estate.running.get(target.image.id)?.length ?? 0;
  return estate;
}

export function refOf(target: Target): ImageRef {
  const { id, name, environment, kind } = target.image;
  return { id, name, environment, kind };
}

/** From the environment down to it. */
export function chainOf(place: Place | undefined): AssetRef[] {
  const chain: AssetRef[] = [];
  for (let up = place; up; up = up.parent) chain.unshift(up.asset.asset);
  return chain;
}

export function isWithin(place: Place | undefined, id: string): boolean {
  for (let up = place; up; up = up.parent) if (up.asset.asset.id === id) return true;
  return false;
}
