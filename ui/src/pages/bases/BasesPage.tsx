// What images stand on: which base, how old it is, and how much of what is
// wrong with them came with it.

import { IconStack2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import {
  type BaseImages,
  type BuiltImage,
  running,
  type WorkBase,
  type WorkStep,
} from '../../api/running';
import { FilteredOut } from '../../components/Empty';
import { Go } from '../../components/Go';
import { KevMark } from '../../components/marks';
import { DigestText, ImageLink, ImageText } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { Rows } from '../../components/Rows';
import { PriorityMark, RunsLink } from '../../components/Running';
import { SeverityStrip } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import { Blank } from '../../ui/Blank';
import type { Column } from '../../ui/DataTable';
import { Pane, PaneSection } from '../../ui/Pane';
import { Fact, Facts } from '../../ui/Panel';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import { baseKey, KNOWN_BY, keyOf } from '../fix-first/steps';
import classes from './bases.module.css';
import { splitAt } from './split';

/** As many as the API gives at once: bases are few. */
const LIMIT = 1000;

/** A base, the images on it, and what a rebuild of those would close. */
interface Stood {
  key: string;
  base: WorkBase;
  images: BuiltImage[];
  image_count: number;
  step: WorkStep | undefined;
}

/** Each base with its step of the work list, those that press first. */
function joined(bases: readonly BaseImages[], steps: readonly WorkStep[]): Stood[] {
  const byKey = new Map(steps.filter((step) => step.base).map((step) => [keyOf(step), step]));
  return bases
    .map((of) => {
      const key = baseKey(of.base);
      return { key, ...of, step: byKey.get(key) };
    })
    .sort((a, b) => (b.step?.weight ?? 0) - (a.step?.weight ?? 0));
}

function Name({ base }: { base: WorkBase }) {
  return base.image ? (
    <ImageLink image={{ id: base.image.id, name: base.name }} />
  ) : (
    <span className="truncate" title={base.name}>
      <ImageText name={base.name} />
    </span>
  );
}

/** When a base was built; asked for as its row comes into sight. */
function Built({ base }: { base: WorkBase }) {
  const { data } = useQuery({
    ...queries.image(base.image?.id ?? ''),
    enabled: base.image !== null && base.image !== undefined,
  });
  return <Time at={data?.config?.created} fallback={base.image ? '–' : 'not known'} />;
}

function Nothing() {
  return <span className={classes.quiet}>nothing</span>;
}

const COLUMNS: Column<Stood>[] = [
  {
    id: 'name',
    header: 'Base',
    width: 'minmax(180px, 2fr)',
    fixed: true,
    cell: (row) => <Name base={row.base} />,
  },
  {
    id: 'built',
    header: 'Built',
    width: '84px',
    cell: (row) => <Built base={row.base} />,
  },
  {
    id: 'images',
    header: 'Images',
    name: 'Images that stand on it',
    width: '62px',
    align: 'right',
    cell: (row) => count(row.image_count),
  },
  {
    id: 'closes',
    header: 'A rebuild closes',
    name: 'Findings a rebuild on a newer one closes, in all of them',
    width: '194px',
    cell: (row) => (row.step ? <SeverityStrip counts={row.step.closes} /> : <Nothing />),
  },
  {
    id: 'kev',
    header: 'Exploited',
    width: '70px',
    cell: (row) => ((row.step?.kev ?? 0) > 0 ? <KevMark /> : '–'),
  },
  {
    id: 'priority',
    header: 'Priority',
    name: 'The highest priority it closes',
    width: '76px',
    cell: (row) => (row.step ? <PriorityMark value={row.step.priority} /> : '–'),
  },
  {
    id: 'newer',
    header: 'Newer build',
    width: 'minmax(150px, 1.4fr)',
    cell: (row) =>
      row.base.newer ? (
        <ImageLink image={row.base.newer} isShort />
      ) : (
        <span className={classes.quiet}>none known here</span>
      ),
  },
];
const BESIDE = COLUMNS.filter((column) => !['kev', 'newer', 'priority'].includes(column.id));

export function BasesPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const query = useQuery(running.bases(environment));
  // What a rebuild closes is told a moment later where there is much.
  const work = useQuery(running.work({ environment, running: false, limit: LIMIT }));
  const q = (search.q ?? '').toLowerCase();
  const every = joined(query.data?.bases ?? [], work.data?.steps ?? []);
  const chosen = every.find((row) => row.key === search.sel);
  return (
    <Page
      title="Base images"
      isFixed
      pane={
        chosen && <BasePane key={chosen.key} row={chosen} onClose={() => set({ sel: undefined })} />
      }
    >
      {every.length > 0 && (
        <Toolbar label="Filter base images">
          <SearchField
            label="Filter by name"
            placeholder="Name"
            value={search.q ?? ''}
            onChange={(next) => set({ q: next || undefined })}
          />
          <span className={classes.quiet}>
            What images are built on, and what building those again on a newer one would close.
            {query.data?.truncated && ' There are more images than were looked at: the worst were.'}
          </span>
        </Toolbar>
      )}
      <Rows
        label="Base images"
        noun="base image"
        query={query}
        rows={() => every.filter((row) => row.base.name.toLowerCase().includes(q))}
        columns={chosen ? BESIDE : COLUMNS}
        rowKey={(row) => row.key}
        card={(row) => <Card row={row} />}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) => set({ sel: row.key }, 'push')}
        minWidth={chosen ? 560 : 960}
        empty={
          q ? (
            <FilteredOut
              noun="base image"
              hidden={every.length}
              onClear={() => set({ q: undefined })}
            />
          ) : (
            <NoBases />
          )
        }
      />
    </Page>
  );
}

