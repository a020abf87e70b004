import { describe, expect, it } from 'vitest';
import { beside, branchesOf, folded, idOf, ownerOf } from './trace';

const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 12, 0, second)).toISOString();
const process = (pid: number, parent: number, second: number, in_container = true) => ({
  pid,
  parent,
  name: `p${pid}`,
  started: at(second),
  in_container,
});

describe('processes', () => {
  const shim = process(10, 1, 0, false);
  const main = process(20, 10, 1);
  const shell = process(30, 20, 5);
  const tool = process(31, 30, 6);
  const other = process(21, 20, 2);

  it('become a tree, in the order they began', () => {
    const rows = branchesOf([tool, shell, other, main, shim]);
    expect(rows.map((row) => [row.process.pid, row.depth])).toEqual([
      [10, 0],
      [20, 1],
      [21, 2],
      [30, 2],
      [31, 3],
    ]);
    expect(rows.filter((row) => row.isEntry).map((row) => row.process.pid)).toEqual([20]);
    expect(rows.map((row) => `${row.place}/${row.of}`)).toEqual([
      '1/1',
      '1/1',
      '1/2',
      '2/2',
      '1/1',
    ]);
  });
  it('are hidden below what is closed', () => {
    const rows = branchesOf([shim, main, shell, tool, other], new Set([idOf(shell)]));
    expect(rows.map((row) => row.process.pid)).toEqual([10, 20, 21, 30]);
    expect(rows.at(-1)?.isOpen).toBe(false);
    expect(rows.at(-1)?.children).toBe(1);
  });
  it('with a pid used twice belong to whoever had it then', () => {
    const again = process(20, 10, 100);
    const late = process(40, 20, 101);
    const rows = branchesOf([shim, main, again, shell, late]);
    expect(rows.find((row) => row.process === late)?.parent).toBe(idOf(again));
    expect(rows.find((row) => row.process === shell)?.parent).toBe(idOf(main));
    expect(ownerOf([main, again], 20, at(50))).toBe(main);
    expect(ownerOf([main, again], 20, at(150))).toBe(again);
  });
  it('that claim to be each other’s parents are all shown, once', () => {
    const rows = branchesOf([process(1, 2, 0), process(2, 1, 0), process(3, 3, 0)]);
    expect(rows.map((row) => row.process.pid).sort()).toEqual([1, 2, 3]);
  });
});

describe('events', () => {
  it('are told beside the alert', () => {
    expect(beside(at(0), at(0))).toBe('at the alert');
    expect(beside(at(0), at(4))).toBe('4.0 s before');
    expect(beside(at(0), at(59))).toBe('59 s before');
    expect(beside(at(0), at(124))).toBe('2 min 4 s before');
    expect(beside(at(2), at(1))).toBe('1.0 s after');
    expect(beside('2026-11-21T12:00:00.000Z', '2026-11-21T12:00:00.350Z')).toBe('350 ms before');
  });
  it('fold where the same is done again', () => {
    const event = (what: string, count?: number) => ({
      time: at(1),
      pid: 1,
      kind: 'read',
      what,
      ...(count ? { count } : {}),
    });
    const lines = folded([event('/a'), event('/a', 3), event('/b'), event('/a')]);
    expect(lines.map((line) => [line.what, line.count ?? 1])).toEqual([
      ['/a', 4],
      ['/b', 1],
      ['/a', 1],
    ]);
  });
});
