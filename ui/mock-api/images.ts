// The images of the make-believe world: what each is built of, layer by
// layer.

import type { OperatingSystem, PackageKind, TargetKind } from '../src/api/types';

/** `kind:name@version`, optionally `!path`. */
export type PackageText = string;

export interface Recipe {
  name: string;
  kind: TargetKind;
  environment: 'local' | 'demo';
  os: 'debian12' | 'alpine318' | 'ubi9' | 'debian13' | 'distroless' | 'none';
  platform?: string;
  layers: { step: string; size: number; packages: PackageText[] }[];
  minutesAgo: number;
  warnings?: { message: string; path?: string; layer?: number }[];
  user?: string;
  target?: string;
  lastError?: string;
  suppress?: string[];
  labels?: Record<string, string>;
}

export const SYSTEMS: Record<Recipe['os'], OperatingSystem | undefined> = {
  debian12: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
  debian13: { id: 'debian', version: '13', name: 'Debian GNU/Linux 13 (trixie)' },
  alpine318: { id: 'alpine', version: '3.18.4', name: 'Alpine Linux v3.18' },
  ubi9: { id: 'rhel', version: '9.3', name: 'Red Hat Enterprise Linux 9.3 (Plow)' },
  distroless: { id: 'debian', version: '12', name: 'Distroless' },
  none: undefined,
};

const DEBIAN_OLD = [
  'deb:libc6@2.36-9',
  'deb:libssl3@3.0.8-1',
  'deb:zlib1g@1:1.2.13.dfsg-1',
  'deb:libtinfo6@6.4-2',
  'deb:libncursesw6@6.4-2',
  'deb:perl-base@5.36.0-7',
  'deb:apt@2.6.1',
  'deb:util-linux@2.38.1-5',
  'deb:bash@5.2.15-2+b2',
  'deb:coreutils@9.1-1',
  'deb:dpkg@1.21.22',
  'deb:tar@1.34+dfsg-1.2',
  'deb:gzip@1.12-1',
  'deb:libpam0g@1.5.2-6',
  'deb:login@1:4.13+dfsg1-1+b1',
  'deb:base-files@12.4',
  'deb:debianutils@5.7-0.4',
  'deb:grep@3.8-5',
  'deb:sed@4.9-1',
  'deb:findutils@4.9.0-4',
  'deb:libgcc-s1@12.2.0-14',
  'deb:libstdc++6@12.2.0-14',
  'deb:libselinux1@3.4-1+b6',
  'deb:libgnutls30@3.7.9-2',
  'deb:tzdata@2023c-5',
];
const DEBIAN_NEW = DEBIAN_OLD.map((text) =>
  text
    .replace('libc6@2.36-9', 'libc6@2.36-9+deb12u9')
    .replace('libssl3@3.0.8-1', 'libssl3@3.0.15-1~deb12u1')
    .replace('libtinfo6@6.4-2', 'libtinfo6@6.4-4+deb12u1')
    .replace('perl-base@5.36.0-7', 'perl-base@5.36.0-7+deb12u2')
    .replace('util-linux@2.38.1-5', 'util-linux@2.38.1-5+deb12u3'),
);
const ALPINE = [
  'apk:busybox@1.36.1-r2',
  'apk:musl@1.2.4-r1',
  'apk:libssl3@3.1.3-r0',
  'apk:zlib@1.2.13-r1',
  'apk:apk-tools@2.14.0-r2',
  'apk:alpine-baselayout@3.4.3-r1',
  'apk:ca-certificates-bundle@20230506-r0',
  'apk:ssl_client@1.36.1-r2',
  'apk:scanelf@1.3.7-r1',
];
const UBI = [
  'rpm:glibc@2.34-83.el9_3.7',
  'rpm:openssh@8.7p1-34.el9',
  'rpm:expat@2.5.0-1.el9',
  'rpm:gnutls@3.7.6-23.el9',
  'rpm:bash@5.1.8-6.el9_1',
  'rpm:openssl-libs@3.0.7-24.el9',
  'rpm:ruby-libs@3.1.4-143.el9',
  'rpm:unbound-libs@1.16.2-3.el9',
  'rpm:zlib@1.2.11-40.el9',
  'rpm:coreutils-single@8.32-34.el9',
];

