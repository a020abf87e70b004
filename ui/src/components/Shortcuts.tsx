import { Kbd } from '@mantine/core';
import { Dialog } from '../ui/Dialog';
import classes from './Shortcuts.module.css';

interface Place {
  label: string;
  key: string;
}

export function Shortcuts({
  opened,
  onClose,
  places,
}: {
  opened: boolean;
  onClose: () => void;
  places: readonly Place[];
}) {
  const groups: [string, [string[], string][]][] = [
    [
      'Anywhere',
      [
        [['/'], 'Search, or filter the list'],
        [['Ctrl', 'K'], 'Go anywhere'],
        [['z'], 'Undo what was last done'],
        [['n'], 'Scan an image'],
        [['?'], 'This sheet'],
        [['Esc'], 'Close what is open'],
      ],
    ],
    ['Go to', places.map((place) => [['g', place.key], place.label])],
    [
      'In a list',
      [
        [['j'], 'Next row'],
        [['k'], 'Previous row'],
        [['['], 'Previous, as k'],
        [[']'], 'Next, as j'],
        [['Enter'], 'Open the row'],
      ],
    ],
    [
      'Among findings',
      [
        [['x'], 'Choose the row'],
        [['Shift', 'X'], 'Choose up to it'],
        [['e'], 'Decide about it'],
        [['s'], 'Exempt it'],
        [['.'], 'Show the new ones'],
      ],
    ],
  ];
  return (
    <Dialog opened={opened} onClose={onClose} title="Keyboard shortcuts" size="lg">
      <div className={classes.groups}>
        {groups.map(([name, keys]) => (
          <section key={name}>
            <h3 className={classes.name}>{name}</h3>
            <dl className={classes.keys}>
              {keys.map(([combination, meaning]) => (
                <div key={meaning} className={classes.key}>
                  <dt>
                    {combination.map((key) => (
                      <Kbd key={key} size="xs">
                        {key}
                      </Kbd>
                    ))}
                  </dt>
                  <dd>{meaning}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
