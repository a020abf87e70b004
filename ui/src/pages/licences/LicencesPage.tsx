// Licences of everything in the images: which are shipped, by whom, and
// whether they may be.

import { IconLicense } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import {
  contents,
  type LicensePolicyText,
  type Licenses,
  type LicenseUse,
} from '../../api/contents';
import { FilteredOut } from '../../components/Empty';
import { Go } from '../../components/Go';
import {
  ForbiddenMark,
  LICENCE_CLASS,
  LICENCE_CLASSES,
  LicenceClassMark,
} from '../../components/Licence';
import { Waiting } from '../../components/List';
import { ImageLink } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { Rows } from '../../components/Rows';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { list, toggle } from '../../lib/url-state';
import { Blank } from '../../ui/Blank';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips } from '../../ui/Filters';
import { Notice } from '../../ui/Notice';
import { Pane, PaneSection } from '../../ui/Pane';
import { SearchField } from '../../ui/SearchField';
import classes from './licences.module.css';

const COLUMNS: Column<LicenseUse>[] = [
  {
    id: 'licence',
    header: 'Licence',
    width: 'minmax(180px, 2fr)',
    fixed: true,
    cell: (row) => (
      <Go to="/licences" search={{ sel: row.license }} className={classes.name} title={row.license}>
        <span className="truncate">{row.license}</span>
      </Go>
    ),
  },
  {
    id: 'class',
    header: 'Asks for',
    width: '150px',
    cell: (row) => <LicenceClassMark of={row.class} />,
  },
  {
    id: 'allowed',
    header: 'By the policy',
    width: '110px',
    cell: (row) => (row.forbidden ? <ForbiddenMark /> : '–'),
  },
  {
    id: 'images',
    header: 'Images',
    width: '80px',
    align: 'right',
    cell: (row) => count(row.images),
  },
  {
    id: 'packages',
    header: 'Packages',
    width: '80px',
    align: 'right',
    cell: (row) => count(row.packages),
  },
];

export function LicencesPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const kinds = list(search.kind, LICENCE_CLASSES);
  const query = useQuery(
    contents.licenses({
      environment,
      ...(search.q ? { q: search.q } : {}),
      ...(kinds.length > 0 ? { class: kinds.join(',') } : {}),
    }),
  );
  const isFiltered = Boolean(search.q || search.kind);
  const chosen = query.data?.licenses.find((row) => row.license === search.sel);
  return (
    <Page
      title="Licences"
      isFixed
      pane={
        chosen && (
          <Holders
            key={chosen.license}
            row={chosen}
            environment={environment}
            onClose={() => set({ sel: undefined })}
          />
        )
      }
    >
      <Toolbar label="Filter licences">
        <SearchField
          label="Filter by name"
          placeholder="Name"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <Chips label="Asks for">
          {LICENCE_CLASSES.map((each) => {
            const found = query.data?.classes.find((row) => row.class === each);
            return (
              <Chip
                key={each}
                isOn={kinds.includes(each)}
                onClick={() => set({ kind: toggle(search.kind, each, LICENCE_CLASSES) })}
              >
                {LICENCE_CLASS[each].word}
                {found && <span className="tabular">{count(found.licenses)}</span>}
              </Chip>
            );
          })}
        </Chips>
      </Toolbar>
      {query.data?.policy && <Policy policy={query.data.policy} />}
      <Rows
        label="Licences"
        noun="licence"
        query={query}
        rows={(answer: Licenses) => answer.licenses}
        columns={COLUMNS}
        rowKey={(row) => row.license}
        card={(row) => (
          <div className={classes.card}>
            <Go to="/licences" search={{ sel: row.license }} className={classes.name}>
              {row.license}
            </Go>
            <div>
              <LicenceClassMark of={row.class} /> {row.forbidden && <ForbiddenMark />}
            </div>
            <span className={classes.quiet}>
              {plural(row.packages, 'package')} in {plural(row.images, 'image')}
            </span>
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) => set({ sel: row.license }, 'push')}
        minWidth={620}
        empty={
          isFiltered ? (
            <FilteredOut noun="licence" onClear={() => set({ q: undefined, kind: undefined })} />
          ) : (
            <Blank
              icon={<IconLicense size={32} stroke={1.4} aria-hidden />}
              title="No licence is known yet"
            >
              <p>
                They are read from the packages of every image that is scanned. Those of Debian and
                Ubuntu name none.
              </p>
            </Blank>
          )
        }
      />
    </Page>
  );
}

function Policy({ policy }: { policy: LicensePolicyText }) {
  const said = [
    policy.forbidden.length > 0 && `not allowed: ${policy.forbidden.join(', ')}`,
    policy.allowed.length > 0 && `allowed: ${policy.allowed.join(', ')}, and nothing else`,
    policy.exceptions.length > 0 && `whatever their licence: ${policy.exceptions.join(', ')}`,
  ].filter(Boolean);
  return (
    <Notice tone="info" title="What may be shipped">
      By the configuration of the server, {said.join('; ')}. Images that ship something else are{' '}
      <Go to="/recommendations/images-licenses-allowed">findings</Go>.
    </Notice>
  );
}

function Holders({
  row,
  environment,
  onClose,
}: {
  row: LicenseUse;
  environment: string;
  onClose: () => void;
}) {
  const query = useInfiniteQuery(contents.holders(row.license, environment));
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Pane label="Licence" title={row.license} onClose={onClose}>
      <div className={classes.marks}>
        <LicenceClassMark of={row.class} />
        {row.forbidden && <ForbiddenMark />}
      </div>
      <p className={classes.text}>{LICENCE_CLASS[row.class].doc}.</p>
      <PaneSection title={`Shipped by ${plural(row.images, 'image')}`}>
        {query.error && <ProblemNotice problem={query.error} title="They could not be fetched" />}
        {query.isPending && <Waiting label="images" rows={4} />}
        <ul className={classes.rows} aria-label="Images that ship it">
          {rows.map((each) => (
            <li key={each.image.id}>
              <ImageLink image={each.image} />
              <span className={classes.quiet}>
                {each.named.join(', ')}
                {each.packages > each.named.length &&
                  ` and ${count(each.packages - each.named.length)} more`}
              </span>
            </li>
          ))}
        </ul>
        {query.hasNextPage && (
          <button type="button" className="plain" onClick={() => query.fetchNextPage()}>
            Show more
          </button>
        )}
      </PaneSection>
    </Pane>
  );
}
