// Fails when the JavaScript a first visit loads is larger than the budget.
import { existsSync, readFileSync, statSync } from 'node:fs';

const BUDGET_KB = 200;

const html = readFileSync('dist/index.html', 'utf8');
const initial = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map(
  (match) => match[1],
);
if (initial.length === 0) throw new Error('dist/index.html loads no script: run `npm run build`');

// Static imports of the entry count too, whether or not they are preloaded.
const seen = new Set();
const queue = [...initial];
for (let path = queue.pop(); path; path = queue.pop()) {
  if (seen.has(path)) continue;
  seen.add(path);
  const code = readFileSync(`dist/${path}`, 'utf8');
  for (const match of code.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) {
    if (existsSync(`dist/assets/${match[1]}`)) queue.push(`assets/${match[1]}`);
  }
}

let total = 0;
for (const path of [...seen].sort()) {
  const bytes = statSync(`dist/${path}.br`).size;
  total += bytes;
  console.log(`${(bytes / 1000).toFixed(1).padStart(7)} kB  ${path}`);
}
console.log(
  `${(total / 1000).toFixed(1).padStart(7)} kB  initial JavaScript, brotli (budget ${BUDGET_KB} kB)`,
);
if (total > BUDGET_KB * 1000) process.exit(1);
