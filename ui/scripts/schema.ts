import { readFileSync } from 'node:fs';
import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';

const REF = '#/components/schemas/';

interface Contract {
  paths: Record<string, object>;
  components: { schemas: Record<string, unknown> };
}

/** Names the contract points at without saying what they are. */
function* dangling(node: unknown, known: Record<string, unknown>): Generator<string> {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key === '$ref' && typeof value === 'string' && value.startsWith(REF)) {
      const name = value.slice(REF.length);
      if (!(name in known)) yield name;
    } else yield* dangling(value, known);
  }
}

/** The TypeScript of the contract, as `src/api/schema.ts` must hold it. */
export async function schemaOf(file: string): Promise<string> {
  const contract = JSON.parse(readFileSync(file, 'utf8')) as Contract;
  const { schemas } = contract.components;
  // Left out, one dangling name would cost all the others their types.
  for (const name of [...dangling(contract, schemas)]) schemas[name] = {};
  const ast = await openapiTS(JSON.stringify(contract), { silent: true });
  return `${COMMENT_HEADER}${astToString(ast)}`;
}
