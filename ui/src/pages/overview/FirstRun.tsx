import { Button, Title } from '@mantine/core';
import { IconBox, IconDatabaseImport, IconFlask } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useDemo } from '../../api/actions';
import type { Overview } from '../../api/types';
import { useActivity } from '../../components/live';
import { keepEnvironment } from '../../components/Names';
import { ProblemNotice } from '../../components/ProblemNotice';
import { ScanForm } from '../../components/StartScan';
import { count } from '../../lib/format';
import { DatabasePanel } from './DatabasePanel';
import classes from './overview.module.css';
import { RunningScans } from './RunningScans';

/** Nothing is known yet: three ways to change that. */
export function FirstRun({ overview }: { overview: Overview }) {
  const demo = useDemo();
  const navigate = useNavigate();
  const { database } = overview;
  const isScanning = useActivity().length > 0;
  return (
    <>
      <div className={classes.welcome}>
        <Title order={2} fz={20}>
          {isScanning ? 'The first scans are under way' : 'Nothing has been scanned yet'}
        </Title>
        <p>
          {isScanning
            ? 'This machine’s own packages and every local image are looked at first. Results appear here by themselves.'
            : 'Seawall looks into container images and machines, and tells which of their packages are known to be vulnerable and what to do about it.'}
        </p>
      </div>
      {isScanning && (
        <div className={classes.pair}>
          <RunningScans />
          <DatabasePanel database={database} />
        </div>
      )}
      <div className={classes.cards}>
        <Card icon={<IconBox size={20} stroke={1.6} aria-hidden />} title="Scan an image">
          <ScanForm />
        </Card>
        <Card
          icon={<IconDatabaseImport size={20} stroke={1.6} aria-hidden />}
          title="Get the advisories"
        >
          <p>
            {database.state === 'starter'
              ? `Only the ${count(database.advisories)} built-in starter advisories are here. ${
                  database.activity
                    ? 'The whole database is on its way.'
                    : 'Update from the network, or import a bundle where there is none.'
                }`
              : `${count(database.advisories)} advisories are here and up to date.`}
          </p>
          {!isScanning && database.problem && (
            <p className={classes.quiet}>
              The last update failed: {database.problem.message}. {database.problem.advice}
            </p>
          )}
          <Button
            size="xs"
            variant="default"
            component={Link}
            to="/database"
            search={keepEnvironment as never}
          >
            Open the database
          </Button>
        </Card>
        <Card
          icon={<IconFlask size={20} stroke={1.6} aria-hidden />}
          title="Load the demonstration"
        >
          <p>
            A small made-up environment, scanned by the real pipelines, to look around in. It is
            kept apart, clearly marked, and removed with one click.
          </p>
          {demo.error && <ProblemNotice problem={demo.error} title="It was not loaded" />}
          <Button
            size="xs"
            variant="default"
            loading={demo.isPending}
            onClick={() =>
              demo.mutate(true, {
                onSuccess: () => navigate({ to: '/', search: { environment: 'demo' } as never }),
              })
            }
          >
            Load it
          </Button>
        </Card>
      </div>
    </>
  );
}

function Card({ icon, title, children }: { icon: ReactNode; title: string; children: ReactNode }) {
  return (
    <section className={classes.card}>
      <div className={classes.cardTitle}>
        {icon}
        <Title order={3} fz={15}>
          {title}
        </Title>
      </div>
      {children}
    </section>
  );
}
