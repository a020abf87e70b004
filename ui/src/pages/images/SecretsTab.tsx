// What should not be in an image: malware, secrets, and settings that help
// an attacker. No value of any secret is here, for none is kept.

import { useInfiniteQuery } from '@tanstack/react-query';
import { contents, type ImageSecret, type SecretPlace } from '../../api/contents';
import { queries } from '../../api/queries';
import type { Finding, ImageDetail } from '../../api/types';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { ProblemBlank } from '../../components/ProblemNotice';
import { SeverityMark } from '../../components/Severity';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './contents.module.css';

const PLACE: Record<SecretPlace, string> = {
  file: 'File',
  environment: 'Variable',
  build_step: 'Build step',
  label: 'Label',
  command: 'Command',
};

export function SecretsTab({ detail }: { detail: ImageDetail }) {
  return (
    <div className={classes.stack}>
      <Malware detail={detail} />
      <Secrets id={detail.image.id} />
      <Settings detail={detail} />
    </div>
  );
}

function Secrets({ id }: { id: string }) {
  const query = useInfiniteQuery(contents.secrets(id));
  if (query.isPending) return <Waiting label="secrets" rows={4} />;
  if (query.error && !query.data)
    return <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />;
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const total = query.data?.pages[0]?.total ?? rows.length;
  return (
    <>
      {rows.some((row) => typeof row.removed_in === 'number') && (
        <Notice tone="warn" title="A deleted file is still there">
          Whoever can pull the image has what a later layer deleted. Replace the secret, and build
          again without it.
        </Notice>
      )}
      <Panel title="Secrets" aside={`${count(total)} open`} flush>
        {rows.length === 0 ? (
          <p className={classes.none}>None was found, in files or in what it was built from.</p>
        ) : (
          <ul className={classes.rows} aria-label="Secrets">
            {rows.map((row) => (
              <Secret key={row.id} secret={row} />
            ))}
          </ul>
        )}
        {query.hasNextPage && (
          <p className={classes.none}>
            <button type="button" className="plain" onClick={() => query.fetchNextPage()}>
              Show more
            </button>
          </p>
        )}
      </Panel>
    </>
  );
}

/** Programs known to be bad. Most servers have no list of them, so nothing is said of none. */
function Malware({ detail }: { detail: ImageDetail }) {
  const { id, environment } = detail.image;
  const q = `kind:malware ${term('asset', id)}`;
  const query = useInfiniteQuery(queries.findings({ environment, q }));
  if (query.error && !query.data)
    return <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />;
  const rows: Finding[] = query.data?.pages.flatMap((page) => page.items) ?? [];
  const total = query.data?.pages[0]?.total ?? rows.length;
  if (rows.length === 0) return null;
  return (
    <>
      <Notice tone="bad" title="It holds malware">
        Stop what runs of it, find out which layer brought it, and build again without it.
      </Notice>
      <Panel
        title="Malware"
        aside={
          <Go to="/findings" search={{ q }}>
            {plural(total, 'finding')}
          </Go>
        }
        flush
      >
        <ul className={classes.rows} aria-label="Malware">
          {rows.map((row) => (
            <li key={row.id}>
              <SeverityMark severity={row.severity} />
              <div className={classes.what}>
                <Go to={`/findings/${encodeURIComponent(row.id)}`} className={classes.name}>
                  {row.title}
                </Go>
                {row.summary && <div className={classes.quiet}>{row.summary}</div>}
              </div>
              <div className={classes.side}>
                <div className={classes.quiet}>
                  since <Time at={row.first_seen} />
                </div>
              </div>
            </li>
          ))}
        </ul>
      </Panel>
    </>
  );
}

function Secret({ secret }: { secret: ImageSecret }) {
  const { layer, removed_in: removed, line, proof, place } = secret;
  return (
    <li>
      <SeverityMark severity={secret.severity} />
      <div className={classes.what}>
        <Go to={`/findings/${encodeURIComponent(secret.id)}`} className={classes.name}>
          {secret.title}
        </Go>
        <div>
          <span className={classes.quiet}>{PLACE[place]}</span>{' '}
          <code>
            {place === 'file' ? `/${secret.path}` : secret.path}
            {typeof line === 'number' && `:${line}`}
          </code>
        </div>
        <div className={classes.quiet}>
          {secret.redacted && <code>{secret.redacted}</code>}
          {secret.redacted && proof && ' · '}
          {proof}
        </div>
      </div>
      <div className={classes.side}>
        {typeof layer === 'number' && (
          <div>
            layer {layer}
            {typeof removed === 'number' && `, deleted in ${removed}`}
          </div>
        )}
        <div className={classes.quiet}>
          since <Time at={secret.first_seen} />
          {secret.assignee && `, ${secret.assignee} takes care`}
        </div>
      </div>
    </li>
  );
}

function Settings({ detail }: { detail: ImageDetail }) {
  const { id, environment } = detail.image;
  const q = `kind:misconfiguration ${term('asset', id)}`;
  const query = useInfiniteQuery(queries.findings({ environment, q }));
  if (query.isPending) return <Waiting label="settings" rows={4} />;
  if (query.error && !query.data)
    return <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />;
  const rows: Finding[] = query.data?.pages.flatMap((page) => page.items) ?? [];
  const total = query.data?.pages[0]?.total ?? rows.length;
  return (
    <Panel
      title="Recommendations it does not meet"
      aside={
        total > 0 ? (
          <Go to="/findings" search={{ q }}>
            {plural(total, 'finding')}
          </Go>
        ) : (
          '0 open'
        )
      }
      flush
    >
      {rows.length === 0 ? (
        <p className={classes.none}>
          It is set up as recommended: user, programs, build steps and licences.
        </p>
      ) : (
        <ul className={classes.rows} aria-label="Recommendations it does not meet">
          {rows.map((row) => (
            <li key={row.id}>
              <SeverityMark severity={row.severity} />
              <div className={classes.what}>
                <Go to={`/findings/${encodeURIComponent(row.id)}`} className={classes.name}>
                  {row.title}
                </Go>
                {row.summary && <div className={classes.quiet}>{row.summary}</div>}
              </div>
              <div className={classes.side}>
                <Go to={`/recommendations/${encodeURIComponent(row.rule)}`} className="mono">
                  {row.rule}
                </Go>
                <div className={classes.quiet}>
                  since <Time at={row.first_seen} />
                </div>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
