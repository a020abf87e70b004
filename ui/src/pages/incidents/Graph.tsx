// Who did what to what: addresses, principals and what they touched in
// columns from left to right, every node a link to its alerts. Few enough
// to be laid out by counting; no library draws it.

import type { GraphEdge, GraphNode, IncidentGraph } from '../../api/detection';
import { Go } from '../../components/Go';
import { plural } from '../../lib/format';
import classes from './incidents.module.css';

const COLUMN: Record<GraphNode['kind'], number> = {
  address: 0,
  principal: 1,
  workload: 2,
  object: 2,
  host: 2,
};
const KIND: Record<GraphNode['kind'], string> = {
  address: 'Address',
  principal: 'Principal',
  workload: 'Workload',
  object: 'Object',
  host: 'Host',
};
const NODE_W = 190;
const NODE_H = 40;
const GAP_X = 130;
const GAP_Y = 12;

interface Placed {
  node: GraphNode;
  x: number;
  y: number;
}

/** Nodes in columns; empty columns take no room, short ones are centred. */
export function placed(nodes: readonly GraphNode[]): {
  all: Placed[];
  width: number;
  height: number;
} {
  const columns = [0, 1, 2]
    .map((column) => nodes.filter((node) => COLUMN[node.kind] === column))
    .filter((column) => column.length > 0);
  const most = Math.max(1, ...columns.map((column) => column.length));
  const height = most * (NODE_H + GAP_Y) - GAP_Y;
  const all = columns.flatMap((column, index) => {
    const used = column.length * (NODE_H + GAP_Y) - GAP_Y;
    return column.map((node, row) => ({
      node,
      x: index * (NODE_W + GAP_X),
      y: (height - used) / 2 + row * (NODE_H + GAP_Y),
    }));
  });
  return { all, width: Math.max(1, columns.length) * (NODE_W + GAP_X) - GAP_X, height };
}

export function Graph({ graph }: { graph: IncidentGraph }) {
  if (graph.nodes.length === 0)
    return <p className={classes.quiet}>Its alerts do not say who did what.</p>;
  const { all, width, height } = placed(graph.nodes);
  const at = new Map(all.map((each) => [each.node.id, each]));
  const name = (id: string) => at.get(id)?.node.label ?? id;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div className={classes.graph} role="region" aria-label="Who did what to what" tabIndex={0}>
        <div className={classes.canvas} style={{ width, height }}>
          <svg width={width} height={height} aria-hidden>
            {graph.edges.map((edge) => (
              <Edge key={`${edge.from} ${edge.to}`} edge={edge} at={at} />
            ))}
          </svg>
          {graph.edges.map((edge) => {
            const [from, to] = [at.get(edge.from), at.get(edge.to)];
            // Several edges into one node would write over each other there:
            // each word stands where its own line begins.
            if (!from || !to) return null;
            return (
              <span
                key={`${edge.from} ${edge.to}`}
                className={classes.edgeLabel}
                style={{
                  left: from.x + NODE_W + 4,
                  width: GAP_X - 8,
                  top: from.y * 0.4 + to.y * 0.6 + NODE_H / 2 - 16,
                }}
                title={`${edge.label} (${plural(edge.alerts, 'alert')})`}
              >
                {edge.label}
              </span>
            );
          })}
          {all.map(({ node, x, y }) => (
            <div
              key={node.id}
              className={classes.node}
              data-severity={node.severity}
              data-kind={node.kind}
              style={{ left: x, top: y, width: NODE_W, height: NODE_H }}
            >
              <span className={classes.nodeKind}>{KIND[node.kind]}</span>
              <Go
                to="/alerts"
                search={{ q: node.q }}
                className={classes.nodeName}
                title={node.label}
              >
                {node.label}
              </Go>
            </div>
          ))}
        </div>
      </div>
      <ul className={classes.hidden}>
        {graph.edges.map((edge) => (
          <li key={`${edge.from} ${edge.to}`}>
            {name(edge.from)} {edge.label} {name(edge.to)}, {plural(edge.alerts, 'alert')}
          </li>
        ))}
      </ul>
    </>
  );
}

function Edge({ edge, at }: { edge: GraphEdge; at: ReadonlyMap<string, Placed> }) {
  const [from, to] = [at.get(edge.from), at.get(edge.to)];
  if (!from || !to) return null;
  const [x1, y1] = [from.x + NODE_W, from.y + NODE_H / 2];
  const [x2, y2] = [to.x, to.y + NODE_H / 2];
  const bend = (x2 - x1) / 2;
  return (
    <path
      className={classes.edge}
      data-severity={edge.severity}
      strokeWidth={Math.min(5, 1 + Math.log2(edge.alerts + 1))}
      d={`M ${x1} ${y1} C ${x1 + bend} ${y1}, ${x2 - bend} ${y2}, ${x2} ${y2}`}
    />
  );
}
