// Few files rather than many: what every page needs is one, what most lists
// need another, and a page's own stays apart.

interface Graph {
  getModuleInfo(id: string): { importedIds: readonly string[] } | null;
}

/** Everything a module imports, however far, without what is loaded later. */
function reach(graph: Graph, from: string): Set<string> {
  const seen = new Set<string>();
  const queue = [from];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    queue.push(...(graph.getModuleInfo(id)?.importedIds ?? []));
  }
  return seen;
}

/** The `name` function of a code splitting group, for a source folder. */
export function chunkName(src: string) {
  let frame: Set<string> | undefined;
  let lists: Set<string> | undefined;
  return (id: string, graph: Graph): string | null => {
    frame ??= reach(graph, `${src}/main.tsx`);
    lists ??= reach(graph, `${src}/components/FindingsScreen.tsx`);
    // Other people's modules follow those of ours that use them: their index
    // files reach everything they have, used or not.
    if (id.includes('node_modules')) return null;
    if (frame.has(id)) return 'frame';
    return lists.has(id) ? 'lists' : null;
  };
}
