// What is attached to an image at its registry: signatures, SBOMs,
// attestations.

import { IconPaperclip } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ImageReferrer, trust } from '../../api/trust';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { DigestText } from '../../components/Names';
import { ProblemBlank } from '../../components/ProblemNotice';
import { bytes, plural } from '../../lib/format';
import { Blank } from '../../ui/Blank';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './contents.module.css';

const KIND: Record<ImageReferrer['kind'], string> = {
  signature: 'Signature',
  sbom: 'SBOM',
  attestation: 'Attestation',
  vex: 'VEX document',
  other: 'Other',
};

const FOUND_BY: Record<ImageReferrer['found_by'], string> = {
  api: 'listed by the registry',
  tag: 'under the tag that stands for the image',
  cosign_tag: 'under a tag of cosign',
  index: 'beside it in its index',
  push: 'pushed, and names it',
};

export function AttachedTab({ id, digest }: { id: string; digest: string | undefined }) {
  const { data, error, refetch } = useQuery(trust.referrers(id));
  if (!data)
    return error ? (
      <ProblemBlank problem={error} onRetry={() => refetch()} />
    ) : (
      <Waiting label="what is attached" />
    );
  const { items, asked } = data;
  if (items.length === 0)
    return (
      <Blank
        icon={<IconPaperclip size={32} stroke={1.4} aria-hidden />}
        title="Nothing is known to be attached to it"
      >
        {asked ? (
          <p>
            Its registry was asked <Time at={asked} />, and lists nothing.
          </p>
        ) : (
          <>
            <p>
              Signatures, SBOMs and attestations are asked for when the image is scanned from its
              registry, and seen as they are pushed to one that is watched. Where a trust policy
              holds, its registry is asked again and again.
            </p>
            <p>
              <Go to="/settings/trust">Trust policies</Go>
            </p>
          </>
        )}
      </Blank>
    );
  return (
    <div className={classes.stack}>
      <Panel title="Attached at its registry" aside={plural(items.length, 'document')} flush>
        <ul className={classes.rows} aria-label="Attached" data-plain>
          {items.map((each) => (
            <Attached
              key={`${each.repository} ${each.subject} ${each.digest}`}
              of={each}
              isOfIndex={each.subject !== digest}
            />
          ))}
        </ul>
        {!asked && (
          <p className={classes.none}>
            More may have come since the image was scanned: its registry is asked again and again
            where a trust policy holds.
          </p>
        )}
      </Panel>
    </div>
  );
}

function Attached({ of: each, isOfIndex }: { of: ImageReferrer; isOfIndex: boolean }) {
  const notes = Object.entries(each.annotations ?? {});
  return (
    <li>
      <div className={classes.what}>
        <span>
          <b>{KIND[each.kind]}</b> <span className={classes.quiet}>{each.artifact_type}</span>
        </span>
        <span className={classes.quiet}>
          {each.repository} <DigestText digest={each.digest} />
          {isOfIndex && ', attached to its index'} · {FOUND_BY[each.found_by]}
        </span>
        {notes.map(([key, value]) => (
          <span key={key} className={classes.quiet}>
            {key}: {value}
          </span>
        ))}
      </div>
      <div className={classes.side}>
        <div>{bytes(each.size_bytes)}</div>
        <div className={classes.quiet}>
          {each.gone ? (
            <>
              gone <Time at={each.gone} />
            </>
          ) : (
            <>
              seen <Time at={each.first_seen} />
            </>
          )}
        </div>
      </div>
    </li>
  );
}
