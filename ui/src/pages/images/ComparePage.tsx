// What tells one image from another: packages that came, went or changed,
// and the findings that came and went with them.

import { Button, Title } from '@mantine/core';
import { IconArrowsExchange } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import {
  type ChangedPackage,
  type ComparedFinding,
  type ComparedPackage,
  type ImageComparison,
  sboms,
} from '../../api/sboms';
import type { PackageKind } from '../../api/types';
import { NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { KindMark } from '../../components/marks';
import { ImageLink, keepEnvironment, keepWith, VulnerabilityLink } from '../../components/Names';
import { Page } from '../../components/Page';
import { SeverityMark, SeverityStrip } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { useUrl } from '../../components/url';
import { count } from '../../lib/format';
import { SEVERITIES } from '../../lib/severity';
import { Blank } from '../../ui/Blank';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { CompareDialog } from './CompareDialog';
import classes from './compare.module.css';

export function ComparePage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const [search] = useUrl();
  const other = search.with;
  const { data, error, refetch } = useQuery({
    ...sboms.comparison(id, other ?? ''),
    enabled: other !== undefined,
  });
  if (!other)
    return (
      <Page title="Compare">
        <Blank title="Compare with what?">
          <p>
            <Go to={`/images/${encodeURIComponent(id)}`}>Open the image</Go> and choose another
            there.
          </p>
        </Blank>
      </Page>
    );
  if (!data) return <StandIn what="comparison" error={error} onRetry={() => refetch()} />;
  return <Comparison data={data} />;
}

function Comparison({ data }: { data: ImageComparison }) {
  const { before, after, added, removed, changed, gained, lost } = data;
  const [isChoosing, setChoosing] = useState(false);
  const isSame = [added, removed, changed, gained, lost].every((each) => each.length === 0);
  return (
    <Page
      title={`${before.name} and ${after.name}`}
      heading={
        <div className={classes.heading}>
          <nav className={classes.crumb} aria-label="You are here">
            <Link to="/images" search={keepEnvironment as never} className="quiet-link">
              Images
            </Link>{' '}
            /
          </nav>
          <Title order={1} fz={18}>
            What changed
          </Title>
        </div>
      }
      actions={
        <>
          <Button size="xs" variant="default" onClick={() => setChoosing(true)}>
            Compare with another
          </Button>
          <Button
            size="xs"
            variant="default"
            component={Link}
            to={`/images/${encodeURIComponent(after.id)}/compare`}
            search={keepWith({ with: before.id })}
            leftSection={<IconArrowsExchange size={14} aria-hidden />}
          >
            The other way round
          </Button>
        </>
      }
    >
      <div className={classes.both}>
        <Side label="Before" image={before} />
        <span aria-hidden className={classes.arrow}>
          →
        </span>
        <Side label="After" image={after} />
      </div>
      {isSame ? (
        <NothingFound title="Nothing tells them apart">
          <p>They have the same packages and the same open findings.</p>
        </NothingFound>
      ) : (
        <>
          {gained.length === 0 && lost.length > 0 && (
            <Notice tone="good" title="Only better: findings went, and none came" />
          )}
          <div className={classes.pair}>
            <Findings title="Findings that came" rows={gained} image={after.id} tone="worse" />
            <Findings title="Findings that went" rows={lost} image={before.id} tone="better" />
          </div>
          <Changed rows={changed} />
          <div className={classes.pair}>
            <Packages title="Packages that came" rows={added} />
            <Packages title="Packages that went" rows={removed} />
          </div>
        </>
      )}
      <CompareDialog image={before} opened={isChoosing} onClose={() => setChoosing(false)} />
    </Page>
  );
}

function Side({ label, image }: { label: string; image: ImageComparison['before'] }) {
  return (
    <div className={classes.side}>
      <span className={classes.quiet}>{label}</span>
      <ImageLink image={image} />
    </div>
  );
}

/** Rows shown of a long table before the rest is asked for. */
const SHOWN = 50;

/** A panel with a table, the rest of a long one on demand. */
function Rows<T>({
  title,
  aside,
  rows,
  columns,
  children,
}: {
  title: string;
  aside: React.ReactNode;
  rows: readonly T[];
  columns: readonly string[];
  children: (row: T) => React.ReactNode;
}) {
  const [isWhole, setWhole] = useState(false);
  const isCut = !isWhole && rows.length > SHOWN;
  return (
    <Panel title={title} aside={aside} flush>
      {rows.length === 0 ? (
        <p className={classes.none}>None.</p>
      ) : (
        <>
          <table className={classes.table}>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>{(isCut ? rows.slice(0, SHOWN) : rows).map(children)}</tbody>
          </table>
          {isCut && (
            <div className={classes.more}>
              <Button size="compact-xs" variant="subtle" onClick={() => setWhole(true)}>
                Show all {count(rows.length)}
              </Button>
            </div>
          )}
        </>
      )}
    </Panel>
  );
}

function Findings({
  title,
  rows,
  image,
  tone,
}: {
  title: string;
  rows: readonly ComparedFinding[];
  image: string;
  tone: 'worse' | 'better';
}) {
  const counts = Object.fromEntries(
    SEVERITIES.map((severity) => [
      severity,
      rows.filter((each) => each.severity === severity).length,
    ]),
  ) as Record<(typeof SEVERITIES)[number], number>;
  return (
    <Rows
      title={title}
      aside={
        rows.length > 0 && (
          <span className={classes.tally} data-tone={tone}>
            <b>{count(rows.length)}</b> <SeverityStrip counts={counts} />
          </span>
        )
      }
      rows={rows}
      columns={['Severity', 'Vulnerability', 'Package']}
    >
      {(each) => (
        <tr key={`${each.vulnerability} ${each.package} ${each.version}`}>
          <td>
            <SeverityMark severity={each.severity} />
          </td>
          <td>
            <VulnerabilityLink id={each.vulnerability} />
          </td>
          <td>
            <Go
              to={`/images/${encodeURIComponent(image)}`}
              search={{ package: each.package }}
              className={classes.name}
            >
              {each.package}
            </Go>{' '}
            <span className="mono">{each.version}</span>
          </td>
        </tr>
      )}
    </Rows>
  );
}

function Name({ kind, name }: { kind: PackageKind; name: string }) {
  return (
    <Go to="/packages" search={{ q: name }} className={classes.name} title={`Who has ${name}?`}>
      {name} <KindMark kind={kind} />
    </Go>
  );
}

function Changed({ rows }: { rows: readonly ChangedPackage[] }) {
  return (
    <Rows
      title="Packages in another version"
      aside={count(rows.length)}
      rows={rows}
      columns={['Package', 'Before', 'After']}
    >
      {(each) => (
        <tr key={`${each.kind} ${each.name}`}>
          <td>
            <Name kind={each.kind} name={each.name} />
          </td>
          <td className="mono">{each.before.join(', ')}</td>
          <td className="mono">{each.after.join(', ')}</td>
        </tr>
      )}
    </Rows>
  );
}

function Packages({ title, rows }: { title: string; rows: readonly ComparedPackage[] }) {
  return (
    <Rows title={title} aside={count(rows.length)} rows={rows} columns={['Package', 'Version']}>
      {(each) => (
        <tr key={`${each.kind} ${each.name}`}>
          <td>
            <Name kind={each.kind} name={each.name} />
          </td>
          <td className="mono">{each.versions.join(', ')}</td>
        </tr>
      )}
    </Rows>
  );
}
