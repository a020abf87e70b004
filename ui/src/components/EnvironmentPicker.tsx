import {
  IconCheck,
  IconChevronDown,
  IconFlask,
  IconServer2,
  IconTopologyStar3,
  IconTrash,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useDemo } from '../api/actions';
import { queries } from '../api/queries';
import { plural } from '../lib/format';
import { Menu } from '../ui/Menu';
import { PlainButton } from '../ui/PlainButton';
import classes from './EnvironmentPicker.module.css';
import { LOCAL, useScope, useUrl } from './url';

const MOST = 40;

/**
 * Whose things are shown: an environment, a cluster or host of it, a
 * namespace. The demonstration is never mistaken for them.
 */
export function EnvironmentPicker() {
  const { data } = useQuery(queries.environments());
  const scope = useScope();
  const [, set] = useUrl();
  const navigate = useNavigate();
  const demo = useDemo();
  const [isOpen, setOpen] = useState(false);
  const environments = data ?? [];
  const current = environments.find((each) => each.id === scope.environment);
  const isDemo = current?.demo ?? false;
  const hasDemo = environments.some((each) => each.demo);
  const go = (id: string | undefined) =>
    navigate({ to: '/', search: { environment: id } as never });
  const { data: places } = useQuery({
    ...queries.assetsBelow(scope.environment, undefined, 'cluster,host'),
    enabled: isOpen,
  });
  // A cluster's nodes are hosts too; only what stands by itself is a scope.
  const clusters = (places?.items ?? []).filter(
    ({ asset }) => asset.cluster === undefined || asset.cluster === asset.name,
  );
  const { data: spaces } = useQuery({
    ...queries.assetsBelow(
      scope.environment,
      clusters.find(({ asset }) => asset.name === scope.cluster)?.asset.id,
      'namespace',
    ),
    enabled: isOpen && (scope.cluster === undefined || clusters.length > 0),
  });
  const namespaces = [...new Set((spaces?.items ?? []).map(({ asset }) => asset.name))].sort();
  const name = [current?.name ?? '…', scope.cluster, scope.ns].filter(Boolean).join(' › ');

  return (
    <Menu position="bottom-start" width={270} onChange={setOpen}>
      <Menu.Target>
        <PlainButton
          className={classes.button}
          data-demo={isDemo || undefined}
          data-part={scope.q !== '' || undefined}
          aria-label={`Scope: ${name}`}
        >
          {isDemo ? <IconFlask size={14} aria-hidden /> : <IconServer2 size={14} aria-hidden />}
          <span className="truncate">{name}</span>
          <IconChevronDown size={12} aria-hidden />
        </PlainButton>
      </Menu.Target>
      <Menu.Dropdown className={classes.drop}>
        <Menu.Label>Environment</Menu.Label>
        {environments.map((each) => (
          <Choice
            key={each.id}
            icon={each.demo ? <IconFlask size={14} /> : <IconServer2 size={14} />}
            isChosen={each.id === current?.id}
            onClick={() => go(each.id === LOCAL ? undefined : each.id)}
          >
            {each.name}
            <span className={classes.count}>{plural(each.images, 'image')}</span>
          </Choice>
        ))}
        {clusters.length > 0 && (
          <>
            <Menu.Label>Cluster or host</Menu.Label>
            {scope.cluster && (
              <Choice onClick={() => set({ cluster: undefined, ns: undefined }, 'push')}>
                All of them
              </Choice>
            )}
            {clusters.slice(0, MOST).map(({ asset }) => (
              <Choice
                key={asset.id}
                icon={<IconTopologyStar3 size={14} />}
                isChosen={asset.name === scope.cluster}
                onClick={() => set({ cluster: asset.name, ns: undefined }, 'push')}
              >
                {asset.name}
              </Choice>
            ))}
          </>
        )}
        {namespaces.length > 0 && (
          <>
            <Menu.Label>Namespace</Menu.Label>
            {scope.ns && (
              <Choice onClick={() => set({ ns: undefined }, 'push')}>All of them</Choice>
            )}
            {namespaces.slice(0, MOST).map((ns) => (
              <Choice key={ns} isChosen={ns === scope.ns} onClick={() => set({ ns }, 'push')}>
                {ns}
              </Choice>
            ))}
          </>
        )}
        <Menu.Divider />
        {hasDemo ? (
          <Menu.Item
            leftSection={<IconTrash size={14} aria-hidden />}
            disabled={demo.isPending}
            onClick={() => demo.mutate(false, { onSuccess: () => go(undefined) })}
          >
            Remove the demonstration
          </Menu.Item>
        ) : (
          <Menu.Item
            leftSection={<IconFlask size={14} aria-hidden />}
            disabled={demo.isPending}
            onClick={() => demo.mutate(true, { onSuccess: () => go('demo') })}
          >
            Load the demonstration
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function Choice({
  icon,
  isChosen = false,
  onClick,
  children,
}: {
  icon?: ReactNode;
  isChosen?: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <Menu.Item
      leftSection={<span aria-hidden>{icon}</span>}
      rightSection={isChosen ? <IconCheck size={14} aria-label="current" /> : null}
      onClick={onClick}
    >
      {children}
    </Menu.Item>
  );
}
