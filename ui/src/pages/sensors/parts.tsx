import type { Sensor, SensorState } from '../../api/sensors';
import { HealthMark } from '../../components/HealthMark';
import { Command } from '../../ui/Copy';
import classes from './sensors.module.css';

export const STATES: SensorState[] = ['silent', 'degraded', 'healthy'];

export const STATE: Record<SensorState, { word: string; doc: string }> = {
  healthy: { word: 'Healthy', doc: 'It is heard of, and nothing is lost' },
  degraded: { word: 'Degraded', doc: 'It works, and something is lost' },
  silent: { word: 'Silent', doc: 'Nothing was heard of it for a while: its node is not watched' },
};

/** How a sensor is, in a word and a shape. */
export function StateMark({ sensor }: { sensor: Pick<Sensor, 'state' | 'reasons'> }) {
  const { word, doc } = STATE[sensor.state];
  return (
    <HealthMark
      health={sensor.state}
      why={[doc, ...sensor.reasons].join('. ').replaceAll('..', '.')}
    >
      {word}
    </HealthMark>
  );
}

export const CLASS_NAME: Record<string, string> = {
  process: 'Processes',
  file: 'Files',
  network: 'Network',
  dns: 'Names asked for',
  privilege: 'Privilege',
  alert: 'Alerts',
};

export const className = (name: string) => CLASS_NAME[name] ?? name;

export const STAGE_NAME: Record<string, string> = {
  kernel: 'in the kernel',
  metadata: 'while asking whose it is',
  rules: 'while judging',
  spool: 'on the node’s disk',
  governor: 'by the processor budget',
};

/** "212", "1.4", "12k": events a second. */
export function rate(value: number): string {
  if (value >= 10_000) return `${Math.round(value / 1000)}k`;
  if (value >= 10) return Math.round(value).toLocaleString('en');
  return value === 0 ? '0' : value.toFixed(1);
}

/** Percent of one core. */
export const cpu = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} %`;

/** How the first sensor comes to a node. */
export function HowToInstall() {
  const server = location.origin;
  return (
    <div className={classes.install}>
      <p>On a host, with a token that may hand in events (Settings, API tokens):</p>
      <Command label="the command">
        {`sudo seawall-sensor run --server ${server} --token-file /etc/seawall/token`}
      </Command>
      <p>On every node of a Kubernetes cluster, as a DaemonSet:</p>
      <Command label="the command">kubectl apply -f deploy/sensor/daemonset.yaml</Command>
      <p>What a node’s kernel allows, and what would be lost without, beforehand:</p>
      <Command label="the command">sudo seawall-sensor doctor</Command>
    </div>
  );
}
