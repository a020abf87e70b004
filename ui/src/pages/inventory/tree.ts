// A tree as rows: what is open, how deep each stands.

export interface Node<T> {
  id: string;
  item: T;
}

export interface Row<T> {
  id: string;
  item: T;
  depth: number;
  isOpen: boolean;
  hasChildren: boolean;
  /** Its children are on their way. */
  isWaiting: boolean;
}

/** Depth first, each opened node followed by what is known of below it. */
export function rowsOf<T extends { children: number }>(
  roots: readonly Node<T>[],
  open: ReadonlySet<string>,
  below: (id: string) => readonly Node<T>[] | undefined,
): Row<T>[] {
  const rows: Row<T>[] = [];
  const seen = new Set<string>();
  const walk = (nodes: readonly Node<T>[], depth: number) => {
    for (const { id, item } of nodes) {
      // A parent that claims to be its own descendant is listed once.
      if (seen.has(id)) continue;
      seen.add(id);
      const isOpen = open.has(id);
      const children = isOpen ? below(id) : undefined;
      rows.push({
        id,
        item,
        depth,
        isOpen,
        hasChildren: item.children > 0,
        isWaiting: isOpen && children === undefined,
      });
      if (children) walk(children, depth + 1);
    }
  };
  walk(roots, 0);
  return rows;
}

/** The ids kept in the address. */
export function opened(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((id) => id !== '');
}

export function toggledOpen(text: string | undefined, id: string): string | undefined {
  const ids = opened(text);
  const next = ids.includes(id) ? ids.filter((each) => each !== id) : [...ids, id];
  return next.length > 0 ? next.join(',') : undefined;
}
