// The current view elsewhere: as a command, as a request, as a file.

import { Button } from '@mantine/core';
import {
  IconChevronDown,
  IconDownload,
  IconLink,
  IconTerminal2,
  IconWorldDown,
} from '@tabler/icons-react';
import { useState } from 'react';
import { api, body } from '../api/client';
import type { FindingFilters } from '../api/queries';
import type { Finding } from '../api/types';
import { csv, curl, findingsCommand } from '../lib/command';
import { plural } from '../lib/format';
import { Menu } from '../ui/Menu';
import { useDone } from './done';

/** A file of more than this is the command line’s business. */
const MOST_ROWS = 10_000;
const HEAD = [
  'id',
  'kind',
  'severity',
  'state',
  'rule',
  'title',
  'summary',
  'cluster',
  'namespace',
  'workload',
  'asset',
  'image',
  'package',
  'version',
  'fixed',
  'assignee',
  'due',
  'first_seen',
  'last_seen',
];

function cells(row: Finding): unknown[] {
  return [
    row.id,
    row.kind,
    row.severity,
    row.state,
    row.rule,
    row.title,
    row.summary,
    row.asset.cluster,
    row.asset.namespace,
    row.asset.workload,
    row.asset.name,
    row.image?.name,
    row.package?.name,
    row.package?.version,
    row.fix?.versions[0],
    row.assignee,
    row.due,
    row.first_seen,
    row.last_seen,
  ];
}

async function everything(filters: FindingFilters): Promise<Finding[]> {
  const rows: Finding[] = [];
  let cursor: string | undefined;
  do {
    const page = await body(
      api.GET('/api/v1/findings', { params: { query: { ...filters, cursor, limit: 1000 } } }),
    );
    rows.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor && rows.length < MOST_ROWS);
  return rows;
}

function save(text: string, type: string, name: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function ShareMenu({
  q,
  noun,
  filters,
}: {
  q: string;
  noun: string;
  filters: FindingFilters;
}) {
  const { say } = useDone();
  const [isBusy, setBusy] = useState(false);
  const copy = async (text: string, what: string) => {
    await navigator.clipboard.writeText(text).catch(() => undefined);
    say(`${what} copied`);
  };
  const download = async (format: 'csv' | 'ndjson') => {
    setBusy(true);
    try {
      const rows = await everything(filters);
      const text =
        format === 'csv'
          ? csv(HEAD, rows.map(cells))
          : rows.map((row) => `${JSON.stringify(row)}\n`).join('');
      save(text, format === 'csv' ? 'text/csv' : 'application/x-ndjson', `${noun}s.${format}`);
      say(`${plural(rows.length, noun)} saved`);
    } catch (problem) {
      say(`Nothing was saved: ${(problem as Error).message}`);
    } finally {
      setBusy(false);
    }
  };
  const environment = filters.environment ?? 'local';
  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target>
        <Button
          size="compact-sm"
          h={28}
          variant="default"
          loading={isBusy}
          rightSection={<IconChevronDown size={12} aria-hidden />}
        >
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>This view, now</Menu.Label>
        <Menu.Item
          leftSection={<IconDownload size={14} aria-hidden />}
          onClick={() => download('csv')}
        >
          Save as CSV
        </Menu.Item>
        <Menu.Item
          leftSection={<IconDownload size={14} aria-hidden />}
          onClick={() => download('ndjson')}
        >
          Save as NDJSON
        </Menu.Item>
        <Menu.Label>To run elsewhere</Menu.Label>
        <Menu.Item
          leftSection={<IconTerminal2 size={14} aria-hidden />}
          onClick={() => copy(findingsCommand(q, environment), 'The command')}
        >
          Copy as CLI
        </Menu.Item>
        <Menu.Item
          leftSection={<IconWorldDown size={14} aria-hidden />}
          onClick={() =>
            copy(
              curl(location.origin, '/api/v1/findings', {
                environment,
                q,
                ...(filters.sort ? { sort: filters.sort } : {}),
              }),
              'The request',
            )
          }
        >
          Copy as curl
        </Menu.Item>
        <Menu.Item
          leftSection={<IconLink size={14} aria-hidden />}
          onClick={() => copy(location.href, 'The link')}
        >
          Copy the link
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
