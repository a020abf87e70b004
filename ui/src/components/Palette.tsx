import { Kbd, Loader, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import {
  IconArrowRight,
  IconBox,
  IconBug,
  IconPackage,
  IconPlus,
  IconSearch,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, type ReactNode, useState } from 'react';
import { queries } from '../api/queries';
import { plural } from '../lib/format';
import { term } from '../lib/query';
import { Dialog } from '../ui/Dialog';
import { ImageText, keepEnvironment } from './Names';
import classes from './Palette.module.css';
import { SeverityMark, SeverityStrip } from './Severity';
import { useEnvironment } from './url';

interface Choice {
  key: string;
  group: string;
  icon: ReactNode;
  label: ReactNode;
  note?: ReactNode;
  go: () => void;
}

interface Place {
  to: string;
  label: string;
  key: string;
}

/** Search everything, or go anywhere. */
export function Palette({
  opened,
  onClose,
  places,
}: {
  opened: boolean;
  onClose: () => void;
  places: readonly Place[];
}) {
  return (
    <Dialog
      opened={opened}
      onClose={onClose}
      title="Search everything"
      isTitleShown={false}
      size={620}
    >
      <Content places={places} onClose={onClose} />
    </Dialog>
  );
}

function Content({ onClose, places }: { onClose: () => void; places: readonly Place[] }) {
  const [text, setText] = useState('');
  // Chosen by what it is, not by where: answers that arrive push rows down.
  const [chosen, setChosen] = useState<string>();
  const [asked] = useDebouncedValue(text.trim(), 120);
  const { data, isFetching, isPlaceholderData } = useQuery(queries.search(asked, useEnvironment()));
  const isOld = isPlaceholderData || asked !== text.trim();
  const navigate = useNavigate();
  const to =
    (path: string, params?: Record<string, string>, search?: Record<string, string>) => () => {
      navigate({
        to: path,
        params,
        search: (old: Record<string, unknown>) => ({ ...keepEnvironment(old), ...search }),
      } as never);
      onClose();
    };

  const wanted = text.trim().toLowerCase();
  const choices: Choice[] = [];
  // Answers to what was typed a moment ago stay only while they still fit:
  // Enter must never open something else than what is typed.
  const fits = (...words: string[]) => words.join(' ').toLowerCase().includes(wanted);
  const goTo = (place: Place): Choice => ({
    key: `place ${place.to}`,
    group: 'Go to',
    icon: <IconArrowRight size={15} aria-hidden />,
    label: place.label,
    note: (
      <>
        <Kbd size="xs">g</Kbd> <Kbd size="xs">{place.key}</Kbd>
      </>
    ),
    go: to(place.to),
  });
  // A page called what is typed stands first, whether or not the answers of
  // the server are there yet: Enter opens the same page fast or slow.
  const isNamed = (place: Place) => wanted !== '' && place.label.toLowerCase().startsWith(wanted);
  choices.push(...places.filter(isNamed).map(goTo));
  if (wanted.length > 1 && data) {
    for (const image of data.images.filter((each) => !isOld || fits(each.name))) {
      choices.push({
        key: `image ${image.id}`,
        group: 'Images',
        icon: <IconBox size={15} aria-hidden />,
        label: <ImageText name={image.name} />,
        note: <SeverityStrip counts={image.counts} />,
        go: to('/images/$id', { id: image.id }),
      });
    }
    for (const vulnerability of data.vulnerabilities.filter(
      (each) => !isOld || fits(each.id, each.title),
    )) {
      choices.push({
        key: `vulnerability ${vulnerability.id}`,
        group: 'Vulnerabilities',
        icon: <IconBug size={15} aria-hidden />,
        label: (
          <>
            <b>{vulnerability.id}</b> {vulnerability.title}
          </>
        ),
        note: <SeverityMark severity={vulnerability.severity} />,
        go: to('/vulnerabilities/$id', { id: vulnerability.id }),
      });
    }
    for (const each of data.packages.filter((found) => !isOld || fits(found.name))) {
      choices.push({
        key: `package ${each.kind} ${each.name} ${each.version}`,
        group: 'Packages',
        icon: <IconPackage size={15} aria-hidden />,
        label: (
          <>
            <b>{each.name}</b> <span className="mono">{each.version}</span>
          </>
        ),
        note: `${each.kind} · ${plural(each.images, 'image')}`,
        go: to('/findings', undefined, { q: term('package', each.name) }),
      });
    }
  }
  choices.push(
    ...places
      .filter((place) => !isNamed(place) && place.label.toLowerCase().includes(wanted))
      .map(goTo),
  );
  if (wanted !== '') {
    choices.push({
      key: 'findings',
      group: 'Do',
      icon: <IconSearch size={15} aria-hidden />,
      label: (
        <>
          Search findings for <b>{text.trim()}</b>
        </>
      ),
      go: to('/findings', undefined, { q: text.trim() }),
    });
  }
  // Anything typed may be the name of an image nobody has scanned yet.
  if (
    wanted === '' ||
    wanted.includes('/') ||
    wanted.includes(':') ||
    'scan an image'.includes(wanted)
  ) {
    choices.push({
      key: 'scan',
      group: 'Do',
      icon: <IconPlus size={15} aria-hidden />,
      label: 'Scan an image',
      note: <Kbd size="xs">n</Kbd>,
      go: to('.', undefined, { scan: 'new' }),
    });
  }

  const active = Math.max(
    0,
    choices.findIndex((choice) => choice.key === chosen),
  );
  const choose = (index: number) => setChosen(choices[index % choices.length]?.key);
  const steer = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') choose(active + 1);
    else if (event.key === 'ArrowUp') choose(active + choices.length - 1);
    else if (event.key === 'Enter') choices[active]?.go();
    else return;
    event.preventDefault();
  };

  return (
    <div className={classes.palette}>
      <TextInput
        size="md"
        variant="unstyled"
        leftSection={<IconSearch size={16} aria-hidden />}
        rightSection={isFetching ? <Loader size={14} /> : null}
        placeholder="An image, a CVE, a package, a page"
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setChosen(undefined);
        }}
        onKeyDown={steer}
        // Opened to be typed into: not a letter may be lost.
        autoFocus
        data-autofocus
        autoComplete="off"
        spellCheck={false}
        role="combobox"
        aria-label="Search everything"
        aria-expanded
        aria-controls="palette-choices"
        aria-activedescendant={choices[active] ? `palette-${active}` : undefined}
      />
      <div id="palette-choices" role="listbox" aria-label="Results" className={classes.choices}>
        {choices.map((choice, index) => {
          const isFirst = choices[index - 1]?.group !== choice.group;
          return (
            <div key={choice.key} role="presentation">
              {isFirst && (
                <div className={classes.group} role="presentation">
                  {choice.group}
                </div>
              )}
              {/* biome-ignore lint/a11y/useKeyWithClickEvents: the input steers the list */}
              <div
                id={`palette-${index}`}
                role="option"
                tabIndex={-1}
                aria-selected={index === active}
                className={classes.choice}
                ref={
                  index === active
                    ? (node) => node?.scrollIntoView({ block: 'nearest' })
                    : undefined
                }
                onClick={choice.go}
                onMouseMove={() => index !== active && choose(index)}
              >
                {choice.icon}
                <span className="truncate">{choice.label}</span>
                {choice.note && <span className={classes.note}>{choice.note}</span>}
              </div>
            </div>
          );
        })}
        {choices.length === 0 && (
          <div className={classes.none}>
            {isFetching ? 'Searching…' : <>Nothing is called “{text.trim()}”.</>}
          </div>
        )}
      </div>
    </div>
  );
}
