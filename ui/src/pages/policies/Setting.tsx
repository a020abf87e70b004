// What is done about a policy, here or in one cluster; before it refuses
// anything, what refusing would have meant.

import { Button, Radio, TagsInput, Textarea, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import {
  type ImpactSetting,
  type PolicyAction,
  type PolicyDetail,
  type PolicyImpact,
  type PolicyScope,
  policies,
  useSetPolicy,
} from '../../api/policies';
import { Go } from '../../components/Go';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { useScope } from '../../components/url';
import { count, plural } from '../../lib/format';
import { readSelector, writeSelector } from '../../lib/selector';
import { Notice } from '../../ui/Notice';
import { Time } from '../../ui/Time';
import { ACTIONS, actionName, spell } from './parts';
import classes from './policies.module.css';

/** Parameters as text, and what keeps the text from being some. */
export function readParameters(text: string): { value?: Record<string, unknown>; fault?: string } {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { value: value as Record<string, unknown> }
      : { fault: 'Parameters are one JSON object: {"name": value}.' };
  } catch (error) {
    return { fault: `This is no JSON: ${error instanceof Error ? error.message : error}` };
  }
}

export function Setting({ detail }: { detail: PolicyDetail }) {
  const { policy } = detail;
  const { environment, cluster } = useScope();
  const { configure: whyNot } = usePermissions();
  const change = useSetPolicy(policy.id);
  const here = policy.settings.find(
    (each) => each.environment === environment && (each.cluster ?? undefined) === cluster,
  );
  const kept = here?.parameters ?? detail.parameters;
  const [action, setAction] = useState<PolicyAction>(here?.action ?? policy.action);
  const [parameters, setParameters] = useState(
    kept && Object.keys(kept).length > 0 ? JSON.stringify(kept, null, 2) : '',
  );
  const [namespaces, setNamespaces] = useState(here?.scope?.namespaces ?? []);
  const [excluded, setExcluded] = useState(here?.scope?.excluded_namespaces ?? []);
  const [ofNamespace, setOfNamespace] = useState(writeSelector(here?.scope?.namespace_selector));
  const [ofObject, setOfObject] = useState(writeSelector(here?.scope?.label_selector));
  const [reason, setReason] = useState('');
  const [isOpen, setOpen] = useState(false);
  const read = readParameters(parameters);
  const namespaceLabels = readSelector(ofNamespace);
  const objectLabels = readSelector(ofObject);
  const fault =
    read.fault ??
    namespaceLabels.fault ??
    objectLabels.fault ??
    (reason.trim() === '' ? 'Say why: whoever comes after you will ask.' : undefined);
  const place = cluster ? `in ${cluster}` : `in every cluster of ${environment}`;
  const scope: PolicyScope = {
    namespaces,
    excluded_namespaces: excluded,
    ...(namespaceLabels.value ? { namespace_selector: namespaceLabels.value as never } : {}),
    ...(objectLabels.value ? { label_selector: objectLabels.value as never } : {}),
  };
  const isWide = Object.values(scope).every((value) => Array.isArray(value) && value.length === 0);
  // Judged anew when somebody stops typing, not at each letter.
  const [thought] = useDebouncedValue(
    JSON.stringify({
      ...(read.value ? { parameters: read.value } : {}),
      ...(isWide ? {} : { scope }),
    }),
    600,
  );
  const put = (isReset: boolean) => {
    change.mutate(
      {
        environment,
        ...(cluster ? { cluster } : {}),
        ...(isReset
          ? {}
          : {
              action,
              ...(read.value ? { parameters: read.value as never } : {}),
              ...(isWide ? {} : { scope }),
            }),
        reason: reason.trim(),
      },
      { onSuccess: () => setOpen(false) },
    );
  };
  return (
    <div className={classes.form}>
      <p className={classes.text}>
        <b>{actionName(policy.action)}</b> {place}
        {!here && ', as it is by default'}.
      </p>
      {policy.settings.map((each) => (
        <div key={`${each.environment} ${each.cluster ?? ''}`} className={classes.setting}>
          <b>{each.cluster ?? `every cluster of ${each.environment}`}</b>: {each.action} by{' '}
          {each.changed_by}, <Time at={each.changed} />
          {each.reason && <span className={classes.quiet}> — {each.reason}</span>}
        </div>
      ))}
      {!isOpen ? (
        <div className={classes.buttons}>
          <Button
            size="compact-sm"
            variant="default"
            disabled={whyNot !== undefined}
            title={whyNot}
            onClick={() => setOpen(true)}
          >
            Change it…
          </Button>
        </div>
      ) : (
        <>
          <Radio.Group
            label={`What is done ${place}`}
            size="xs"
            value={action}
            onChange={(next) => setAction(next as PolicyAction)}
          >
            <div className={classes.actions}>
              {ACTIONS.map((each) => (
                <Radio
                  key={each.value}
                  size="xs"
                  value={each.value}
                  label={each.label}
                  description={each.doc}
                />
              ))}
            </div>
          </Radio.Group>
          {(action === 'deny' || action === 'warn') && (
            <Impact id={policy.id} setting={JSON.parse(thought)} />
          )}
          {detail.parameters_schema && (
            <Textarea
              label="Parameters"
              description="One JSON object; empty: as the policy has them"
              size="xs"
              autosize
              minRows={2}
              maxRows={14}
              className={classes.mono}
              value={parameters}
              error={read.fault}
              onChange={(event) => setParameters(event.currentTarget.value)}
            />
          )}
          <TagsInput
            size="xs"
            label="Only in these namespaces"
            description="Empty: in all; * stands for any characters at an end"
            value={namespaces}
            splitChars={[',', ' ']}
            acceptValueOnBlur
            onChange={setNamespaces}
            comboboxProps={{ withinPortal: false }}
          />
          <TagsInput
            size="xs"
            label="Not in these"
            value={excluded}
            splitChars={[',', ' ']}
            acceptValueOnBlur
            onChange={setExcluded}
            comboboxProps={{ withinPortal: false }}
          />
          <TextInput
            size="xs"
            label="Only in namespaces with these labels"
            description="As for kubectl: team=a, tier in (web, api), !old; empty: in all"
            value={ofNamespace}
            error={namespaceLabels.fault}
            onChange={(event) => setOfNamespace(event.currentTarget.value)}
          />
          <TextInput
            size="xs"
            label="Only objects with these labels"
            value={ofObject}
            error={objectLabels.fault}
            onChange={(event) => setOfObject(event.currentTarget.value)}
          />
          <Textarea
            label="Why"
            size="xs"
            autosize
            minRows={2}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          {change.error && <ProblemNotice problem={change.error} title="It was not changed" />}
          <div className={classes.buttons}>
            <Button
              size="compact-sm"
              loading={change.isPending}
              disabled={fault !== undefined}
              title={fault}
              onClick={() => put(false)}
            >
              {actionName(action)} {place}
            </Button>
            {here && (
              <Button
                size="compact-sm"
                variant="default"
                disabled={reason.trim() === ''}
                onClick={() => put(true)}
              >
                As by default
              </Button>
            )}
            <Button size="compact-sm" variant="default" onClick={() => setOpen(false)}>
              Cancel
            </Button>
          </div>
        </>
      )}
      <p className={classes.quiet}>
        For one namespace, workload or image only, and for a while: exempt one of its findings. That
        holds at admission as well.
      </p>
    </div>
  );
}

