// The rules of the make-believe world: what it alerts on and recommends.

import type { Effort, FindingKind, Severity, Step } from '../src/api/types';

export interface Rule {
  id: string;
  kind: FindingKind;
  title: string;
  severity: Severity;
  tactics: string[];
  techniques: string[];
  description: string;
  why: string;
  steps: Step[];
  /** One line about an occurrence; `{}` is the asset. */
  summary?: string;
  evidence?: Record<string, unknown>;
  references?: string[];
  // Recommendations only.
  effort?: Effort;
  weight?: number;
  controls?: string[];
  checkedBy?: string;
}

const sh = (text: string, code: string): Step => ({ text, code, language: 'shell' });
const yaml = (text: string, code: string): Step => ({ text, code, language: 'yaml' });

const CONTAIN: Step[] = [
  sh(
    'Keep what is there for later, then cut the pod off from the network.',
    'kubectl -n NAMESPACE label pod POD seawall.dev/quarantine=true',
  ),
  sh(
    'Look at what the process did around that time.',
    'seawall findings list -- \'kind:alert asset:POD last:"1h"\'',
  ),
  {
    text: 'If it was not expected, rebuild the image from a known-good base and rotate every secret the pod could read.',
  },
];

const alert = (
  id: string,
  title: string,
  severity: Severity,
  tactic: string,
  technique: string,
  description: string,
  summary: string,
  evidence: Record<string, unknown>,
): Rule => ({
  id,
  kind: 'alert',
  title,
  severity,
  tactics: tactic.split(','),
  techniques: technique.split(','),
  description,
  why: `${description.split('. ')[0]}. Few services do this in their ordinary work, and whoever has taken over a container does it early.`,
  steps: CONTAIN,
  summary,
  evidence,
  references: technique
    .split(',')
    .map((each) => `https://attack.mitre.org/techniques/${each.replace('.', '/')}/`),
});

const process = (command: string, parent: string, user = 'root') => ({
  process: { command, executable: command.split(' ')[0], pid: 4711, user },
  parent: { command: parent, pid: 4702 },
});

