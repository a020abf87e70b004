// What else is in images: secrets, and licences.

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components } from './schema';

type Schemas = components['schemas'];
export type ImageLicenses = Schemas['ImageLicenses'];
export type ImageSecret = Schemas['ImageSecret'];
export type LicenseClass = Schemas['LicenseClass'];
export type LicenseHolder = Schemas['LicenseHolder'];
export type LicensePolicyText = Schemas['LicensePolicyText'];
export type LicenseUse = Schemas['LicenseUse'];
export type Licenses = Schemas['Licenses'];
export type SecretPlace = Schemas['SecretPlace'];

const limit = 100;

export const contents = {
  secrets: (image: string) =>
    pages(['image', image, 'secrets'], (cursor, signal) =>
      body(api.GET('/api/v1/secrets', { params: { query: { image, cursor, limit } }, signal })),
    ),
  imageLicenses: (id: string) =>
    queryOptions({
      queryKey: ['image', id, 'licenses'],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/images/{id}/licenses', { params: { path: { id } }, signal })),
    }),
  licenses: (filters: { environment: string; q?: string; class?: string }) =>
    queryOptions({
      queryKey: ['images', 'licenses', filters],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/licenses', { params: { query: filters }, signal })),
      placeholderData: keepPreviousData,
    }),
  /** Images that ship something under a licence. */
  holders: (license: string, environment: string) =>
    pages(['images', 'licenses', 'holders', license, environment], (cursor, signal) =>
      body(
        api.GET('/api/v1/licenses/images', {
          params: { query: { license, environment, cursor, limit } },
          signal,
        }),
      ),
    ),
};
