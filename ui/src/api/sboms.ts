// Bills of materials: who has a package, and what tells two images apart.

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components } from './schema';

type Schemas = components['schemas'];
export type ChangedPackage = Schemas['ChangedPackage'];
export type ComparedFinding = Schemas['ComparedFinding'];
export type ComparedPackage = Schemas['ComparedPackage'];
export type Holder = Schemas['Holder'];
export type ImageComparison = Schemas['ImageComparison'];

/** What is asked for: a package, perhaps of some versions only. */
export interface Wanted {
  name: string;
  version?: string;
  ecosystem?: string;
}

const limit = 100;
/** Images offered to compare with. */
const SOME = 12;

export const sboms = {
  holders: (wanted: Wanted, environment: string) => ({
    ...pages(['images', 'holders', wanted, environment], (cursor, signal) =>
      body(
        api.GET('/api/v1/sboms/search', {
          params: { query: { ...wanted, environment, cursor, limit } },
          signal,
        }),
      ),
    ),
    enabled: wanted.name !== '',
    // A question still being typed may be refused; asking again helps nobody.
    retry: false,
  }),
  comparison: (before: string, after: string) =>
    queryOptions({
      queryKey: ['image', before, 'comparison', after],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/images/{id}/comparison', {
            params: { path: { id: before }, query: { with: after } },
            signal,
          }),
        ),
    }),
  /** Images of this sort of name. */
  some: (q: string, environment: string) =>
    queryOptions({
      queryKey: ['images', 'some', q, environment],
      queryFn: async ({ signal }) => {
        const query = { environment, q, sort: 'name' as const, limit: SOME };
        return (await body(api.GET('/api/v1/images', { params: { query }, signal }))).items;
      },
      placeholderData: keepPreviousData,
    }),
};
