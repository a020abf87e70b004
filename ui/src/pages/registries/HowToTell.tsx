// How a registry is brought to tell by itself, kind by kind.

import type { ReactNode } from 'react';
import type { Registry } from '../../api/registries';
import { Code } from '../../ui/Code';
import { Command } from '../../ui/Copy';
import classes from './registries.module.css';

/** Stands for the secret where it is not known any more. */
export const PLACEHOLDER = 'SECRET';

interface Where {
  /** Where its webhooks go; with the secret, where that is part of it. */
  url: string;
  secret: string;
  address: string;
}

const distribution = ({ url, secret }: Where) => `notifications:
  endpoints:
    - name: seawall
      url: ${url}
      headers:
        Authorization: [Bearer ${secret}]
      timeout: 5s
      threshold: 5
      backoff: 10s`;

const azure = ({ url, secret, address }: Where) =>
  `az acr webhook create --registry ${address.split('.')[0]} --name seawall --actions push delete quarantine --uri ${url} --headers "Authorization=Bearer ${secret}"`;

const google = ({ url }: Where) => [
  'gcloud pubsub topics create gcr',
  `gcloud pubsub subscriptions create seawall --topic gcr --push-endpoint '${url}'`,
];

const EVENTS = `{
  "source": ["aws.ecr"],
  "detail-type": [
    "ECR Image Action",
    "ECR Replication Action",
    "ECR Pull Through Cache Action"
  ]
}`;

function stepsOf(registry: Registry, where: Where): ReactNode {
  switch (registry.kind) {
    case 'distribution':
      return (
        <>
          <p>
            In the registry’s own <code>config.yml</code>, then restart it. Gitea, GitLab, Nexus and
            others have a page for the same:
          </p>
          <Code label="the settings">{distribution(where)}</Code>
        </>
      );
    case 'harbor':
      return (
        <>
          <p>
            In each project, <b>Webhooks</b>, <b>New webhook</b>: notify by HTTP, format{' '}
            <code>CloudEvents</code> or <code>Default</code>, and the events <i>artifact pushed</i>,{' '}
            <i>pulled</i> and <i>deleted</i>, and <i>replication status changed</i>.
          </p>
          <p>Endpoint:</p>
          <Command label="the endpoint">{where.url}</Command>
          <p>Auth header:</p>
          <Command label="the header">{where.secret}</Command>
        </>
      );
    case 'quay':
      return (
        <>
          <p>
            In each repository, <b>Settings</b>, <b>Create notification</b>: on{' '}
            <i>push to repository</i>, a <i>webhook POST</i> to this address, which holds the
            secret:
          </p>
          <Command label="the address">{where.url}</Command>
        </>
      );
    case 'ghcr':
      return (
        <>
          <p>
            In the organisation’s (or the repository’s) settings, <b>Webhooks</b>,{' '}
            <b>Add webhook</b>: content type <code>application/json</code>, and of the single events{' '}
            <i>Registry packages</i>.
          </p>
          <p>Payload URL:</p>
          <Command label="the address">{where.url}</Command>
          <p>Secret:</p>
          <Command label="the secret">{where.secret}</Command>
        </>
      );
    case 'docker_hub':
      return (
        <>
          <p>
            In each repository, <b>Webhooks</b>: a new one to this address, which holds the secret:
          </p>
          <Command label="the address">{where.url}</Command>
        </>
      );
    case 'azure':
      return (
        <>
          <p>With Azure’s command line:</p>
          <Command label="the command">{azure(where)}</Command>
        </>
      );
    case 'amazon':
      return (
        <>
          <p>
            Best by a queue, which needs no way from AWS to this server: an EventBridge rule with
            this pattern, its target an SQS queue. Name the queue under <b>Edit</b>,{' '}
            <i>How it is reached</i>; the account needs <code>sqs:ReceiveMessage</code> and{' '}
            <code>sqs:DeleteMessage</code> there.
          </p>
          <Code label="the pattern">{EVENTS}</Code>
          <p>
            Or, where AWS reaches this server, an API destination of the same rule, its connection
            with an API key named <code>Authorization</code>:
          </p>
          <Command label="the address">{where.url}</Command>
          <Command label="the key">{`Bearer ${where.secret}`}</Command>
        </>
      );
    case 'google':
      return (
        <>
          <p>
            Artifact Registry tells the topic <code>gcr</code> of its project; a subscription pushes
            it to this address, which holds the secret:
          </p>
          {google(where).map((line) => (
            <Command key={line} label="the command">
              {line}
            </Command>
          ))}
        </>
      );
  }
}

export function HowToTell({
  registry,
  url,
  secret = PLACEHOLDER,
}: {
  registry: Registry;
  url: string;
  /** Known right after it was made. */
  secret?: string;
}) {
  return (
    <div className={classes.steps}>
      {stepsOf(registry, { url, secret, address: registry.address })}
      {secret === PLACEHOLDER && (
        <p className={classes.quiet}>
          <code>{PLACEHOLDER}</code> stands for the secret that was shown when the registry was
          added. Where nobody kept it, make a new one.
        </p>
      )}
    </div>
  );
}
