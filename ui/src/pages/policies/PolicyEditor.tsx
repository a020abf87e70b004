// A policy of one's own: its documents, tried on what is there before it
// is kept.

import { Button, Select, Textarea, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useBlocker, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { type PolicyDetail, policies, useSavePolicy } from '../../api/policies';
import { Waiting } from '../../components/List';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { useEnvironment, useUrl } from '../../components/url';
import { SEVERITIES, type Severity } from '../../lib/severity';
import { Dialog } from '../../ui/Dialog';
import { Panel } from '../../ui/Panel';
import { EXAMPLE } from './example';
import classes from './policies.module.css';
import { Try } from './Try';

export function PolicyEditorPage() {
  const [search] = useUrl();
  const environment = useEnvironment();
  const { data, error, refetch } = useQuery({
    ...policies.one(search.from ?? '', environment),
    enabled: search.from !== undefined,
  });
  if (search.from !== undefined && !data)
    return (
      <Page title="Policy">
        {error ? (
          <ProblemBlank problem={error} onRetry={() => refetch()} />
        ) : (
          <Waiting label="the policy" />
        )}
      </Page>
    );
  return <Editor key={search.from ?? ''} kept={data} />;
}

function Editor({ kept }: { kept: PolicyDetail | undefined }) {
  const environment = useEnvironment();
  const navigate = useNavigate();
  const { configure: whyNot } = usePermissions();
  const save = useSavePolicy();
  const [title, setTitle] = useState(kept?.policy.title ?? '');
  const [severity, setSeverity] = useState<Severity>(kept?.policy.severity ?? 'medium');
  const [description, setDescription] = useState(kept?.description ?? '');
  const [text, setText] = useState(kept?.text ?? EXAMPLE);
  const [reason, setReason] = useState('');
  const isChanged =
    text !== (kept?.text ?? EXAMPLE) ||
    title !== (kept?.policy.title ?? '') ||
    description !== (kept?.description ?? '') ||
    severity !== (kept?.policy.severity ?? 'medium');
  const leaving = useBlocker({
    shouldBlockFn: ({ current, next }) =>
      isChanged && !save.isSuccess && current.pathname !== next.pathname,
    enableBeforeUnload: () => isChanged && !save.isSuccess,
    withResolver: true,
  });
  const fault = text.trim() === '' ? 'Write the policy first.' : undefined;
  const heading = kept ? `Edit ${kept.policy.title}` : 'New policy';
  const submit = () =>
    save.mutate(
      {
        environment,
        text,
        severity,
        description,
        ...(title.trim() ? { title: title.trim() } : {}),
        revision: kept?.revision ?? 0,
        reason: reason.trim(),
      },
      {
        onSuccess: (made) =>
          navigate({
            to: '/policies/$id',
            params: { id: made.policy.id },
            search: keepEnvironment as never,
            ignoreBlocker: true,
          }),
      },
    );
  return (
    <Page
      title={heading}
      heading={
        <div className={classes.heading}>
          <nav className={classes.crumb} aria-label="You are here">
            <Link to="/policies" search={keepEnvironment as never} className="quiet-link">
              Policies
            </Link>{' '}
            /
          </nav>
          <Title order={1} fz={18}>
            {heading}
          </Title>
        </div>
      }
      actions={
        <Button
          size="xs"
          loading={save.isPending}
          disabled={whyNot !== undefined || fault !== undefined}
          title={whyNot ?? fault}
          onClick={submit}
        >
          {kept ? 'Save the new version' : 'Keep it'}
        </Button>
      }
    >
      {save.error && (
        <ProblemNotice
          problem={save.error}
          title={kept ? 'It was not saved, and the old version stays in force' : 'It was not saved'}
        />
      )}
      <div className={classes.grid}>
        <div className={classes.column}>
          <Panel title="Its documents">
            <Textarea
              aria-label="The documents, as YAML"
              description="A ConstraintTemplate and its constraints, a ValidatingAdmissionPolicy and its bindings, or a mutation"
              size="xs"
              autosize
              minRows={20}
              maxRows={42}
              spellCheck={false}
              className={classes.mono}
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
            />
          </Panel>
        </div>
        <div className={classes.column}>
          <Panel title="For people">
            <div className={classes.form}>
              <TextInput
                size="xs"
                label="Title"
                description="A claim about how things should be; the template’s name when empty"
                maxLength={100}
                value={title}
                onChange={(event) => setTitle(event.currentTarget.value)}
              />
              <Select
                size="xs"
                label="Severity"
                data={[...SEVERITIES]}
                value={severity}
                allowDeselect={false}
                comboboxProps={{ withinPortal: false }}
                onChange={(next) => next && setSeverity(next as Severity)}
              />
              <Textarea
                size="xs"
                label="What it is for"
                autosize
                minRows={2}
                value={description}
                onChange={(event) => setDescription(event.currentTarget.value)}
              />
              <Textarea
                size="xs"
                label="Why this change"
                autosize
                minRows={1}
                value={reason}
                onChange={(event) => setReason(event.currentTarget.value)}
              />
            </div>
          </Panel>
          <Panel title="Try it first">
            <Try text={text} />
          </Panel>
        </div>
      </div>
      <Dialog
        opened={leaving.status === 'blocked'}
        onClose={() => leaving.reset?.()}
        title="Leave without saving?"
      >
        <p className={classes.text}>What was written here would be lost.</p>
        <div className={classes.buttons}>
          <Button size="xs" variant="default" data-autofocus onClick={() => leaving.reset?.()}>
            Stay
          </Button>
          <Button size="xs" color="red" onClick={() => leaving.proceed?.()}>
            Leave
          </Button>
        </div>
      </Dialog>
    </Page>
  );
}
