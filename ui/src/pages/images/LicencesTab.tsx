// The licences of one image, and which of its packages may not be shipped.

import { useQuery } from '@tanstack/react-query';
import { contents } from '../../api/contents';
import { Go } from '../../components/Go';
import { ForbiddenMark, LicenceClassMark } from '../../components/Licence';
import { Waiting } from '../../components/List';
import { ProblemBlank } from '../../components/ProblemNotice';
import { count, plural } from '../../lib/format';
import { Panel } from '../../ui/Panel';
import classes from './contents.module.css';

export function LicencesTab({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(contents.imageLicenses(id));
  if (!data)
    return error ? (
      <ProblemBlank problem={error} onRetry={() => refetch()} />
    ) : (
      <Waiting label="licences" />
    );
  const { licenses, violations } = data;
  return (
    <div className={violations.length > 0 ? classes.grid : classes.stack}>
      <Panel title="Licences" aside={plural(licenses.length, 'licence')} flush>
        {licenses.length === 0 ? (
          <p className={classes.none}>
            None of its packages names one. Those of Debian and Ubuntu do in their documentation,
            which small images leave out.
          </p>
        ) : (
          <ul className={classes.rows} aria-label="Licences" data-plain>
            {licenses.map((each) => (
              <li key={each.license}>
                <div className={classes.what}>
                  <span>
                    <Go to="/licences" search={{ q: each.license }} className={classes.name}>
                      {each.license}
                    </Go>{' '}
                    <LicenceClassMark of={each.class} />
                  </span>
                  <span className={classes.quiet}>
                    {each.named.join(', ')}
                    {each.packages > each.named.length &&
                      ` and ${count(each.packages - each.named.length)} more`}
                  </span>
                </div>
                <div className={classes.side}>{plural(each.packages, 'package')}</div>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      {violations.length > 0 && (
        <Panel title="May not be shipped" aside={plural(violations.length, 'package')} flush>
          <ul className={classes.rows} aria-label="May not be shipped" data-plain>
            {violations.map((each) => (
              <li key={`${each.package} ${each.version} ${each.license}`}>
                <div className={classes.what}>
                  <span>
                    <b>{each.package}</b> <span className="mono">{each.version}</span>
                  </span>
                  <span className={classes.quiet}>
                    {each.license || 'no licence named'}
                    {each.unclear && ': nobody knows it, and only some are allowed'}
                  </span>
                </div>
                <div className={classes.side}>
                  <ForbiddenMark />
                </div>
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </div>
  );
}
