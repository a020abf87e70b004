// Names that link to what they name, and never wrap mid-token.

import type { AssetRef, Finding } from '../api/types';
import { imageName, shortDigest } from '../lib/format';
import { term } from '../lib/query';
import { SCOPE_KEYS } from '../lib/url-state';
import { Copy } from '../ui/Copy';
import { Go } from './Go';
import classes from './Names.module.css';

export function ImageText({ name, isShort = false }: { name: string; isShort?: boolean }) {
  const { registry, rest, tag } = imageName(name);
  return (
    <span className={classes.parts}>
      {registry && !isShort && <span className={classes.registry}>{registry}</span>}
      <span className={classes.rest}>{rest}</span>
      {tag && <span className={classes.tag}>{tag}</span>}
    </span>
  );
}

/** `isShort` leaves the registry to the tooltip, where room is dear. */
export function ImageLink({
  image,
  isShort = false,
}: {
  image: { id: string; name: string };
  isShort?: boolean;
}) {
  return (
    <Go to={`/images/${encodeURIComponent(image.id)}`} className={classes.name} title={image.name}>
      <ImageText name={image.name} isShort={isShort} />
    </Go>
  );
}

export function VulnerabilityLink({ id }: { id: string }) {
  return (
    <Go to={`/vulnerabilities/${encodeURIComponent(id)}`} className={`${classes.id} nowrap`}>
      {id}
    </Go>
  );
}

export function DigestText({ digest }: { digest: string | null | undefined }) {
  if (!digest) return <span>–</span>;
  return (
    <span className={classes.digest}>
      <span className="mono" title={digest}>
        {shortDigest(digest)}
      </span>
      <Copy value={digest} what="digest" />
    </span>
  );
}

/** Where an asset is: an image among the images, all else in the inventory. */
export function AssetLink({ asset, name }: { asset: AssetRef; name?: string }) {
  const isImage = asset.kind === 'image';
  return (
    <Go
      to={`${isImage ? '/images' : '/inventory'}/${encodeURIComponent(asset.id)}`}
      className={classes.name}
      title={asset.name}
    >
      {isImage ? (
        <ImageText name={asset.name} isShort />
      ) : (
        <span className="truncate">{name ?? asset.name}</span>
      )}
    </Go>
  );
}

/** What says so: the vulnerability, the recommendation, or all of the rule’s alerts. */
export function RuleLink({ finding }: { finding: Pick<Finding, 'kind' | 'rule'> }) {
  const { kind, rule } = finding;
  if (kind === 'vulnerability') return <VulnerabilityLink id={rule} />;
  const className = `${classes.id} mono`;
  return kind === 'misconfiguration' ? (
    <Go to={`/recommendations/${encodeURIComponent(rule)}`} className={className}>
      {rule}
    </Go>
  ) : (
    <Go
      to={kind === 'alert' ? '/alerts' : '/findings'}
      search={{ q: term('rule', rule) }}
      className={className}
    >
      {rule}
    </Go>
  );
}

/** Links inside the product stay in the scope they came from. */
export function keepEnvironment(old: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(SCOPE_KEYS.map((key) => [key, old[key]]));
}

/** The same, with something more to say. */
export function keepWith(more: Record<string, string | undefined>) {
  return ((old: Record<string, unknown>) => ({ ...keepEnvironment(old), ...more })) as never;
}
