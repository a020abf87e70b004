import { expect, it } from 'vitest';
import { canUndo, type Done, lastUndoable, marked, remembered, TOAST_MS, toasted } from './undo';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const done = (id: string, at = NOW, minutes = 60): Done => ({
  id,
  summary: `${id} done`,
  until: new Date(NOW + minutes * 60_000).toISOString(),
  at,
  state: 'done',
});

it('the newest action is offered first', () => {
  const list = remembered(remembered([], done('a')), done('b'));
  expect(lastUndoable(list, NOW)?.id).toBe('b');
  expect(lastUndoable(marked(list, 'b', 'undone'), NOW)?.id).toBe('a');
});
it('the toast goes after its time, the offer stays', () => {
  const list = [done('a')];
  expect(toasted(list, NOW + TOAST_MS - 1)?.id).toBe('a');
  expect(toasted(list, NOW + TOAST_MS)).toBeUndefined();
  expect(lastUndoable(list, NOW + TOAST_MS)?.id).toBe('a');
});
it('what is undone long after is said all the same', () => {
  const later = NOW + 5 * TOAST_MS;
  const list = marked([done('b'), done('a')], 'a', 'undone', later);
  expect(toasted(list, later + 1)).toMatchObject({ id: 'a', state: 'undone' });
});
it('what the server no longer takes back is not offered', () => {
  expect(canUndo(done('a', NOW, 1), NOW + 61_000)).toBe(false);
});
it('only the last few are remembered', () => {
  let list: Done[] = [];
  for (let index = 0; index < 30; index += 1) list = remembered(list, done(String(index)));
  expect(list).toHaveLength(20);
});
