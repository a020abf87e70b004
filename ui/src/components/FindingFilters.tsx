import type { Facets } from '../api/types';
import { count } from '../lib/format';
import { SEVERITIES, SEVERITY_NAME } from '../lib/severity';
import { list, toggle } from '../lib/url-state';
import { Chip, Chips, FilterMenu } from '../ui/Filters';
import { SearchField } from '../ui/SearchField';
import { PACKAGE_KIND, PACKAGE_KINDS } from './marks';
import { Toolbar } from './Page';
import { useUrl } from './url';

export function facet(facets: Facets | undefined, field: string): Map<string, number> {
  const found = facets?.facets.find((each) => each.field === field);
  return new Map(found?.values.map((each) => [each.value, each.count]) ?? []);
}

/** Severity chips: the ones that occur, with their counts. */
export function SeverityChips({ facets }: { facets: Facets | undefined }) {
  const [search, set] = useUrl();
  const counts = facet(facets, 'severity');
  const chosen = list(search.severity, SEVERITIES);
  const shown = SEVERITIES.filter(
    (severity) => !facets || counts.has(severity) || chosen.includes(severity),
  );
  return (
    <Chips label="Severity">
      {shown.map((severity) => (
        <Chip
          key={severity}
          tone={severity}
          isOn={chosen.includes(severity)}
          onClick={() => set({ severity: toggle(search.severity, severity, SEVERITIES) })}
        >
          {SEVERITY_NAME[severity]}
          {counts.has(severity) && (
            <span className="tabular">{count(counts.get(severity) ?? 0)}</span>
          )}
        </Chip>
      ))}
    </Chips>
  );
}

/** A chip for a yes-or-anything filter. */
export function FlagChip({ name, label }: { name: string; label: string }) {
  const [search, set] = useUrl();
  const isOn = search[name] === 'true';
  return (
    <Chip isOn={isOn} onClick={() => set({ [name]: isOn ? undefined : 'true' })}>
      {label}
    </Chip>
  );
}

export function KindMenu({
  facets,
  isCounted = true,
}: {
  facets: Facets | undefined;
  isCounted?: boolean;
}) {
  const [search, set] = useUrl();
  const counts = facet(facets, 'kind');
  const chosen = list(search.kind, PACKAGE_KINDS);
  const choices = PACKAGE_KINDS.filter((kind) => counts.has(kind) || chosen.includes(kind)).map(
    (kind) => ({
      value: kind,
      label: PACKAGE_KIND[kind],
      count: isCounted ? counts.get(kind) : undefined,
    }),
  );
  return (
    <FilterMenu
      label="Kind"
      choices={choices}
      chosen={chosen}
      onToggle={(kind) => set({ kind: toggle(search.kind, kind as 'deb', PACKAGE_KINDS) })}
    />
  );
}

/** What every list of findings can be narrowed by. */
export function FindingFilters({
  facets,
  layers,
}: {
  facets: Facets | undefined;
  layers?: { value: string; label: string }[];
}) {
  const [search, set] = useUrl();
  const perLayer = facet(facets, 'layer');
  return (
    <Toolbar label="Filter findings">
      <SearchField
        label="Filter by vulnerability, title or package"
        placeholder="CVE, title or package"
        value={search.q ?? ''}
        onChange={(q) => set({ q: q || undefined })}
      />
      <SeverityChips facets={facets} />
      <Chips label="More filters">
        <FlagChip name="fixable" label="Fixable" />
        <FlagChip name="kev" label="Exploited" />
        <KindMenu facets={facets} />
        {layers && layers.length > 0 && (
          <FilterMenu
            label="Layer"
            choices={layers.map((layer) => ({ ...layer, count: perLayer.get(layer.value) }))}
            chosen={search.layer ? [search.layer] : []}
            onToggle={(layer) => set({ layer: search.layer === layer ? undefined : layer })}
          />
        )}
        {search.package && (
          <Chip isOn onClick={() => set({ package: undefined })}>
            Package: {search.package} ×
          </Chip>
        )}
        {search.vulnerability && (
          <Chip isOn onClick={() => set({ vulnerability: undefined })}>
            {search.vulnerability} ×
          </Chip>
        )}
        <FlagChip name="suppressed" label="Suppressed" />
      </Chips>
    </Toolbar>
  );
}