export const ALERTS: Rule[] = [
  alert(
    'reverse-shell',
    'Shell connected to a remote socket',
    'critical',
    'execution',
    'T1059.004',
    'A shell’s standard input and output are a network connection. That hands whoever is at the other end an interactive prompt inside the container.',
    'bash → 203.0.113.66:4444',
    {
      ...process('/bin/bash -i', 'python3 -c import socket,subprocess,os'),
      connection: { remote: '203.0.113.66:4444', protocol: 'tcp', direction: 'outbound' },
    },
  ),
  alert(
    'container-escape-release-agent',
    'Write to a control group’s release agent',
    'critical',
    'privilege-escalation',
    'T1611',
    'A process in a container wrote the file that the kernel runs on the host when a control group empties. It is a known way out of a privileged container.',
    'echo /cmd > /tmp/cgrp/release_agent',
    process('sh -c echo /cmd > /tmp/cgrp/release_agent', 'sh'),
  ),
  alert(
    'crypto-miner-started',
    'Program typical of coin mining started',
    'high',
    'impact',
    'T1496',
    'A command line names a mining pool or its protocol. Somebody is paid with your processors.',
    'xmrig -o stratum+tcp://pool.example:3333',
    process('/tmp/.x/xmrig -o stratum+tcp://pool.example:3333', 'sh', 'www-data'),
  ),
  alert(
    'metadata-service-access',
    'Cloud metadata service asked for credentials',
    'high',
    'credential-access',
    'T1552.005',
    'A process that has not done so before asked the machine’s metadata service for an identity token.',
    'curl 169.254.169.254/latest/meta-data/iam/',
    process('curl -s http://169.254.169.254/latest/meta-data/iam/', 'sh'),
  ),
  alert(
    'service-account-token-read',
    'Service account token read by an unusual program',
    'high',
    'credential-access',
    'T1528',
    'A program that is not the workload’s own read the token with which the pod speaks to the Kubernetes API.',
    'cat /var/run/secrets/kubernetes.io/serviceaccount/token',
    process('cat /var/run/secrets/kubernetes.io/serviceaccount/token', 'bash'),
  ),
  alert(
    'shell-in-container',
    'Interactive shell in a container',
    'medium',
    'execution',
    'T1609',
    'Somebody opened an interactive shell in a running container. Operators do it to look into a problem; intruders do it too.',
    'kubectl exec -it … -- sh',
    process('sh', 'runc init'),
  ),
  alert(
    'package-manager-in-container',
    'Package manager run in a container',
    'medium',
    'persistence',
    'T1525',
    'A package manager changed what is installed in a running container, so it no longer is what was scanned and approved.',
    'apt-get install -y netcat',
    process('apt-get install -y netcat', 'bash'),
  ),
  alert(
    'drifted-executable',
    'Program run that the image did not bring',
    'high',
    'defense-evasion,execution',
    'T1036.005',
    'An executable was written after the container started, then run.',
    '/tmp/.cache/kworkerd',
    process('/tmp/.cache/kworkerd --daemon', 'sh', 'app'),
  ),
  alert(
    'log-files-removed',
    'Log files removed',
    'medium',
    'defense-evasion',
    'T1070',
    'Log files were emptied or deleted, which hides what happened before.',
    'truncate -s0 /var/log/nginx/access.log',
    process('truncate -s0 /var/log/nginx/access.log', 'bash'),
  ),
  alert(
    'network-scan',
    'Many addresses of the cluster network tried',
    'medium',
    'discovery',
    'T1046',
    'One process opened connections to many addresses or ports in a short time.',
    'nmap -sT 10.42.0.0/16',
    {
      ...process('nmap -sT 10.42.0.0/16', 'bash'),
      scan: { addresses: 412, ports: [22, 80, 443, 6443, 10250], seconds: 38 },
    },
  ),
  alert(
    'kubelet-api-access',
    'Kubelet’s API called from a pod',
    'high',
    'lateral-movement',
    'T1210',
    'A pod called the kubelet directly instead of the API server. Workloads have no business there.',
    'GET https://10.0.3.12:10250/pods',
    process('curl -k https://10.0.3.12:10250/pods', 'sh'),
  ),
  alert(
    'privileged-pod-created',
    'Privileged pod created',
    'low',
    'privilege-escalation',
    'T1610',
    'The API server accepted a pod that may do on its node whatever root may.',
    'user ci-deployer created pod debug-0',
    {
      user: { name: 'system:serviceaccount:ci:deployer', groups: ['system:authenticated'] },
      request: { verb: 'create', resource: 'pods', code: 201 },
    },
  ),
  alert(
    'cluster-admin-bound',
    'Somebody was made cluster administrator',
    'info',
    'persistence',
    'T1098.006',
    'A subject was newly bound to the role that may do everything.',
    'user anna bound cluster-admin to group oncall',
    { user: { name: 'anna' }, request: { verb: 'create', resource: 'clusterrolebindings' } },
  ),
  alert(
    'unusual-outbound',
    'Connection to a place this workload never spoke with',
    'low',
    'exfiltration',
    'T1048',
    'The workload’s baseline knows all its peers; this one is new.',
    '198.51.100.23:8443',
    { connection: { remote: '198.51.100.23:8443', bytes_out: 48_211_004 }, baseline: { days: 14 } },
  ),
  alert(
    'ssh-server-in-container',
    'SSH server running in a container',
    'info',
    'initial-access',
    'T1133',
    'An SSH server is a second door beside the one the platform guards.',
    'sshd -D',
    process('/usr/sbin/sshd -D', 'tini'),
  ),
  alert(
    'cluster-admin-bound',
    'Somebody was given the whole cluster',
    'high',
    'privilege-escalation,persistence',
    'T1098.006,T1078',
    'A binding to cluster-admin was made. Whoever it names may do anything in the cluster.',
    'create clusterrolebindings {}-admin',
    { verb: 'create', resource: 'clusterrolebindings', role: 'cluster-admin' },
  ),
  alert(
    'secrets-listed',
    'Secrets of a namespace were listed',
    'medium',
    'credential-access',
    'T1552.007',
    'All secrets of a namespace were read at once. A program that needs one secret asks for one.',
    'list secrets',
    { verb: 'list', resource: 'secrets' },
  ),
  alert(
    'exec-into-pod',
    'A command was run in a pod through the API server',
    'low',
    'execution',
    'T1609',
    'Somebody opened a command in a running pod. The API server recorded who, not what was typed.',
    'create pods/exec {}',
    { verb: 'create', resource: 'pods', subresource: 'exec' },
  ),
];

