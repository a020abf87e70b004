// The routes of people, tokens, sessions, the audit trail and sinks.

import type {
  ApiToken,
  AuditEntry,
  Delivery,
  Me,
  NewApiToken,
  NewRoute,
  NewSink,
  NewUser,
  Permission,
  Route,
  SessionEntry,
  Sink,
  SinkDescription,
  User,
  UserChange,
} from '../src/api/settings';
import { clustersOf } from './audit';
import type { Tools } from './platform';
import { hex } from './world';

export const PASSWORD = 'correct horse battery';

const ALL: Permission[] = [
  'view',
  'triage',
  'exempt',
  'scan',
  'configure',
  'administer',
  'ingest',
  'metrics',
];

const KINDS: SinkDescription[] = [
  {
    kind: 'webhook',
    title: 'Webhook',
    about: 'Any program that takes signed JSON over HTTPS.',
    for_people: false,
    fields: [
      field('url', 'Address', 'url', 'Where the notices are posted.', { required: true }),
      field('secret', 'Signing secret', 'text', 'Signs each notice.', { secret: true }),
      field('headers', 'Headers', 'pairs', 'Sent with each request.'),
      field('allow_private', 'Private addresses', 'boolean', 'The receiver is in this network.'),
    ],
  },
  {
    kind: 'slack',
    title: 'Slack',
    about: 'A channel, through an incoming webhook.',
    for_people: true,
    fields: [
      field('url', 'Webhook address', 'url', 'Slack gives it.', { required: true, secret: true }),
    ],
  },
  {
    kind: 'syslog',
    title: 'Syslog',
    about: 'A log server, over TCP or TLS.',
    for_people: false,
    fields: [
      field('address', 'Host and port', 'text', 'For example logs.example:6514.', {
        required: true,
      }),
      field('format', 'Format', 'choice', 'What a message holds.', {
        choices: ['json', 'cef', 'leef', 'ocsf'],
        default: 'json',
      }),
    ],
  },
];

function field(
  name: string,
  title: string,
  input: SinkDescription['fields'][number]['input'],
  help: string,
  more: Partial<SinkDescription['fields'][number]> = {},
): SinkDescription['fields'][number] {
  return { name, title, input, help, required: false, secret: false, ...more };
}

export interface People {
  me: () => Me;
  route: (request: Request, path: string, parts: string[]) => Promise<Response | undefined>;
}