function Card({ row }: { row: Stood }) {
  return (
    <div className={classes.card}>
      <Name base={row.base} />
      {row.step && <SeverityStrip counts={row.step.closes} />}
      <span className={classes.quiet}>
        {plural(row.image_count, 'image')} · built <Built base={row.base} />
      </span>
    </div>
  );
}

function BasePane({ row, onClose }: { row: Stood; onClose: () => void }) {
  const { base } = row;
  const { data } = useQuery({
    ...queries.image(base.image?.id ?? ''),
    enabled: base.image !== null && base.image !== undefined,
  });
  const image = data?.image;
  const closes = new Map(row.step?.images.map((each) => [each.image.id, each.closes]));
  return (
    <Pane label="Base image" title={<ImageText name={base.name} isShort />} onClose={onClose}>
      <PaneSection title="The base">
        <Facts>
          <Fact term="Name">
            <Name base={base} />
          </Fact>
          {(base.digest ?? image?.digest) && (
            <Fact term="Digest">
              <DigestText digest={base.digest ?? image?.digest} />
            </Fact>
          )}
          <Fact term="Known">{KNOWN_BY[base.known_by] ?? base.known_by}</Fact>
          <Fact term="Built">
            <Built base={base} />
          </Fact>
          {image && (
            <Fact term="Its findings">
              <SeverityStrip counts={image.counts} />
            </Fact>
          )}
          <Fact term="Newer build">
            {base.newer ? <ImageLink image={base.newer} /> : 'none is known here'}
          </Fact>
          <Fact term="A rebuild closes">
            {row.step ? (
              <Go to="/fix-first" search={{ of: 'everything', sel: row.key }}>
                {plural(totalOf(row.step.closes), 'finding')}
              </Go>
            ) : (
              'nothing that is known'
            )}
          </Fact>
        </Facts>
      </PaneSection>
      <PaneSection title={`${plural(row.image_count, 'image')} on it`}>
        <ul className={classes.rows} aria-label="Images on it">
          {row.images.map((each) => (
            <li key={each.image.id}>
              <ImageLink image={each.image} />
              <div className={classes.quiet}>
                {closes.has(each.image.id) &&
                  `a rebuild closes ${count(closes.get(each.image.id) ?? 0)} · `}
                {each.running > 0 ? (
                  <RunsLink image={each.image.id} containers={each.running} />
                ) : (
                  'nothing runs it'
                )}
              </div>
              {image && <BaseAndOwn id={each.image.id} depth={image.layers} />}
            </li>
          ))}
        </ul>
        {row.image_count > row.images.length && (
          <p className={classes.quiet}>And {count(row.image_count - row.images.length)} more.</p>
        )}
      </PaneSection>
    </Pane>
  );
}

/** What came with the base and what did not, by the layer it is in. */
function BaseAndOwn({ id, depth }: { id: string; depth: number }) {
  const { data } = useQuery(queries.imageLayers(id));
  if (!data) return null;
  const { base, own } = splitAt(data, depth);
  return (
    <dl className={classes.split}>
      <dt>Of the base</dt>
      <dd>
        <SeverityStrip counts={base} />
      </dd>
      <dt>Its own</dt>
      <dd>
        <SeverityStrip counts={own} />
      </dd>
    </dl>
  );
}

function NoBases() {
  return (
    <Blank
      icon={<IconStack2 size={32} stroke={1.4} aria-hidden />}
      title="No image is known to stand on another"
    >
      <p>
        A base is known by its layers, where its image was scanned too, or by the label
        <code> org.opencontainers.image.base.name</code> that builders write. Bases stand here with
        the images built on them, and what a newer build would close.
      </p>
    </Blank>
  );
}
