// Judging objects by documents, without anything being done about it.

import { Button, Radio, Textarea } from '@mantine/core';
import { useState } from 'react';
import { type PolicyTest, useTryPolicy } from '../../api/policies';
import { ProblemNotice } from '../../components/ProblemNotice';
import { useScope } from '../../components/url';
import { TryResult } from './parts';
import classes from './policies.module.css';

export function Try({ text }: { text: string }) {
  const { environment, cluster } = useScope();
  const attempt = useTryPolicy();
  const [on, setOn] = useState<'real' | 'pasted'>('real');
  const [objects, setObjects] = useState('');
  const fault =
    text.trim() === ''
      ? 'Write the policy first.'
      : on === 'pasted' && objects.trim() === ''
        ? 'Paste an object first.'
        : undefined;
  return (
    <div className={classes.column}>
      <Radio.Group
        label="Try it on"
        size="xs"
        value={on}
        onChange={(next) => setOn(next as 'real' | 'pasted')}
      >
        <div className={classes.actions}>
          <Radio
            size="xs"
            value="real"
            label="What is there"
            description={
              cluster
                ? `Objects of the cluster ${cluster}, as its connector last told`
                : 'Objects of every connected cluster, as their connectors last told'
            }
          />
          <Radio size="xs" value="pasted" label="YAML of my own" />
        </div>
      </Radio.Group>
      {on === 'pasted' && (
        <Textarea
          label="Objects"
          description="YAML, several separated by ---"
          size="xs"
          autosize
          minRows={8}
          maxRows={24}
          className={classes.mono}
          value={objects}
          onChange={(event) => setObjects(event.currentTarget.value)}
        />
      )}
      <div className={classes.buttons}>
        <Button
          size="xs"
          variant="default"
          loading={attempt.isPending}
          disabled={fault !== undefined}
          title={fault}
          onClick={() =>
            attempt.mutate({
              text,
              environment,
              ...(cluster ? { cluster } : {}),
              ...(on === 'pasted' ? { objects } : {}),
            } as PolicyTest)
          }
        >
          Try it
        </Button>
      </div>
      {attempt.error && <ProblemNotice problem={attempt.error} title="It could not be tried" />}
      {attempt.data && !attempt.isPending && <TryResult result={attempt.data} />}
    </div>
  );
}
