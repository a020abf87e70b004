// Who signed an image, by which policy that counts, and when it was looked
// at.

import { IconWritingSign } from '@tabler/icons-react';
import type { TrustOutcome } from '../../api/trust';
import type { ImageDetail } from '../../api/types';
import { Go } from '../../components/Go';
import { DigestText } from '../../components/Names';
import { SCHEME, VerdictMark } from '../../components/Verdict';
import { Blank } from '../../ui/Blank';
import { Inline } from '../../ui/Markdown';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './images.module.css';

export function SignaturesTab({ detail }: { detail: ImageDetail }) {
  const outcomes = detail.signatures ?? [];
  if (outcomes.length === 0)
    return (
      <Blank
        icon={<IconWritingSign size={32} stroke={1.4} aria-hidden />}
        title="No trust policy holds for it"
      >
        <p>
          A trust policy says whose signatures images of some repositories must have. Those are then
          verified as they are pushed, and what is not signed can be kept from running.
        </p>
        <p>
          <Go to="/settings/trust">Trust policies</Go>
        </p>
      </Blank>
    );
  return (
    <div className={classes.about}>
      {outcomes.map((outcome) => (
        <Outcome key={`${outcome.policy} ${outcome.repository}`} outcome={outcome} />
      ))}
    </div>
  );
}

function Outcome({ outcome }: { outcome: TrustOutcome }) {
  return (
    <Panel
      title={outcome.policy_name}
      aside={
        <Go to="/settings/trust" search={{ sel: outcome.policy }}>
          The policy
        </Go>
      }
    >
      {outcome.reason && (
        <div className={classes.reason}>
          <Notice tone={outcome.verdict === 'refused' ? 'bad' : 'warn'} title={outcome.reason}>
            {outcome.mend && <Inline>{outcome.mend}</Inline>}
          </Notice>
        </div>
      )}
      <Facts>
        <Fact term="Verdict">
          <VerdictMark verdict={outcome.verdict} why={outcome.reason ?? null} />
        </Fact>
        {outcome.signer && (
          <Fact term={outcome.verdict === 'signed' ? 'Signed by' : 'Signed instead by'}>
            {outcome.signer}
            {outcome.scheme && (
              <span className={classes.quiet}> · {SCHEME[outcome.scheme] ?? outcome.scheme}</span>
            )}
          </Fact>
        )}
        {outcome.signed_at && (
          <Fact term="Signed">
            <Time at={outcome.signed_at} />
          </Fact>
        )}
        {outcome.ends && (
          <Fact term="Counts until">
            <Time at={outcome.ends} />
          </Fact>
        )}
        <Fact term="So since">
          <Time at={outcome.since} />
        </Fact>
        <Fact term="Verified">
          <Time at={outcome.checked} fallback="not yet" />, next <Time at={outcome.next_check} />
        </Fact>
        <Fact term="As">
          {outcome.repository} <DigestText digest={outcome.digest} />
        </Fact>
        {outcome.through && (
          <Fact term="Through">
            the index <DigestText digest={outcome.through} />
          </Fact>
        )}
      </Facts>
    </Panel>
  );
}
