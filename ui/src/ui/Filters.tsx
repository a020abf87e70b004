// Small switches over a list: chips for a few choices, a menu for many.

import { Checkbox } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { count } from '../lib/format';
import classes from './Filters.module.css';
import { Menu } from './Menu';
import { PlainButton } from './PlainButton';

export interface Choice {
  value: string;
  label: string;
  count?: number | undefined;
}

export function Chip({
  isOn,
  onClick,
  children,
  tone,
}: {
  isOn: boolean;
  onClick: () => void;
  children: ReactNode;
  tone?: string;
}) {
  return (
    <PlainButton className={classes.chip} aria-pressed={isOn} onClick={onClick} data-tone={tone}>
      {children}
    </PlainButton>
  );
}

export function Chips({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className={classes.chips} role="group" aria-label={label}>
      {children}
    </div>
  );
}

export function FilterMenu({
  label,
  choices,
  chosen,
  onToggle,
}: {
  label: string;
  choices: Choice[];
  chosen: string[];
  onToggle: (value: string) => void;
}) {
  const names = choices.filter((choice) => chosen.includes(choice.value)).map((each) => each.label);
  return (
    <Menu closeOnItemClick={false} position="bottom-start">
      <Menu.Target>
        <PlainButton className={classes.chip} data-on={chosen.length > 0 || undefined}>
          {label}
          {names.length > 0 && `: ${names.join(', ')}`}
          <IconChevronDown size={12} aria-hidden />
        </PlainButton>
      </Menu.Target>
      <Menu.Dropdown mah={340} className={classes.menu}>
        {choices.map((choice) => {
          const isOn = chosen.includes(choice.value);
          return (
            <Menu.Item
              key={choice.value}
              role="menuitemcheckbox"
              aria-checked={isOn}
              onClick={() => onToggle(choice.value)}
              leftSection={<Checkbox.Indicator size="xs" checked={isOn} aria-hidden />}
              rightSection={
                choice.count === undefined ? null : (
                  <span className={classes.count}>{count(choice.count)}</span>
                )
              }
            >
              {choice.label}
            </Menu.Item>
          );
        })}
        {choices.length === 0 && <Menu.Label>Nothing to choose from</Menu.Label>}
      </Menu.Dropdown>
    </Menu>
  );
}
