// Choosing what an image is compared with: first what has the same name.

import { TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { sboms } from '../../api/sboms';
import type { ImageRef } from '../../api/types';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { ImageText } from '../../components/Names';
import { ProblemNotice } from '../../components/ProblemNotice';
import { imageName } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Time } from '../../ui/Time';
import classes from './compare.module.css';

export function CompareDialog({
  image,
  opened,
  onClose,
}: {
  image: Pick<ImageRef, 'id' | 'name' | 'environment'>;
  opened: boolean;
  onClose: () => void;
}) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Compare with" size="lg">
      <Choices image={image} onChosen={onClose} />
    </Dialog>
  );
}

function Choices({
  image,
  onChosen,
}: {
  image: Pick<ImageRef, 'id' | 'name' | 'environment'>;
  onChosen: () => void;
}) {
  const [text, setText] = useState(imageName(image.name).rest);
  const { data, error, isPending } = useQuery(sboms.some(text.trim(), image.environment));
  const others = data?.filter((each) => each.id !== image.id) ?? [];
  return (
    <div className={classes.choosing}>
      <TextInput
        size="xs"
        label="The later image"
        description={`Compared with ${image.name}`}
        placeholder="Name, digest or system"
        data-autofocus
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {error && <ProblemNotice problem={error} title="The images could not be asked for" />}
      {isPending && <Waiting label="images" rows={4} />}
      <ul className={classes.choices} aria-label="Images to compare with">
        {others.map((each) => (
          <li key={each.id}>
            <Go
              to={`/images/${encodeURIComponent(image.id)}/compare`}
              search={{ with: each.id }}
              onClick={onChosen}
              className={classes.choice}
            >
              <ImageText name={each.name} />
              <span className={classes.quiet}>
                scanned <Time at={each.last_scanned} />
              </span>
            </Go>
          </li>
        ))}
      </ul>
      {data && others.length === 0 && (
        <p className={classes.quiet}>
          {text.trim() === '' ? 'There is no other image.' : 'No other image matches this.'}
        </p>
      )}
    </div>
  );
}
