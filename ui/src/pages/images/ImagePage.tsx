import { Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { queries } from '../../api/queries';
import type { ImageDetail } from '../../api/types';
import { Decide, type Decision } from '../../components/Decide';
import { FindingPane } from '../../components/FindingPane';
import { FixList } from '../../components/FixList';
import { findingFilters } from '../../components/findings';
import { StarterMark, TARGET_KIND } from '../../components/marks';
import { DigestText, ImageText, keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { SeverityBar } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { useUrl } from '../../components/url';
import { bytes, count, plural } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/Time';
import { AboutTab } from './AboutTab';
import { AttachedTab } from './AttachedTab';
import { Marks } from './columns';
import { FindingsTab } from './FindingsTab';
import { HistoryTab } from './HistoryTab';
import { ImageActions } from './ImageActions';
import classes from './images.module.css';
import { LayersTab } from './LayersTab';
import { LicencesTab } from './LicencesTab';
import { PackagesTab } from './PackagesTab';
import { RunsTab } from './RunsTab';
import { SecretsTab } from './SecretsTab';
import { SignaturesTab } from './SignaturesTab';
import { TimelineTab } from './TimelineTab';

export function ImagePage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const [search, set] = useUrl();
  const { data, error, refetch } = useQuery(queries.image(id));
  const [decision, setDecision] = useState<Decision>();
  const tab = search.tab ?? 'findings';
  const findings = useInfiniteQuery({
    ...queries.imageFindings(id, findingFilters(search)),
    enabled: tab === 'findings',
  });
  const { data: layers } = useQuery({ ...queries.imageLayers(id), enabled: data !== undefined });

  if (!data) return <StandIn what="image" error={error} onRetry={() => refetch()} />;
  const { image } = data;
  const chosen =
    tab === 'findings'
      ? findings.data?.pages.flatMap((page) => page.items).find((row) => row.id === search.sel)
      : undefined;
  return (
    <Page
      title={image.name}
      isFixed
      heading={<Heading detail={data} />}
      actions={<ImageActions detail={data} />}
      pane={
        chosen && (
          <FindingPane
            id={chosen.id}
            row={chosen}
            layers={layers?.items}
            onClose={() => set({ sel: undefined })}
            onDecide={setDecision}
          />
        )
      }
    >
      <Notices detail={data} />
      <Summary detail={data} />
      <Tabs
        label="Parts of the image"
        current={tab}
        tabs={[
          { id: 'findings', label: 'Findings', count: totalOf(image.counts) },
          { id: 'packages', label: 'Packages', count: image.packages },
          ...(image.kind === 'image'
            ? [{ id: 'layers', label: 'Layers', count: image.layers }]
            : []),
          { id: 'runs', label: 'Runs', count: image.running || undefined },
          { id: 'secrets', label: 'Secrets and settings' },
          { id: 'licences', label: 'Licences' },
          ...(image.kind === 'image'
            ? [
                { id: 'signatures', label: 'Signatures', count: unsigned(data) },
                { id: 'attached', label: 'Attached' },
              ]
            : []),
          { id: 'timeline', label: 'Timeline' },
          { id: 'history', label: 'Scans' },
          { id: 'about', label: 'About', count: image.warnings > 0 ? image.warnings : undefined },
        ]}
      />
      <div className={classes.tab}>
        {tab === 'findings' && (
          <FindingsTab
            detail={data}
            query={findings}
            layers={layers?.items}
            hasPane={chosen !== undefined}
          />
        )}
        {tab === 'packages' && <PackagesTab detail={data} layers={layers?.items} />}
        {tab === 'layers' && <LayersTab id={id} layers={layers} />}
        {tab === 'runs' && <RunsTab detail={data} />}
        {tab === 'secrets' && <SecretsTab detail={data} />}
        {tab === 'licences' && <LicencesTab id={id} />}
        {tab === 'signatures' && <SignaturesTab detail={data} />}
        {tab === 'attached' && <AttachedTab id={id} digest={image.digest ?? undefined} />}
        {tab === 'timeline' && <TimelineTab id={id} name={image.name} />}
        {tab === 'history' && <HistoryTab id={id} />}
        {tab === 'about' && <AboutTab detail={data} layers={layers?.items} />}
      </div>
      <Decide
        decision={decision}
        targets={{
          select: { ids: chosen ? [chosen.id] : [] },
          findings: chosen ? [chosen] : [],
          count: 1,
        }}
        onTurn={setDecision}
        onClose={() => setDecision(undefined)}
        onDone={() => {}}
      />
    </Page>
  );
}

/** By how many trust policies it is not signed as is asked for. */
function unsigned(detail: ImageDetail): number | undefined {
  return detail.signatures?.filter((each) => each.verdict === 'refused').length || undefined;
}

function Heading({ detail }: { detail: ImageDetail }) {
  const { image } = detail;
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/images" search={keepEnvironment as never} className="quiet-link">
          Images
        </Link>{' '}
        /
      </nav>
      <div className={classes.title}>
        <Title order={1} fz={18}>
          <ImageText name={image.name} />
        </Title>
        <Marks image={image} />
        {image.starter_only && <StarterMark />}
      </div>
      <div className={classes.facts}>
        <span>
          <b>{TARGET_KIND[image.kind]}</b>
        </span>
        {image.os && <span>{image.os.name || `${image.os.id} ${image.os.version}`}</span>}
        {image.platform && <span>{image.platform}</span>}
        {(image.digest ?? image.config_digest) && (
          <span>
            <DigestText digest={image.digest ?? image.config_digest} />
          </span>
        )}
        {typeof image.size_bytes === 'number' && <span>{bytes(image.size_bytes)}</span>}
        <span>{plural(image.packages, 'package')}</span>
        <span>
          scanned <Time at={image.last_scanned} />
        </span>
      </div>
    </div>
  );
}

