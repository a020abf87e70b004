// @vitest-environment node
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { schemaOf } from '../../scripts/schema';

it('the generated types are those of the contract (else: npm run schema)', async () => {
  const written = readFileSync('src/api/schema.ts', 'utf8');
  expect(await schemaOf('../crates/api/openapi.json')).toBe(written);
});
