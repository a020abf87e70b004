// The vulnerabilities of the make-believe world.

import type { Entry } from './catalogue-entry';
import { LANGUAGE } from './catalogue-language';
import { SYSTEM } from './catalogue-system';

export type { Entry };
export const CATALOGUE: Entry[] = [...LANGUAGE, ...SYSTEM];