const recommend = (
  id: string,
  title: string,
  severity: Severity,
  effort: Effort,
  weight: number,
  controls: string[],
  techniques: string[],
  why: string,
  steps: Step[],
  checkedBy = 'The pod template of each workload is read from the cluster whenever it changes.',
): Rule => ({
  id,
  kind: 'misconfiguration',
  title,
  severity,
  tactics: [],
  techniques,
  description: why.split('. ')[0] ?? why,
  why,
  steps,
  effort,
  weight,
  controls,
  checkedBy,
});

export const RECOMMENDATIONS: Rule[] = [
  recommend(
    'running-images-fixable-critical',
    'Running images should have no fixable critical vulnerabilities',
    'critical',
    'moderate',
    15,
    ['CIS-K8S 5.5.1', 'PCI-DSS 6.3.3', 'SOC2 CC7.1'],
    ['T1190'],
    'A published fix means a published weakness: exploits follow fixes within days. These images run now, so the weakness is reachable now.',
    [
      {
        text: 'Raise the base image; most of these come with it.',
        code: 'FROM debian:12.12-slim',
        language: 'dockerfile',
      },
      sh(
        'Rebuild, scan before pushing, and roll out.',
        'docker build -t IMAGE . && seawall scan docker:IMAGE --fail-on critical,fixable',
      ),
    ],
    'Every image with a running container is matched against the advisory database, when either changes.',
  ),
  recommend(
    'privileged-containers',
    'Privileged containers should be avoided',
    'high',
    'moderate',
    10,
    ['CIS-K8S 5.2.2', 'NSA-K8S 2.3', 'PCI-DSS 2.2.5'],
    ['T1611', 'T1610'],
    'A privileged container is root on its node. Whoever takes it over has every pod beside it, and the node’s credentials.',
    [
      yaml(
        'Take the flag out of the pod template; give the single capability that is needed instead.',
        'securityContext:\n  privileged: false\n  capabilities:\n    drop: [ALL]\n    add: [NET_BIND_SERVICE]',
      ),
      sh('See that it still starts.', 'kubectl -n NAMESPACE rollout status deploy/WORKLOAD'),
    ],
  ),
  recommend(
    'run-as-non-root',
    'Containers should not run as root',
    'medium',
    'low',
    8,
    ['CIS-K8S 5.2.7', 'NSA-K8S 2.1'],
    ['T1068'],
    'Root inside the container is root to the kernel. Most ways out of a container need it.',
    [
      yaml(
        'Set a user in the pod template.',
        'securityContext:\n  runAsNonRoot: true\n  runAsUser: 10001',
      ),
    ],
  ),
  recommend(
    'read-only-root-filesystem',
    'Root file systems should be read-only',
    'medium',
    'low',
    6,
    ['CIS-K8S 5.7.3'],
    ['T1525'],
    'What cannot be written cannot be run: tools an intruder brings along have nowhere to land.',
    [
      yaml(
        'Make it read-only, and mount what must be written.',
        'securityContext:\n  readOnlyRootFilesystem: true\nvolumes:\n  - name: tmp\n    emptyDir: {}',
      ),
    ],
  ),
  recommend(
    'host-path-mounts',
    'Sensitive host paths should not be mounted',
    'high',
    'moderate',
    8,
    ['CIS-K8S 5.2.12', 'NSA-K8S 2.4'],
    ['T1611'],
    'A container that can write the host’s files can become the host.',
    [{ text: 'Replace the hostPath volume by a persistent volume claim or an emptyDir.' }],
  ),
  recommend(
    'docker-socket-mounted',
    'The container engine’s socket should not be mounted',
    'high',
    'moderate',
    7,
    ['CIS-DOCKER 5.31'],
    ['T1610', 'T1611'],
    'Whoever can talk to the engine can start a privileged container, and so owns the machine.',
    [
      {
        text: 'Take the mount of /var/run/docker.sock out; use a builder that needs no daemon.',
      },
    ],
    'The engine is asked for the mounts of each running container.',
  ),
  recommend(
    'resource-limits',
    'CPU and memory limits should be set',
    'low',
    'low',
    4,
    ['CIS-K8S 5.7.4'],
    ['T1496', 'T1499'],
    'Without limits one container can starve its neighbours, by accident or on purpose.',
    [
      yaml(
        'Set requests and limits.',
        'resources:\n  requests: { cpu: 100m, memory: 128Mi }\n  limits: { memory: 256Mi }',
      ),
    ],
  ),
  recommend(
    'default-service-account',
    'Service account tokens should be mounted only where used',
    'medium',
    'low',
    5,
    ['CIS-K8S 5.1.6'],
    ['T1528'],
    'A token that is there can be stolen, whether or not the program uses it.',
    [yaml('Switch the mount off.', 'automountServiceAccountToken: false')],
  ),
  recommend(
    'network-policies',
    'Namespaces should have a default network policy',
    'medium',
    'high',
    9,
    ['CIS-K8S 5.3.2', 'NSA-K8S 3.1', 'PCI-DSS 1.3.1'],
    ['T1046', 'T1210'],
    'Without a policy every pod reaches every other: one that is taken over reaches them all.',
    [
      yaml(
        'Deny by default, then allow what is needed.',
        'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: default-deny, namespace: NAMESPACE }\nspec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]',
      ),
    ],
  ),
  recommend(
    'trusted-registries',
    'Images should come from trusted registries',
    'high',
    'low',
    6,
    ['CIS-K8S 5.5.1', 'NSA-K8S 1.2'],
    ['T1204.003'],
    'An image from an unknown place is a program from an unknown author.',
    [{ text: 'Mirror the image into your own registry and refer to it by digest.' }],
  ),
  recommend(
    'seccomp-profile',
    'A seccomp profile should be set',
    'low',
    'low',
    3,
    ['CIS-K8S 5.7.2'],
    ['T1611'],
    'Kernel weaknesses are reached by system calls; a profile takes away the ones nobody needs.',
    [
      yaml(
        'Use the runtime’s own profile.',
        'securityContext:\n  seccompProfile: { type: RuntimeDefault }',
      ),
    ],
  ),
  recommend(
    'anonymous-api-access',
    'The API server should refuse anonymous requests',
    'high',
    'low',
    9,
    ['CIS-K8S 1.2.1', 'NSA-K8S 4.1'],
    ['T1133'],
    'Anonymous access turns a mistake in a role binding into an open door.',
    [{ text: 'Start the API server with --anonymous-auth=false.' }],
    'The server’s own answers to an anonymous request are looked at.',
  ),
];