/** Reasons for what is missing, above the list; all are under About. */
const SHOWN_REASONS = 3;

/** What a reader must know before trusting the list below. */
function Notices({ detail }: { detail: ImageDetail }) {
  const { image } = detail;
  return (
    <>
      {image.last_error && (
        <Notice tone="bad" title="The last scan failed">
          {image.last_error}. What follows is from the scan before, <Time at={image.last_scanned} />
          .
        </Notice>
      )}
      {image.partial && (
        <Notice
          tone="warn"
          title={`Partly scanned: ${plural(Math.max(1, image.warnings), 'part')} could not be read`}
          action={
            <Link
              to="."
              search={((old: object) => ({ ...old, tab: 'about', sel: undefined })) as never}
            >
              Show which
            </Link>
          }
        >
          {detail.warnings.slice(0, SHOWN_REASONS).map((each) => (
            <div key={`${each.layer} ${each.path} ${each.message}`}>
              {each.path && <code>/{each.path}</code>} {each.message}
            </div>
          ))}
          {detail.warnings.length > SHOWN_REASONS &&
            `And ${plural(detail.warnings.length - SHOWN_REASONS, 'more', 'more')}. `}
          The rest is complete; packages named only there are missing here.
        </Notice>
      )}
      {image.starter_only && (
        <Notice
          tone="warn"
          title="Matched against the starter advisories only"
          action={
            <Link to="/database" search={keepEnvironment as never}>
              Get the whole database
            </Link>
          }
        >
          Everything listed is true, but much is missing.
        </Notice>
      )}
    </>
  );
}

function Summary({ detail }: { detail: ImageDetail }) {
  const { image } = detail;
  const total = totalOf(image.counts);
  const to = (change: Record<string, string>) => ({
    to: '.' as const,
    search: ((old: { environment?: string }) => ({
      environment: old.environment,
      ...change,
    })) as never,
  });
  if (total === 0 && image.suppressed === 0) return null;
  return (
    <div className={classes.summary}>
      <Panel title="Open findings" aside={`${count(total)} in all`}>
        <SeverityBar
          counts={image.counts}
          label="Open findings by severity"
          to={(severity) => ({
            to: '.',
            search: {
              ...(image.environment === 'local' ? {} : { environment: image.environment }),
              severity,
            },
          })}
        />
        <div className={classes.stats}>
          <Link {...to({ fixable: 'true' })} className={classes.stat}>
            <b>{count(image.fixable)}</b> fixable
          </Link>
          <Link {...to({ kev: 'true' })} className={classes.stat}>
            <b>{count(image.kev)}</b> known to be exploited
          </Link>
          <Link {...to({ suppressed: 'true' })} className={classes.stat}>
            <b>{count(image.suppressed)}</b> suppressed
          </Link>
        </div>
      </Panel>
      <Panel title="What to do first" flush>
        {detail.top_fixes.length > 0 ? (
          <FixList fixes={detail.top_fixes.slice(0, 3)} image={image.id} />
        ) : (
          <div className={classes.none}>Nothing here can be mended by an upgrade yet.</div>
        )}
      </Panel>
    </div>
  );
}
