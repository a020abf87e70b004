// Who has a package: "who has log4j-core before 2.17?", over the bills of
// materials of all images.

import { IconPackages } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type Holder, sboms } from '../../api/sboms';
import { NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { List } from '../../components/List';
import { KindMark, PACKAGE_KIND, PACKAGE_KINDS } from '../../components/marks';
import { ImageLink, keepWith } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { useEnvironment, useUrl } from '../../components/url';
import { asked, inWords } from '../../lib/wanted';
import { Blank } from '../../ui/Blank';
import type { Column } from '../../ui/DataTable';
import { FilterMenu } from '../../ui/Filters';
import { SearchField } from '../../ui/SearchField';
import classes from './packages.module.css';

const EXAMPLES = ['log4j-core < 2.17', 'xz-utils 5.6.0', 'openssl >= 3.0, < 3.0.7'];

/** Different versions of what an image holds, each once. */
function versions(row: Holder): string[] {
  return [...new Set(row.packages.map((each) => each.version))];
}

const COLUMNS: Column<Holder>[] = [
  {
    id: 'image',
    header: 'Image',
    width: 'minmax(220px, 2fr)',
    fixed: true,
    cell: (row) => <ImageLink image={row.image} />,
  },
  {
    id: 'package',
    header: 'Package',
    width: 'minmax(140px, 1.2fr)',
    cell: (row) => (
      <span className={classes.package} title={row.packages.map((each) => each.purl).join('\n')}>
        <span className="truncate">{row.packages[0]?.name ?? '–'}</span>
        {row.packages[0] && <KindMark kind={row.packages[0].kind} />}
      </span>
    ),
  },
  {
    id: 'version',
    header: 'Version',
    width: 'minmax(110px, 1fr)',
    cell: (row) => (
      <span className="mono truncate" title={versions(row).join(', ')}>
        {versions(row).join(', ') || '–'}
      </span>
    ),
  },
  {
    id: 'path',
    header: 'Named by',
    width: 'minmax(150px, 1.6fr)',
    cell: (row) => <Where row={row} />,
  },
];

function Where({ row }: { row: Holder }) {
  const [first] = row.packages;
  const more = row.packages.length - 1;
  if (!first) return <span>–</span>;
  return (
    <span className={classes.where} title={row.packages.map((each) => `/${each.path}`).join('\n')}>
      <span className="mono truncate">/{first.path}</span>
      {more > 0 && <span className={classes.quiet}>+{more}</span>}
    </span>
  );
}

export function PackagesPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const text = search.q ?? '';
  const wanted = asked(text);
  const kind = PACKAGE_KINDS.find((each) => each === search.kind);
  const query = useInfiniteQuery(
    sboms.holders({ ...wanted, ...(kind ? { ecosystem: kind } : {}) }, environment),
  );
  return (
    <Page title="Packages" isFixed>
      <Toolbar label="Ask for a package">
        <SearchField
          label="A package, and perhaps versions of it"
          placeholder="log4j-core < 2.17"
          value={text}
          onChange={(q) => set({ q: q || undefined, sel: undefined })}
        />
        <FilterMenu
          label="Kind"
          choices={PACKAGE_KINDS.map((value) => ({ value, label: PACKAGE_KIND[value] }))}
          chosen={kind ? [kind] : []}
          onToggle={(value) => set({ kind: value === kind ? undefined : value })}
        />
        {wanted.name !== '' && (
          <span className={classes.quiet} role="status">
            Who has {inWords(wanted)}?
          </span>
        )}
      </Toolbar>
      {wanted.name === '' ? (
        <Blank
          icon={<IconPackages size={32} stroke={1.4} aria-hidden />}
          title="Who has a package?"
        >
          <p>
            Every image that was scanned, and every SBOM that was handed in, is asked at once.
            Versions are compared by the order of their own ecosystem.
          </p>
          <ul className={classes.examples}>
            {EXAMPLES.map((example) => (
              <li key={example}>
                <Go to="/packages" search={{ q: example }}>
                  {example}
                </Go>
              </li>
            ))}
          </ul>
        </Blank>
      ) : (
        <List
          label="Images that have it"
          noun="image"
          query={query}
          columns={COLUMNS}
          rowKey={(row) => row.image.id}
          card={(row) => (
            <div className={classes.card}>
              <ImageLink image={row.image} />
              <span>
                <b>{row.packages[0]?.name}</b>{' '}
                <span className="mono">{versions(row).join(', ')}</span>
              </span>
              <Where row={row} />
            </div>
          )}
          selected={search.sel}
          onSelect={(sel) => set({ sel })}
          onOpen={(row) =>
            navigate({
              to: '/images/$id',
              params: { id: row.image.id },
              search: keepWith({ tab: 'packages', q: row.packages[0]?.name }),
            } as never)
          }
          minWidth={760}
          empty={
            <NothingFound title={`No image has ${inWords(wanted)}`}>
              <p>
                {kind ? `Of the kind ${PACKAGE_KIND[kind]}, in` : 'In'} what was scanned so far.
                Parts of images that could not be read are marked there.
              </p>
              {wanted.version && (
                <p>
                  <Go to="/packages" search={{ q: wanted.name, kind }}>
                    Who has {wanted.name} at all?
                  </Go>
                </p>
              )}
            </NothingFound>
          }
        />
      )}
    </Page>
  );
}
