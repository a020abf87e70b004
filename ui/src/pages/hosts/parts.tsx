import type { Host, HostError, HostTls } from '../../api/hosts';
import { type Health, HealthMark } from '../../components/HealthMark';
import { Notice } from '../../ui/Notice';
import { Time } from '../../ui/Time';
import classes from './hosts.module.css';

export const STATE: Record<Host['state'], { word: string; doc: string; mark: Health }> = {
  new: { word: 'Not looked at', doc: 'It was added, and no look has ended yet', mark: 'degraded' },
  reached: { word: 'Reached', doc: 'The last look got through', mark: 'healthy' },
  unreached: {
    word: 'Not reached',
    doc: 'The last look did not get through; what was seen before still stands',
    mark: 'silent',
  },
  paused: { word: 'Paused', doc: 'Nobody looks at it', mark: 'off' },
};

export function StateMark({ host }: { host: Pick<Host, 'state' | 'error'> }) {
  const { word, doc, mark } = STATE[host.state];
  return (
    <HealthMark health={mark} why={host.error?.message ?? doc}>
      {word}
    </HealthMark>
  );
}

/** Why a host was not reached, and what to do about it. */
export function Unreached({ error }: { error: HostError }) {
  return (
    <Notice tone="bad" title={error.message}>
      {error.advice}
    </Notice>
  );
}

/** How the connection is protected. */
export function Tls({
  tls,
  plain,
  unverified,
}: {
  tls: HostTls | null | undefined;
  plain: readonly string[];
  unverified: readonly string[];
}) {
  return (
    <>
      {plain.length > 0 && (
        <Notice tone="bad" title="Whoever reaches it is root on it">
          It answers without TLS on {plain.join(', ')}. Start its engine with{' '}
          <code>--tlsverify</code>, and bind it to an address that only administrators reach.
        </Notice>
      )}
      {unverified.length > 0 && (
        <Notice tone="bad" title="It does not ask who asks">
          On {unverified.join(', ')} it speaks TLS, and takes any client. Start its engine with{' '}
          <code>--tlsverify</code> and <code>--tlscacert</code>.
        </Notice>
      )}
      {tls ? (
        <table className={classes.table}>
          <caption className={classes.quiet}>
            TLS {tls.version ?? 'of an unknown version'}
            {(tls.old_versions ?? []).length > 0 &&
              `; it agrees on old versions too: ${tls.old_versions?.join(', ')}`}
          </caption>
          <thead>
            <tr>
              <th scope="col">Certificate of</th>
              <th scope="col">Named</th>
              <th scope="col">Key</th>
              <th scope="col">Ends</th>
            </tr>
          </thead>
          <tbody>
            {tls.certificates.map((each) => (
              <tr key={`${each.of} ${each.subject}`}>
                <td>{each.of}</td>
                <td className={classes.wrap}>{each.subject}</td>
                <td>
                  {each.key} {each.bits ?? ''}
                </td>
                <td>
                  <Time at={each.not_after} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        plain.length === 0 && <p className={classes.quiet}>Not seen yet.</p>
      )}
    </>
  );
}