export const OTHERS: Rule[] = [
  {
    id: 'aws-access-key',
    kind: 'secret',
    title: 'Cloud access key in an image',
    severity: 'high',
    tactics: ['credential-access'],
    techniques: ['T1552.001'],
    description: 'A file of the image holds what looks like a live cloud access key.',
    why: 'Everybody who can pull the image can use the key, and layers are never forgotten: deleting the file in a later layer leaves it in the earlier one.',
    steps: [
      { text: 'Revoke the key where it was issued.' },
      {
        text: 'Rebuild without it, and hand it over at run time.',
        code: 'RUN --mount=type=secret,id=aws aws s3 cp …',
        language: 'dockerfile',
      },
    ],
    summary: 'app/config/production.env line 14, AKIA…7QX',
    evidence: {
      file: 'app/config/production.env',
      line: 14,
      match: 'AKIA************7QX',
      layer: 2,
    },
  },
  {
    id: 'private-key',
    kind: 'secret',
    title: 'Private key in an image',
    severity: 'medium',
    tactics: ['credential-access'],
    techniques: ['T1552.004'],
    description: 'A PEM block of a private key is part of the image.',
    why: 'Whoever pulls the image can impersonate the service.',
    steps: [{ text: 'Replace the key, and mount it from a secret store.' }],
    summary: 'etc/ssl/private/server.key',
    evidence: { file: 'etc/ssl/private/server.key', algorithm: 'RSA 2048', layer: 2 },
  },
  {
    id: 'miner-binary',
    kind: 'malware',
    title: 'Coin miner in an image',
    severity: 'critical',
    tactics: ['execution', 'impact'],
    techniques: ['T1204.003', 'T1496'],
    description: 'A file of the image is known as a coin miner by its hash.',
    why: 'It has no use but to spend your processors for somebody else.',
    steps: [{ text: 'Stop every container of this image, then find out who built it.' }],
    summary: 'usr/bin/.sysd (XMRig 6.21)',
    evidence: { file: 'usr/bin/.sysd', sha256: '9d1c…e0', family: 'XMRig', layer: 3 },
  },
];

export const RULES: Rule[] = [...ALERTS, ...RECOMMENDATIONS, ...OTHERS];