const NODE = (dir: string) => [
  `npm:express@4.17.1!${dir}/node_modules/express/package.json`,
  `npm:qs@6.7.0!${dir}/node_modules/qs/package.json`,
  `npm:lodash@4.17.20!${dir}/node_modules/lodash/package.json`,
  `npm:semver@7.3.5!${dir}/node_modules/semver/package.json`,
  `npm:cross-spawn@7.0.3!${dir}/node_modules/cross-spawn/package.json`,
  `npm:debug@4.3.4!${dir}/node_modules/debug/package.json`,
  `npm:body-parser@1.19.0!${dir}/node_modules/body-parser/package.json`,
  `npm:ms@2.1.2!${dir}/node_modules/ms/package.json`,
];
const JAVA = (jar: string) => [
  `maven:org.apache.logging.log4j:log4j-core@2.14.1!${jar}!/BOOT-INF/lib/log4j-core-2.14.1.jar`,
  `maven:org.springframework:spring-beans@5.3.14!${jar}!/BOOT-INF/lib/spring-beans-5.3.14.jar`,
  `maven:org.apache.commons:commons-text@1.9!${jar}!/BOOT-INF/lib/commons-text-1.9.jar`,
  `maven:org.yaml:snakeyaml@1.30!${jar}!/BOOT-INF/lib/snakeyaml-1.30.jar`,
  `maven:org.apache.tomcat.embed:tomcat-embed-core@9.0.56!${jar}!/BOOT-INF/lib/tomcat-embed-core-9.0.56.jar`,
  `maven:com.fasterxml.jackson.core:jackson-databind@2.15.3!${jar}!/BOOT-INF/lib/jackson-databind-2.15.3.jar`,
];
const PYTHON = [
  'pypi:requests@2.28.1',
  'pypi:urllib3@1.26.12',
  'pypi:certifi@2022.12.7',
  'pypi:jinja2@3.1.2',
  'pypi:werkzeug@2.2.2',
  'pypi:pillow@9.4.0',
  'pypi:flask@2.2.2',
  'pypi:click@8.1.3',
].map(
  (text) =>
    `${text}!usr/local/lib/python3.11/site-packages/${text.slice(5, text.indexOf('@'))}-${text.slice(text.indexOf('@') + 1)}.dist-info/METADATA`,
);
const GO = (file: string) => [
  `golang:stdlib@1.21.1!${file}`,
  `golang:golang.org/x/net@0.15.0!${file}`,
  `golang:golang.org/x/crypto@0.13.0!${file}`,
  `golang:github.com/spf13/cobra@1.7.0!${file}`,
];

const base = (packages: string[], file: string, size: number) => ({
  step: `/bin/sh -c #(nop) ADD file:${file} in / `,
  size,
  packages,
});
const cmd = (text: string) => ({ step: `CMD [${text}]`, size: 32, packages: [] });

/** What others are built on, old and new. */
const BASES: Recipe[] = [
  {
    name: 'docker.io/library/debian:12',
    kind: 'image',
    environment: 'local',
    os: 'debian12',
    platform: 'linux/amd64',
    minutesAgo: 4200,
    layers: [base(DEBIAN_OLD, '8f3d5cf1a9be47b0', 29_150_479)],
  },
  {
    name: 'docker.io/library/debian:12-20261110',
    kind: 'image',
    environment: 'local',
    os: 'debian12',
    platform: 'linux/amd64',
    minutesAgo: 2100,
    layers: [base(DEBIAN_NEW, '91af6e02', 29_142_700)],
  },
];

