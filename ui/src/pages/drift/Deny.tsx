// What containers may not reach, whatever their image holds.

import { NativeSelect } from '@mantine/core';
import type { DenyLists } from '../../api/sensors';
import type { DriftAction } from '../../lib/drift';
import classes from './drift.module.css';

const ACTIONS: { value: DriftAction; label: string }[] = [
  { value: 'ignore', label: 'Ignore' },
  { value: 'alert', label: 'Alert' },
  { value: 'block', label: 'Block, and alert' },
];

const LISTS: {
  id: keyof DenyLists;
  label: string;
  doc: string;
  does: Record<DriftAction, string>;
}[] = [
  {
    id: 'metadata',
    label: 'The cloud’s metadata service',
    doc: '169.254.169.254 and its kin hand out the node’s credentials to whoever asks.',
    does: {
      ignore: 'Containers may ask it, and nobody is told.',
      alert: 'Containers may ask it, and an alert tells of the first time.',
      block: 'Connections of containers to it are refused, and an alert tells.',
    },
  },
  {
    id: 'sysctl',
    label: 'Kernel settings',
    doc: 'kernel.core_pattern, modprobe, uevent_helper: a program written there runs on the node.',
    does: {
      ignore: 'Containers may write them where the kernel lets them, and nobody is told.',
      alert: 'Containers may write them where the kernel lets them, and an alert tells.',
      block: 'Writes of containers to them are refused, and an alert tells.',
    },
  },
];

export function Deny({
  deny,
  isFixed,
  onChange,
}: {
  deny: DenyLists;
  isFixed: boolean;
  onChange: (deny: DenyLists) => void;
}) {
  return (
    <div className={classes.deny}>
      {LISTS.map((each) => (
        <div key={each.id}>
          <NativeSelect
            size="xs"
            label={each.label}
            description={each.doc}
            data={ACTIONS}
            value={deny[each.id]}
            disabled={isFixed}
            onChange={(event) =>
              onChange({ ...deny, [each.id]: event.currentTarget.value as DriftAction })
            }
          />
          <p className={classes.quiet}>{each.does[deny[each.id]]}</p>
        </div>
      ))}
    </div>
  );
}
