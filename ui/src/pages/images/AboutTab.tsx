import type { ImageDetail, Layer } from '../../api/types';
import { DigestText, ImageLink } from '../../components/Names';
import { shortDigest } from '../../lib/format';
import { Command } from '../../ui/Copy';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './images.module.css';

/** What the image says of itself, and what could not be read of it. */
export function AboutTab({ detail, layers }: { detail: ImageDetail; layers: Layer[] | undefined }) {
  const { image, config, warnings, base } = detail;
  const labels = Object.entries(config?.labels ?? {});
  return (
    <div className={classes.about}>
      {warnings.length > 0 && (
        <Panel title="Could not be read" aside={`${warnings.length}`}>
          <ul className={classes.warnings}>
            {warnings.map((warning, index) => {
              const layer = layers?.find((each) => each.diff_id === warning.layer);
              return (
                <li key={index}>
                  {warning.path && <code>/{warning.path}</code>}
                  <div>{warning.message}</div>
                  {warning.layer && (
                    <div className={classes.quiet}>
                      {layer ? `layer ${layer.index}` : `layer ${shortDigest(warning.layer)}`}
                    </div>
                  )}
                </li>
              );
            })}
          </ul>
        </Panel>
      )}
      <Panel title="Identity">
        <Facts>
          <Fact term="Scanned as">
            <code>{detail.target}</code>
          </Fact>
          {image.digest && (
            <Fact term="Manifest">
              <DigestText digest={image.digest} />
            </Fact>
          )}
          {image.config_digest && (
            <Fact term="Image id">
              <DigestText digest={image.config_digest} />
            </Fact>
          )}
          {base && (
            <Fact term="Built on">
              {base.image ? <ImageLink image={{ ...base.image, name: base.name }} /> : base.name}
              {base.newer && (
                <div className={classes.quiet}>
                  a newer build is here: <ImageLink image={base.newer} isShort />
                </div>
              )}
            </Fact>
          )}
          {image.tags && image.tags.length > 0 && <Fact term="Tags">{image.tags.join(', ')}</Fact>}
          <Fact term="First scanned">
            <Time at={image.first_scanned} />
          </Fact>
          <Fact term="Last scanned">
            <Time at={image.last_scanned} />
          </Fact>
          <Fact term="Matched">
            <Time at={image.assessed} /> against database{' '}
            <code>{detail.generation.slice(0, 8)}</code>
          </Fact>
        </Facts>
      </Panel>
      {config && (
        <Panel title="Configuration">
          <Facts>
            {config.created && (
              <Fact term="Built">
                <Time at={config.created} />
              </Fact>
            )}
            <Fact term="User">{config.user || 'root'}</Fact>
            {config.author && <Fact term="Author">{config.author}</Fact>}
            {config.entrypoint.length > 0 && (
              <Fact term="Entry point">
                <code>{config.entrypoint.join(' ')}</code>
              </Fact>
            )}
            {config.command.length > 0 && (
              <Fact term="Command">
                <code>{config.command.join(' ')}</code>
              </Fact>
            )}
          </Facts>
        </Panel>
      )}
      {labels.length > 0 && (
        <Panel title="Labels" aside={`${labels.length}`}>
          <Facts>
            {labels.map(([key, value]) => (
              <Fact key={key} term={key}>
                {value}
              </Fact>
            ))}
          </Facts>
        </Panel>
      )}
      <Panel title="The same from the command line">
        <Command>{`seawall scan ${/^[\w@./:+~-]+$/.test(detail.target) ? detail.target : `'${detail.target.replaceAll("'", "'\\''")}'`}`}</Command>
      </Panel>
    </div>
  );
}
