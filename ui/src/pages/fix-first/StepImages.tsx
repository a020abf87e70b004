// The images a step is to be done in, and, for each that runs, what runs
// it.

import { IconChevronRight } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { running, type WorkImage } from '../../api/running';
import { ImageLink } from '../../components/Names';
import { Owner, WorkloadPlace } from '../../components/Running';
import { count, plural } from '../../lib/format';
import { PlainButton } from '../../ui/PlainButton';
import classes from './fix-first.module.css';

const SHOWN = 10;

export function StepImages({ images }: { images: readonly WorkImage[] }) {
  const [isAll, setAll] = useState(false);
  const shown = isAll ? images : images.slice(0, SHOWN);
  return (
    <ul className={classes.images}>
      {shown.map((each) => (
        <Row key={each.image.id} row={each} />
      ))}
      {shown.length < images.length && (
        <li>
          <PlainButton className={classes.more} onClick={() => setAll(true)}>
            Show {plural(images.length - shown.length, 'more image')}
          </PlainButton>
        </li>
      )}
    </ul>
  );
}

function Row({ row }: { row: WorkImage }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li>
      <div className={classes.image}>
        <ImageLink image={row.image} />
        <span className={classes.quiet}>
          closes <b>{count(row.closes)}</b>
        </span>
        {row.running > 0 ? (
          <PlainButton
            className={classes.runs}
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
          >
            <IconChevronRight size={12} aria-hidden className={classes.chevron} />
            {plural(row.running, 'container')}
          </PlainButton>
        ) : (
          <span className={classes.quiet}>nothing runs it</span>
        )}
      </div>
      {isOpen && <Workloads row={row} />}
    </li>
  );
}

function Workloads({ row }: { row: WorkImage }) {
  const { data, error, isPending } = useQuery(running.one(row.image.id, row.image.environment));
  if (isPending) return <p className={classes.quiet}>Looking what runs it…</p>;
  if (error) return <p className={classes.quiet}>{error.message}</p>;
  if (!data) return <p className={classes.quiet}>Nothing runs it any more.</p>;
  return (
    <ul className={classes.workloads} aria-label={`What runs ${row.image.name}`}>
      {data.all_workloads.map((each) => (
        <li key={each.id}>
          <WorkloadPlace workload={each} />
          <span className={classes.quiet}>
            {plural(each.containers, 'container')} · owner: <Owner workload={each} />
          </span>
        </li>
      ))}
    </ul>
  );
}