/** What refusing would have meant, and would mean, set so. */
export function Impact({ id, setting }: { id: string; setting: ImpactSetting }) {
  const { environment, cluster } = useScope();
  const { data, error } = useQuery(policies.impact(id, environment, cluster, setting));
  if (error) return <ProblemNotice problem={error} title="What it would mean is not known" />;
  if (!data) return <p className={classes.quiet}>Looking at what it would mean…</p>;
  return <ImpactText impact={data} />;
}

/** What is known of the requests of the last days: only what was judged. */
function requestsText(impact: PolicyImpact): string {
  const { days, requests, objects } = impact;
  if (!impact.is_watched)
    return `Of the requests of the last ${days} days nothing is known: none was judged by it, as it is off or nothing asks before it stores.`;
  const set = impact.is_other ? ', as it is set now' : '';
  return requests === 0
    ? `None of the requests that were judged in the last ${days} days would have been refused${set}.`
    : `${plural(requests, 'request')} of the last ${days} days would have been refused${set}, of ${plural(objects, 'object')}.`;
}

function runningText(impact: PolicyImpact): string {
  if (impact.basis === 'nothing') return 'Nobody tells what runs, so nothing is known of that.';
  const by =
    impact.basis === 'trial' ? `, judged just now: ${plural(impact.judged, 'object')}` : '';
  const held =
    impact.exempted > 0 ? ` ${count(impact.exempted)} more are exempted and stay so.` : '';
  const some = impact.is_partial ? ' Not all of it could be judged.' : '';
  return impact.running === 0
    ? `${impact.is_partial ? 'What was judged' : 'Everything that runs now'} could be made again${by}.${held}${some}`
    : `${plural(impact.running, 'thing')} that ${impact.running === 1 ? 'is' : 'are'} there now could not be made again${by}.${held}${some}`;
}

export function ImpactText({ impact }: { impact: PolicyImpact }) {
  const isKnown =
    impact.is_watched &&
    impact.unwatched.length === 0 &&
    !impact.set &&
    !impact.is_other &&
    impact.basis !== 'nothing' &&
    !impact.is_partial;
  return (
    <section className={classes.impact} aria-label="What denying would mean">
      <b>What denying would mean</b>
      <span>{requestsText(impact)}</span>
      {impact.is_watched && impact.unwatched.length > 0 && (
        <span>
          Not judged by it: requests of {impact.unwatched.slice(0, 4).join(', ')}
          {impact.unwatched.length > 4 && ` and ${count(impact.unwatched.length - 4)} more`}.
        </span>
      )}
      {impact.is_watched && impact.set && (
        <span>
          It was set as it is <Time at={impact.set} />; before, other requests may have passed.
        </span>
      )}
      {impact.offenders.length > 0 && (
        <ul>
          {impact.offenders.slice(0, 4).map((each) => (
            <li key={`${each.cluster} ${each.namespace} ${each.object}`}>
              {[each.namespace, each.object].filter(Boolean).join(' › ')}: {spell(each.decisions)}
            </li>
          ))}
        </ul>
      )}
      <span>{runningText(impact)}</span>
      {impact.examples.length > 0 && (
        <ul>
          {impact.examples.slice(0, 4).map((each) => {
            const name =
              [each.namespace, each.workload].filter(Boolean).join(' › ') || each.cluster;
            return (
              <li key={`${each.cluster} ${name} ${each.finding ?? ''}`}>
                {each.finding ? (
                  <Go to={`/findings/${encodeURIComponent(each.finding)}`}>{name}</Go>
                ) : (
                  name
                )}
                {each.summary && `: ${each.summary}`}
              </li>
            );
          })}
        </ul>
      )}
      {isKnown && impact.requests === 0 && impact.running === 0 && (
        <Notice tone="good" title="Nothing would break that is known of" />
      )}
    </section>
  );
}