export function createPeople(scenario: string, now: number, tools: Tools): People {
  const { json, page, problem } = tools;
  const ago = (minutes: number) => new Date(now - minutes * 60_000).toISOString();
  const isEmpty = scenario === 'empty' || scenario === 'first';
  const isReader = scenario === 'reader';
  const users: User[] = isEmpty
    ? []
    : [
        user('ines', 'Ines Falk', ['security_admin', 'platform_admin'], { sessions: 2, tokens: 1 }),
        user('rui', 'Rui Santos', ['security_reader'], { state: 'invited' }),
        user('gate', 'Gate keeper', ['security_admin'], { source: 'oidc', sessions: 1 }),
      ];
  const tokens: ApiToken[] = isEmpty
    ? []
    : [
        {
          id: hex('token one', 10),
          name: 'release pipeline',
          state: 'active',
          permissions: ['view', 'scan'],
          environments: ['*'],
          addresses: ['192.0.2.0/24'],
          maker: 'ines',
          created: ago(40_000),
          expires: ago(-80_000),
          last_used: ago(12),
          last_address: '192.0.2.14',
        },
      ];
  const sessions: SessionEntry[] = [
    entry('here', true, 'Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0 Safari/537.36'),
    entry('there', false, 'Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Firefox/152.0'),
  ];
  const sinks: Sink[] = isEmpty
    ? []
    : [
        sink('On-call channel', 'slack', {}, ['url'], { state: 'working' }),
        sink('Collector', 'webhook', { url: 'https://collector.example/hook' }, ['secret'], {
          state: 'failing',
          pending: 3,
          dead: 2,
        }),
      ];
  const routes: Route[] = sinks.slice(0, 1).map((to, index) => ({
    id: hex(`route ${index}`, 26),
    name: 'Critical to the channel',
    sink: { id: to.id, name: to.name, kind: to.kind },
    enabled: true,
    query: 'severity:critical',
    environments: [],
    events: ['finding.opened', 'finding.reopened'],
    digest_seconds: 0,
    max_per_minute: 20,
    created: ago(9000),
    updated: ago(9000),
    matched: 41,
    last_matched: ago(30),
  }));
  const deliveries: Delivery[] = sinks.flatMap((to, index) =>
    (['delivered', 'pending', 'dead'] as const).map((state, step) => ({
      id: hex(`delivery ${index} ${step}`, 26),
      sink: { id: to.id, name: to.name, kind: to.kind },
      state,
      notices: 1 + step,
      headline: 'Critical: remote code execution in log4j-core of shop/storefront',
      routes: ['Critical to the channel'],
      attempts: 1 + step * 4,
      created: ago(30 + step * 50),
      answer: {
        time: ago(29),
        verdict: state === 'delivered' ? 'delivered' : 'retry',
        status: state === 'delivered' ? 200 : 503,
        text: state === 'delivered' ? 'ok' : 'upstream is down',
        milliseconds: 41,
      },
    })),
  );
  const trail: AuditEntry[] = isEmpty
    ? []
    : ['session.open', 'user.create', 'finding.dismiss', 'sink.create'].map((action, index) => ({
        number: 4 - index,
        time: ago(20 + index * 600),
        actor: { kind: 'user', id: 'ines', name: 'ines' },
        address: '192.0.2.7',
        action,
        object: { kind: action.split('.')[0] ?? '', id: hex(action, 8) },
        ...(index === 1 ? { after: { name: 'rui', roles: ['security_reader'] } as never } : {}),
        previous: hex(`entry ${3 - index}`, 64),
        hash: hex(`entry ${4 - index}`, 64),
      }));

  function user(name: string, display_name: string, roles: string[], more: Partial<User>): User {
    return {
      id: hex(`user ${name}`, 26),
      name,
      display_name,
      email: `${name}@example.org`,
      source: 'local',
      state: 'active',
      roles: roles.map((role) => ({ role: role as never, environments: ['*'] })),
      created: ago(90_000),
      last_sign_in: ago(35),
      sessions: 0,
      tokens: 0,
      ...more,
    };
  }
  function entry(id: string, current: boolean, browser: string): SessionEntry {
    return {
      id,
      current,
      method: 'password',
      created: ago(300),
      last_seen: ago(current ? 0 : 90),
      expires: ago(-600),
      address: '192.0.2.7',
      browser,
    };
  }
  function sink(
    name: string,
    kind: Sink['kind'],
    settings: object,
    secrets: string[],
    health: Partial<Sink['health']>,
  ): Sink {
    return {
      id: hex(`sink ${name}`, 26),
      name,
      kind,
      settings: settings as never,
      secrets,
      paused: false,
      created: ago(9000),
      updated: ago(9000),
      health: { state: 'idle', pending: 0, dead: 0, last_delivered: ago(30), ...health },
    };
  }

  const me = (): Me => ({
    kind: isEmpty ? 'owner' : 'user',
    ...(isEmpty ? {} : { id: hex('user ines', 26) }),
    name: isEmpty ? 'owner' : isReader ? 'rui' : 'ines',
    display_name: isEmpty ? 'Owner' : isReader ? 'Rui Santos' : 'Ines Falk',
    roles: isEmpty
      ? []
      : [{ role: isReader ? 'security_reader' : 'security_admin', environments: ['*'] }],
    everywhere: isReader ? ['view'] : ALL,
    environments: [],
    has_password: !isEmpty,
    first_account_needed: isEmpty,
  });

  const nothing = () => new Response(null, { status: 204 });
  const remove = <T extends { id: string }>(list: T[], id: string) => {
    const at = list.findIndex((each) => each.id === id);
    if (at >= 0) list.splice(at, 1);
  };
  const saved = (wanted: NewSink, id: string, old: Sink | undefined): Sink => {
    const kind = KINDS.find((each) => each.kind === wanted.kind);
    const isSecret = (name: string) =>
      kind?.fields.some((each) => each.name === name && each.secret);
    const given = Object.entries(wanted.settings as Record<string, unknown>);
    const plain = Object.fromEntries(given.filter(([name]) => !isSecret(name)));
    const secrets = given.map(([name]) => name).filter(isSecret);
    const made = sink(wanted.name, wanted.kind, plain, secrets, { state: 'idle' });
    return { ...made, id, secrets: [...new Set([...(old?.secrets ?? []), ...secrets])] };
  };
  const routed = (wanted: NewRoute, id: string, old: Route | undefined): Route => {
    const to = sinks.find((each) => each.id === wanted.sink) ?? (sinks[0] as Sink);
    return {
      ...(old ?? { matched: 0, created: ago(0) }),
      id,
      name: wanted.name,
      sink: { id: to.id, name: to.name, kind: to.kind },
      enabled: wanted.enabled ?? true,
      query: wanted.query ?? '',
      environments: wanted.environments ?? [],
      events: wanted.events ?? [],
      digest_seconds: wanted.digest_seconds ?? 0,
      max_per_minute: wanted.max_per_minute ?? 20,
      updated: ago(0),
    };
  };

  const route: People['route'] = async (request, path, [noun = '', name = '', part = '']) => {
    const { method } = request;
    const read = async <T>() => (await request.json()) as T;
    const refuse = () =>
      problem(403, 'forbidden', 'this needs another role', path, [
        { pointer: '', detail: 'Ask a platform admin.' },
      ]);
    if (isReader && ['users', 'audit', 'sinks', 'routes', 'deliveries'].includes(noun))
      return refuse();
    switch (noun) {
      case 'me':
        if (name !== 'password') return json(me());
        return (await read<{ old: string }>()).old === PASSWORD
          ? nothing()
          : problem(403, 'wrong_password', 'that is not the present password', path);
      case 'first-account': {
        const wanted = await read<{ name: string }>();
        users.push(user(wanted.name, wanted.name, ['security_admin', 'platform_admin'], {}));
        return json(users[0], 201);
      }
      case 'users': {
        const known = users.find((each) => each.id === name);
        if (method === 'GET') return json(users);
        if (method === 'POST' && !name) {
          const wanted = await read<NewUser>();
          if (users.some((each) => each.name === wanted.name))
            return problem(409, 'exists', `'${wanted.name}' has an account already`, path);
          const made = user(wanted.name, wanted.display_name ?? wanted.name, [], {
            roles: wanted.roles,
            state: 'invited',
            last_sign_in: null,
          });
          users.push(made);
          const link = `http://127.0.0.1:8470/sign-in#invitation=${hex(made.id, 32)}`;
          return json({ user: made, invitation: { link, expires: ago(-1440) } }, 201);
        }
        if (part === 'reset') {
          const link = `http://127.0.0.1:8470/sign-in#invitation=${hex(name, 32)}`;
          return json({ user: known, invitation: { link, expires: ago(-1440) } });
        }
        if (part === 'sessions') {
          if (known) known.sessions = 0;
          return nothing();
        }
        if (method === 'PATCH' && known) {
          const change = await read<UserChange>();
          if (change.disabled !== undefined && change.disabled !== null)
            known.state = change.disabled ? 'disabled' : 'active';
          if (change.roles) known.roles = change.roles;
          if (change.display_name) known.display_name = change.display_name;
          return json(known);
        }
        remove(users, name);
        return nothing();
      }
      case 'tokens': {
        if (method === 'GET') return json(tokens.filter((each) => each.state === 'active'));
        if (method === 'POST') {
          const wanted = await read<NewApiToken>();
          const id = hex(`token ${wanted.name} ${tokens.length}`, 10);
          const token: ApiToken = {
            id,
            name: wanted.name,
            state: 'active',
            permissions: wanted.permissions,
            environments: wanted.environments?.length ? wanted.environments : ['*'],
            addresses: wanted.addresses ?? [],
            maker: 'ines',
            created: ago(0),
            expires: wanted.expires,
          };
          tokens.unshift(token);
          return json({ token, secret: `sw_${id}_${hex(`secret ${id}`, 43)}` }, 201);
        }
        const token = tokens.find((each) => each.id === name);
        if (token) token.state = 'revoked';
        return nothing();
      }
      case 'clusters':
        if (['workloads', 'objects', 'nodes'].includes(part)) return undefined;
        return json(scenario === 'empty' ? [] : clustersOf(Date.now()));
      case 'sessions':
        if (method === 'GET') return json(sessions);
        for (const each of [...sessions])
          if (!each.current && (!name || each.id === name)) remove(sessions, each.id);
        return nothing();
      case 'audit':
        if (name === 'verify')
          return json({ intact: true, entries: trail.length, head: hex('entry 4', 64) });
        return page(trail, new URL(request.url).searchParams);
      case 'sinks': {
        if (name === 'kinds') return json(KINDS);
        if (method === 'GET') return json(sinks);
        const known = sinks.find((each) => each.id === name);
        if (part === 'test')
          return json({
            time: ago(0),
            verdict: known?.health.state === 'failing' ? 'retry' : 'delivered',
            status: known?.health.state === 'failing' ? 503 : 200,
            text: known?.health.state === 'failing' ? 'upstream is down' : 'ok',
            milliseconds: 38,
          });
        if (part === 'pause' || part === 'resume') {
          if (known) known.paused = part === 'pause';
          if (known) known.health.state = part === 'pause' ? 'paused' : 'working';
          return json(known);
        }
        if (part === 'replay') return json({ count: known?.health.dead ?? 0 });
        if (method === 'DELETE') {
          remove(sinks, name);
          return nothing();
        }
        const wanted = await read<NewSink>();
        const made = saved(
          wanted,
          known?.id ?? hex(`sink ${wanted.name} ${sinks.length}`, 26),
          known,
        );
        if (known) Object.assign(known, made);
        else sinks.push(made);
        return json(made, known ? 200 : 201);
      }
      case 'routes': {
        if (name === 'preview')
          return json({ days: 7, matched: 14, capped: false, sample: ['Critical: log4j-core'] });
        if (method === 'GET') return json(routes);
        const known = routes.find((each) => each.id === name);
        if (method === 'DELETE') {
          remove(routes, name);
          return nothing();
        }
        const wanted = await read<NewRoute>();
        const made = routed(wanted, known?.id ?? hex(`route ${wanted.name}`, 26), known);
        if (known) Object.assign(known, made);
        else routes.push(made);
        return json(made, known ? 200 : 201);
      }
      case 'deliveries': {
        const query = new URL(request.url).searchParams;
        if (part === 'replay') return json({ count: 1 });
        return page(
          deliveries.filter(
            (each) =>
              (!query.get('sink') || each.sink.id === query.get('sink')) &&
              (!query.get('state') || each.state === query.get('state')),
          ),
          query,
        );
      }
      default:
        return undefined;
    }
  };
  return { me, route };
}