const LOCAL: Recipe[] = [
  {
    name: 'registry.example.com/shop/checkout:2.8.1',
    kind: 'image',
    environment: 'local',
    os: 'debian12',
    platform: 'linux/amd64',
    minutesAgo: 4,
    user: '1000',
    layers: [
      base(DEBIAN_OLD, '8f3d5cf1a9be47b0', 29_150_479),
      {
        step: 'RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends curl git openssh-server libsqlite3-0 libexpat1 && rm -rf /var/lib/apt/lists/* # buildkit',
        size: 48_271_102,
        packages: [
          'deb:libcurl4@7.88.1-10',
          'deb:git@1:2.39.2-1.1',
          'deb:openssh-server@1:9.2p1-2',
          'deb:libsqlite3-0@3.40.1-2',
          'deb:libexpat1@2.5.0-1',
          'deb:ca-certificates@20230311',
        ],
      },
      {
        step: 'COPY /build/libs/checkout.jar /app/checkout.jar # buildkit',
        size: 61_990_233,
        packages: JAVA('app/checkout.jar'),
      },
      cmd('"java" "-jar" "/app/checkout.jar"'),
    ],
    labels: {
      'org.opencontainers.image.source': 'https://git.example.com/shop/checkout',
      'org.opencontainers.image.revision': 'b4c2f18',
      'org.opencontainers.image.version': '2.8.1',
    },
  },
  {
    name: 'registry.example.com/shop/storefront:5.1.0',
    kind: 'image',
    environment: 'local',
    os: 'alpine318',
    platform: 'linux/amd64',
    minutesAgo: 4,
    layers: [
      base(ALPINE, '32ff5e7a78b890996ee4', 3_397_879),
      {
        step: 'RUN /bin/sh -c apk add --no-cache nodejs libxml2 # buildkit',
        size: 21_442_009,
        packages: ['apk:nodejs@18.17.1-r0', 'apk:libxml2@2.11.4-r0', 'apk:icu-libs@73.2-r2'],
      },
      { step: 'COPY . /srv # buildkit', size: 14_220_118, packages: NODE('srv') },
      cmd('"node" "server.js"'),
    ],
  },
  {
    name: 'registry.example.com/data/reports:2024.11',
    kind: 'image',
    environment: 'local',
    os: 'debian12',
    platform: 'linux/amd64',
    minutesAgo: 5,
    layers: [
      base(DEBIAN_OLD, '8f3d5cf1a9be47b0', 29_150_479),
      {
        step: 'RUN /bin/sh -c apt-get update && apt-get install -y python3.11 libexpat1 # buildkit',
        size: 19_022_555,
        packages: ['deb:python3.11-minimal@3.11.2-6', 'deb:libexpat1@2.5.0-1'],
      },
      {
        step: 'RUN /bin/sh -c pip install --no-cache-dir -r requirements.txt # buildkit',
        size: 33_118_290,
        packages: PYTHON,
      },
    ],
    warnings: [
      {
        message: 'the archive ends before its table of contents',
        path: 'opt/vendor/legacy.jar',
        layer: 2,
      },
      {
        message: 'not UTF-8, read as Latin-1',
        path: 'usr/local/lib/python3.11/site-packages/oldlib-1.0.egg-info/PKG-INFO',
        layer: 2,
      },
    ],
  },
  {
    name: 'docker.io/library/postgres:15.3',
    kind: 'image',
    environment: 'local',
    os: 'debian12',
    platform: 'linux/amd64',
    minutesAgo: 6,
    layers: [
      base(DEBIAN_OLD, '8f3d5cf1a9be47b0', 29_150_479),
      {
        step: 'RUN /bin/sh -c set -ex; apt-get update; apt-get install -y --no-install-recommends postgresql-15 # buildkit',
        size: 104_227_990,
        packages: [
          'deb:postgresql-15@15.3-1.pgdg120+1',
          'deb:libpq5@15.3-1.pgdg120+1',
          'deb:libxml2@2.9.14+dfsg-1.2',
        ],
      },
      {
        step: 'COPY /go/bin/gosu /usr/local/bin/gosu # buildkit',
        size: 2_300_110,
        packages: GO('usr/local/bin/gosu').slice(0, 1),
      },
    ],
  },
  {
    name: 'registry.example.com/platform/gateway:1.19.4',
    kind: 'image',
    environment: 'local',
    os: 'distroless',
    platform: 'linux/arm64',
    minutesAgo: 7,
    user: '65532',
    layers: [
      base(
        [
          'deb:base-files@12.4+deb12u5',
          'deb:libc6@2.36-9+deb12u4',
          'deb:libssl3@3.0.11-1~deb12u2',
          'deb:tzdata@2024a-0+deb12u1',
        ].slice(0, 4),
        'a0b1',
        10_442_100,
      ),
      { step: 'COPY /out/gateway /gateway # buildkit', size: 18_221_004, packages: GO('gateway') },
    ],
  },
  {
    name: 'quay.io/example/inventory:9',
    kind: 'image',
    environment: 'local',
    os: 'ubi9',
    platform: 'linux/amd64',
    minutesAgo: 9,
    layers: [
      base(UBI, '771d2ee0', 79_226_121),
      {
        step: 'RUN /bin/sh -c microdnf install -y ruby # buildkit',
        size: 22_114_500,
        packages: ['gem:rack@2.2.6', 'gem:puma@5.6.5'],
      },
    ],
  },
  {
    name: 'ghcr.io/example/ledger:0.4.2',
    kind: 'image',
    environment: 'local',
    os: 'debian12',
    platform: 'linux/amd64',
    minutesAgo: 12,
    layers: [
      base(DEBIAN_NEW, '91af6e02', 29_142_700),
      {
        step: 'COPY /app/target/release/ledger /usr/local/bin/ledger # buildkit',
        size: 9_410_222,
        packages: [
          'cargo:h2@0.3.19!usr/local/bin/ledger',
          'cargo:rustls@0.21.7!usr/local/bin/ledger',
          'cargo:tokio@1.32.0!usr/local/bin/ledger',
          'cargo:serde@1.0.188!usr/local/bin/ledger',
        ],
      },
    ],
    suppress: ['CVE-2023-45853', 'CVE-2011-3374'],
  },
  {
    name: 'registry.example.com/platform/agent:3.0.0',
    kind: 'image',
    environment: 'local',
    os: 'none',
    platform: 'linux/amd64',
    minutesAgo: 14,
    layers: [
      {
        step: 'COPY /agent /agent # buildkit',
        size: 12_004_118,
        packages: ['golang:stdlib@1.22.9!agent', 'golang:github.com/spf13/cobra@1.8.1!agent'],
      },
    ],
  },
  {
    name: 'build-host-01',
    kind: 'rootfs',
    environment: 'local',
    os: 'debian12',
    minutesAgo: 2,
    target: 'dir:/',
    layers: [
      {
        step: '',
        size: 0,
        packages: [
          ...DEBIAN_NEW,
          'deb:openssh-server@1:9.2p1-2+deb12u3',
          'deb:git@1:2.39.2-1.1',
          'deb:libcurl4@7.88.1-10+deb12u5',
          'deb:docker.io@20.10.24+dfsg1-1+b3',
          ...GO('usr/bin/dockerd').slice(0, 2),
        ],
      },
    ],
  },
  {
    name: 'vendor-appliance.cdx.json',
    kind: 'sbom',
    environment: 'local',
    os: 'none',
    minutesAgo: 1500,
    layers: [
      {
        step: '',
        size: 0,
        packages: [
          'nuget:Newtonsoft.Json@12.0.3',
          'npm:lodash@4.17.20',
          'maven:org.yaml:snakeyaml@1.33',
          'generic:appliance-firmware@4.2',
        ],
      },
    ],
  },
  {
    name: 'registry.example.com/shop/mailer:1.0.7',
    kind: 'image',
    environment: 'local',
    os: 'debian13',
    platform: 'linux/amd64',
    minutesAgo: 2900,
    layers: [
      base(
        [
          'deb:libc6@2.41-12',
          'deb:libssl3t64@3.5.1-1',
          'deb:bash@5.2.37-2+b5',
          'deb:liblzma5@5.8.1-1',
        ],
        'ee91',
        30_200_000,
      ),
    ],
    lastError: 'the registry refused the pull: 401 Unauthorized',
  },
];

