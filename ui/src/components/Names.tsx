// Names that link to what they name, and never wrap mid-token.

import { Link } from '@tanstack/react-router';
import { imageName, shortDigest } from '../lib/format';
import { Copy } from '../ui/Copy';
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
    <Link
      to="/images/$id"
      params={{ id: image.id }}
      search={keepEnvironment as never}
      className={classes.name}
      title={image.name}
    >
      <ImageText name={image.name} isShort={isShort} />
    </Link>
  );
}

export function VulnerabilityLink({ id }: { id: string }) {
  return (
    <Link
      to="/vulnerabilities/$id"
      params={{ id }}
      search={keepEnvironment as never}
      className={`${classes.id} nowrap`}
    >
      {id}
    </Link>
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

/** Links inside the product stay in the environment they came from. */
export function keepEnvironment(old: Record<string, unknown>): Record<string, unknown> {
  return { environment: old.environment };
}
