import { Anchor, Skeleton } from '@mantine/core';
import { IconExternalLink } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries';
import type { Finding, Layer, VulnerabilityDetail } from '../api/types';
import { dockerfileStep, percent } from '../lib/format';
import { upgradeFor } from '../lib/upgrade';
import { Command, Copy } from '../ui/Copy';
import { isSafeLink, Markdown } from '../ui/Markdown';
import { Notice } from '../ui/Notice';
import { Pane, PaneSection } from '../ui/Pane';
import { Fact, Facts } from '../ui/Panel';
import { Day, Time } from '../ui/Time';
import classes from './FindingPane.module.css';
import { FIX_STATE, KevMark, PACKAGE_KIND } from './marks';
import { ImageLink, VulnerabilityLink } from './Names';
import { SeverityMark } from './Severity';
import { useEnvironment } from './url';

/** One finding: what, where, since when, why it matters, what to do. */
export function FindingPane({
  finding,
  layers,
  onClose,
}: {
  finding: Finding;
  layers?: Layer[] | undefined;
  onClose: () => void;
}) {
  const environment = useEnvironment();
  const { data: vulnerability } = useQuery(
    queries.vulnerability(finding.vulnerability, environment),
  );
  const layer = layers?.find((each) => each.index === finding.package.layer);
  return (
    <Pane
      label={`${finding.vulnerability} in ${finding.package.name}`}
      title={finding.title || finding.vulnerability}
      onClose={onClose}
    >
      <div className={classes.marks}>
        <SeverityMark severity={finding.severity} />
        <VulnerabilityLink id={finding.vulnerability} />
        <Copy value={finding.vulnerability} what="id" />
        {finding.kev && <KevMark />}
      </div>
      {finding.suppression && (
        <Notice
          tone="info"
          title={`Suppressed: ${finding.suppression.status.replaceAll('_', ' ')}`}
        >
          {finding.suppression.statement ?? finding.suppression.justification?.replaceAll('_', ' ')}
          <div className={classes.source}>
            by <code>{finding.suppression.source}</code>
            {finding.suppression.expires && `, until ${finding.suppression.expires}`}
          </div>
        </Notice>
      )}

      <PaneSection title="What to do">
        <WhatToDo finding={finding} layer={layer} />
      </PaneSection>

      <PaneSection title="Where">
        <Facts>
          <Fact term="Image">
            <ImageLink image={finding.image} />
          </Fact>
          <Fact term="Package">
            {finding.package.name} <span className="mono">{finding.package.version}</span>{' '}
            <span className={classes.quiet}>{PACKAGE_KIND[finding.package.kind]}</span>
          </Fact>
          <Fact term="File">
            <code>/{finding.package.path}</code>
          </Fact>
          {typeof finding.package.layer === 'number' && (
            <Fact term="Layer">
              {finding.package.layer}
              {layer?.created_by && (
                <code className={classes.step}>{dockerfileStep(layer.created_by)}</code>
              )}
            </Fact>
          )}
          <Fact term="Since">
            <Time at={finding.first_seen} />
          </Fact>
        </Facts>
      </PaneSection>

      <PaneSection title="Why it matters">
        <Why finding={finding} vulnerability={vulnerability} />
      </PaneSection>

      <PaneSection title="What it is">
        {vulnerability ? (
          <Markdown>
            {vulnerability.description || finding.title || 'No advisory describes it.'}
          </Markdown>
        ) : (
          <Skeleton height={60} />
        )}
      </PaneSection>

      {vulnerability && vulnerability.references.length > 0 && (
        <PaneSection title="References">
          <References links={vulnerability.references} />
        </PaneSection>
      )}
    </Pane>
  );
}

function WhatToDo({ finding, layer }: { finding: Finding; layer: Layer | undefined }) {
  const version = finding.fix.versions[0];
  if (!version) {
    const why = {
      unfixed:
        'No version with a fix has been published. Take the package out if nothing needs it, or watch for one.',
      will_not_fix:
        'Its publisher says it will not be fixed. Take the package out if nothing needs it, or accept it with a reason in an ignore file or VEX document.',
      under_investigation: 'Its publisher is still looking into it. Nothing to upgrade to yet.',
      not_affected: 'Its publisher says this package is not affected.',
      fixed: 'A fix exists, but no advisory names its version.',
    };
    return (
      <p className={classes.text}>
        <b>{FIX_STATE[finding.fix.state]}.</b> {why[finding.fix.state]}
      </p>
    );
  }
  const upgrade = upgradeFor(finding.package.kind, finding.package.name, version);
  const isBase = layer?.index === 0 && ['deb', 'apk', 'rpm'].includes(finding.package.kind);
  return (
    <>
      <p className={classes.text}>
        Upgrade <b>{finding.package.name}</b> to <span className="mono">{version}</span>
        {finding.fix.versions.length > 1 && ` (or ${finding.fix.versions.slice(1).join(', ')})`}.
        {isBase && ' It came with the base image: a newer base may bring the fix by itself.'}
      </p>
      {upgrade && (
        <>
          <div className={classes.quiet}>{upgrade.place}</div>
          <Command label="the upgrade">{upgrade.command}</Command>
        </>
      )}
    </>
  );
}

function Why({
  finding,
  vulnerability,
}: {
  finding: Finding;
  vulnerability: VulnerabilityDetail | undefined;
}) {
  const kev = vulnerability?.kev;
  const epss = vulnerability?.epss;
  return (
    <Facts>
      <Fact term="Severity">
        {finding.severity}
        {typeof finding.cvss === 'number' && `, CVSS ${finding.cvss.toFixed(1)}`}
        {vulnerability?.cvss[0] && (
          <code className={classes.step}>{vulnerability.cvss[0].vector}</code>
        )}
      </Fact>
      <Fact term="Likelihood">
        {typeof finding.epss === 'number' ? (
          <>
            {percent(finding.epss)} within 30 days
            {epss && (
              <span className={classes.quiet}>
                {' '}
                · above {percent(epss.percentile)} of all (EPSS)
              </span>
            )}
          </>
        ) : (
          'no EPSS score'
        )}
      </Fact>
      <Fact term="Exploited">
        {finding.kev ? (
          <>
            yes, says CISA
            {kev && (
              <>
                {' '}
                since <Day at={kev.added} />
                {kev.ransomware && ', by ransomware too'}
              </>
            )}
          </>
        ) : (
          'not in CISA’s catalogue'
        )}
      </Fact>
      {finding.advisories.length > 0 && (
        <Fact term="Advisories">{finding.advisories.join(', ')}</Fact>
      )}
    </Facts>
  );
}

/** Links from advisories: only those a browser can follow safely. */
export function References({ links }: { links: string[] }) {
  return (
    <ul className={classes.links}>
      {links.filter(isSafeLink).map((link) => (
        <li key={link}>
          <Anchor href={link} target="_blank" rel="noopener noreferrer nofollow" size="sm">
            {link.replace(/^https?:\/\//, '')}{' '}
            <IconExternalLink size={11} aria-label="opens a new tab" />
          </Anchor>
        </li>
      ))}
    </ul>
  );
}