const TEAMS = ['shop', 'data', 'platform', 'billing', 'search', 'identity'];
const APPS = ['api', 'worker', 'web', 'sync', 'exporter', 'scheduler', 'proxy'];

/** More of the same, so that long lists are long. */
const MORE: Recipe[] = TEAMS.flatMap((team, t) =>
  APPS.map((app, a): Recipe => {
    const turn = (t * APPS.length + a) % 5;
    const layers =
      turn === 0
        ? [
            base(DEBIAN_OLD, '8f3d5cf1a9be47b0', 29_150_479),
            {
              step: 'COPY /app /app # buildkit',
              size: 9_000_000 + a * 1_200_000,
              packages: NODE('app'),
            },
          ]
        : turn === 1
          ? [
              base(ALPINE, '32ff5e7a78b890996ee4', 3_397_879),
              { step: 'COPY /bin/app /app # buildkit', size: 11_000_000, packages: GO('app') },
            ]
          : turn === 2
            ? [
                base(DEBIAN_NEW, '91af6e02', 29_142_700),
                {
                  step: 'RUN /bin/sh -c pip install -r requirements.txt # buildkit',
                  size: 22_000_000,
                  packages: PYTHON.slice(0, 3 + a),
                },
              ]
            : turn === 3
              ? [base(UBI, '771d2ee0', 79_226_121)]
              : [
                  {
                    step: 'COPY /app /app # buildkit',
                    size: 12_000_000,
                    packages: ['golang:stdlib@1.22.9!app', 'golang:golang.org/x/net@0.30.0!app'],
                  },
                ];
    return {
      name: `registry.example.com/${team}/${app}:1.${a}.${t}`,
      kind: 'image',
      environment: 'local',
      os: (['debian12', 'alpine318', 'debian12', 'ubi9', 'none'] as const)[turn] ?? 'none',
      platform: 'linux/amd64',
      minutesAgo: 16 + t * 9 + a,
      layers,
    };
  }),
);

const DEMO: Recipe[] = [
  {
    ...LOCAL[0],
    name: 'demo.invalid/payments/api:1.4',
    environment: 'demo',
    minutesAgo: 3,
  } as Recipe,
  {
    ...LOCAL[1],
    name: 'demo.invalid/web/frontend:7.2',
    environment: 'demo',
    minutesAgo: 3,
  } as Recipe,
  {
    ...LOCAL[4],
    name: 'demo.invalid/edge/router:2.0',
    environment: 'demo',
    minutesAgo: 3,
  } as Recipe,
];

export const RECIPES: Recipe[] = [...LOCAL, ...MORE, ...BASES, ...DEMO];

export function parsePackage(text: PackageText): {
  kind: PackageKind;
  name: string;
  version: string;
  path?: string;
} {
  const bang = text.indexOf('!');
  const path = bang < 0 ? undefined : text.slice(bang + 1);
  const head = bang < 0 ? text : text.slice(0, bang);
  const colon = head.indexOf(':');
  const at = head.lastIndexOf('@');
  return {
    kind: head.slice(0, colon) as PackageKind,
    name: head.slice(colon + 1, at),
    version: head.slice(at + 1),
    ...(path ? { path } : {}),
  };
}
