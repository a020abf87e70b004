import { Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { queries } from '../../api/queries';
import type { AssetDetail, AssetKind } from '../../api/types';
import { Decide, type Decision } from '../../components/Decide';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { FindingPane } from '../../components/FindingPane';
import { FindingTable } from '../../components/FindingTable';
import { Chain } from '../../components/FindingView';
import { List } from '../../components/List';
import { AssetLink, ImageLink, keepEnvironment, keepWith } from '../../components/Names';
import { Page } from '../../components/Page';
import { SeverityBar } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { useUrl } from '../../components/url';
import { ASSET_NAME, ASSET_PLURAL } from '../../components/words';
import { count, plural } from '../../lib/format';
import { both, term } from '../../lib/query';
import { totalOf } from '../../lib/severity';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/Time';
import { ASSET_COLUMNS, AssetCard } from './InventoryPage';
import classes from './inventory.module.css';

/** One asset: how it stands, what is wrong with it, what is below it. */
export function AssetPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const [search, set] = useUrl();
  const { data, error, refetch } = useQuery(queries.asset(id));
  const tab = search.tab ?? 'findings';
  const list = useInfiniteQuery({
    ...queries.findings({ q: term('asset', id) }),
    enabled: tab === 'findings',
  });
  const [decision, setDecision] = useState<Decision>();
  if (!data) return <StandIn what="asset" error={error} onRetry={() => refetch()} />;
  const rows = list.data?.pages.flatMap((page) => page.items) ?? [];
  const chosen = tab === 'findings' ? rows.find((row) => row.id === search.sel) : undefined;
  const { asset } = data;
  return (
    <Page
      title={asset.asset.name}
      isFixed
      heading={<Heading detail={data} />}
      pane={
        chosen && (
          <FindingPane
            id={chosen.id}
            row={chosen}
            onClose={() => set({ sel: undefined })}
            onDecide={setDecision}
          />
        )
      }
    >
      {asset.gone && (
        <Notice tone="warn" title="It is no longer there">
          Last seen <Time at={asset.last_seen} />. What follows is how it stood then.
        </Notice>
      )}
      <Summary detail={data} />
      <Tabs
        label="Parts of the asset"
        current={tab}
        tabs={[
          { id: 'findings', label: 'Findings', count: totalOf(asset.counts) },
          ...(asset.children > 0 ? [{ id: 'below', label: 'Below', count: asset.children }] : []),
        ]}
      />
      <div className={classes.tab}>
        {tab === 'below' ? (
          <Below detail={data} />
        ) : (
          <FindingTable
            query={list}
            sort="any"
            hasPane={chosen !== undefined}
            empty={
              <NothingFound title="No open findings">
                <p>Neither of it nor of anything below it.</p>
              </NothingFound>
            }
          />
        )}
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

function Heading({ detail }: { detail: AssetDetail }) {
  const { asset, chain } = detail;
  return (
    <div className={classes.heading}>
      <nav aria-label="You are here">
        <Chain chain={chain.slice(0, -1)} />
      </nav>
      <div className={classes.title}>
        <Title order={1} fz={18}>
          {asset.asset.name}
        </Title>
        <span className={classes.kind}>{ASSET_NAME[asset.asset.kind]}</span>
      </div>
    </div>
  );
}

function Summary({ detail }: { detail: AssetDetail }) {
  const { asset, facts, below, running_in } = detail;
  const q = term('asset', asset.asset.id);
  return (
    <div className={classes.summary}>
      <Panel
        title="Open findings"
        aside={
          <Link to="/findings" search={keepWith({ q })}>
            {plural(totalOf(asset.counts), 'finding')}
          </Link>
        }
      >
        <SeverityBar
          counts={asset.counts}
          label="Open findings by severity"
          to={(severity) => ({
            to: '/findings',
            search: {
              ...(asset.asset.environment === 'local'
                ? {}
                : { environment: asset.asset.environment }),
              q: both(q, term('severity', severity)),
            },
          })}
        />
        <div className={classes.below}>
          {Object.entries(below).map(([kind, number]) => (
            <Link
              key={kind}
              to="."
              search={keepWith({ tab: 'below', q: kind })}
              className={classes.number}
            >
              <b>{count(number)}</b>{' '}
              {(number === 1
                ? ASSET_NAME[kind as AssetKind]
                : ASSET_PLURAL[kind as AssetKind]
              )?.toLowerCase() ?? kind}
            </Link>
          ))}
          <span className={classes.number}>
            <b>{count(asset.running)}</b> running
          </span>
        </div>
      </Panel>
      <Panel title="What is known of it">
        <Facts>
          {asset.image && (
            <Fact term="Image">
              <ImageLink image={asset.image} />
            </Fact>
          )}
          {facts
            .filter((fact) => !(asset.image && fact.name === 'Image'))
            .map((fact) => (
              <Fact key={fact.name} term={fact.name}>
                {fact.value}
              </Fact>
            ))}
          {Object.keys(asset.labels).length > 0 && (
            <Fact term="Labels">
              <span className={classes.labels}>
                {Object.entries(asset.labels).map(([name, value]) => (
                  <Link
                    key={name}
                    to="/findings"
                    search={keepWith({ q: term('label', `${name}=${value}`) })}
                    className={classes.label}
                  >
                    {name}={value}
                  </Link>
                ))}
              </span>
            </Fact>
          )}
          <Fact term="Seen">
            first <Time at={asset.first_seen} />, last <Time at={asset.last_seen} />
          </Fact>
          {running_in.length > 0 && (
            <Fact term="Runs in">
              {running_in.slice(0, 6).map((each) => (
                <div key={each.id}>
                  <AssetLink asset={each} />
                </div>
              ))}
              {running_in.length > 6 && `and ${running_in.length - 6} more`}
            </Fact>
          )}
        </Facts>
      </Panel>
    </div>
  );
}

function Below({ detail }: { detail: AssetDetail }) {
  const { asset } = detail.asset;
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const query = useInfiniteQuery(
    queries.assets({ environment: asset.environment, parent: asset.id, kind: search.q }),
  );
  return (
    <List
      label="Below"
      noun="asset"
      query={query}
      columns={ASSET_COLUMNS}
      rowKey={(row) => row.asset.id}
      card={(row) => <AssetCard row={row} />}
      selected={search.sel}
      onSelect={(sel) => set({ sel })}
      onOpen={(row) =>
        navigate({
          to: '/inventory/$id',
          params: { id: row.asset.id },
          search: keepEnvironment,
        } as never)
      }
      minWidth={940}
      empty={<FilteredOut noun="asset" onClear={() => set({ q: undefined })} />}
    />
  );
}
