// Writes src/api/schema.ts from the contract in crates/api.
import { writeFileSync } from 'node:fs';
import { runnerImport } from 'vite';

const { module } = await runnerImport('./scripts/schema.ts');
writeFileSync('src/api/schema.ts', await module.schemaOf('../crates/api/openapi.json'));
