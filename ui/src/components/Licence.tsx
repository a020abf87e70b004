// Licences, by what they ask of whoever ships software under them.

import type { LicenseClass } from '../api/contents';
import { Tooltip } from '../ui/Tooltip';
import classes from './Licence.module.css';

export const LICENCE_CLASS: Record<LicenseClass, { word: string; doc: string }> = {
  restricted: { word: 'Restricted', doc: 'It forbids some uses, or asks for a contract' },
  network_copyleft: {
    word: 'Network copyleft',
    doc: 'Publish whatever is made part of it, to who uses it over a network as well',
  },
  strong_copyleft: {
    word: 'Strong copyleft',
    doc: 'Publish whatever is made part of the program',
  },
  weak_copyleft: { word: 'Weak copyleft', doc: 'Publish what was changed in its own files' },
  permissive: { word: 'Permissive', doc: 'Name its authors' },
  unknown: { word: 'Unknown', doc: 'Nobody says, or in words nobody knows' },
};

/** What asks most first. */
export const LICENCE_CLASSES = Object.keys(LICENCE_CLASS) as LicenseClass[];

export function LicenceClassMark({ of }: { of: LicenseClass }) {
  const { word, doc } = LICENCE_CLASS[of];
  return (
    <Tooltip label={doc}>
      <span className={classes.class} data-class={of}>
        {word}
      </span>
    </Tooltip>
  );
}

export function ForbiddenMark() {
  return (
    <Tooltip label="The policy does not allow it">
      <span className={classes.forbidden}>Not allowed</span>
    </Tooltip>
  );
}
