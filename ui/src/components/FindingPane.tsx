import { ActionIcon } from '@mantine/core';
import { IconArrowsDiagonal } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../api/queries';
import type { Finding, Layer } from '../api/types';
import { Pane, PaneSection } from '../ui/Pane';
import { Tooltip } from '../ui/Tooltip';
import type { Decision } from './Decide';
import { FindingActions } from './FindingActions';
import { FindingMarks, partsOf, What } from './FindingView';
import { keepEnvironment } from './Names';
import { Missing } from './NotFoundPage';
import { ProblemNotice } from './ProblemNotice';

/** One finding beside its list. */
export function FindingPane({
  id,
  row,
  layers,
  onClose,
  onDecide,
}: {
  id: string;
  /** The list’s own row, which needs no waiting for. */
  row: Finding | undefined;
  layers?: Layer[] | undefined;
  onClose: () => void;
  onDecide: (decision: Decision, finding: Finding) => void;
}) {
  const { data, error } = useQuery(queries.finding(id));
  const detail = data?.finding.id === id ? data : undefined;
  const finding = detail?.finding ?? row;
  if (!finding) {
    return (
      <Pane label="Finding" title="Finding" onClose={onClose}>
        {error ? <Missing what="finding" /> : null}
      </Pane>
    );
  }
  const name = finding.title || finding.rule;
  return (
    <Pane
      label={name}
      title={name}
      onClose={onClose}
      aside={
        <Tooltip label="Open on a page of its own (Enter)">
          <ActionIcon
            component={Link}
            to="/findings/$id"
            params={{ id: finding.id } as never}
            search={keepEnvironment as never}
            size={24}
            variant="subtle"
            color="gray"
            aria-label="Open on a page of its own"
          >
            <IconArrowsDiagonal size={14} aria-hidden />
          </ActionIcon>
        </Tooltip>
      }
    >
      <FindingMarks finding={finding} detail={detail} />
      <FindingActions finding={finding} onDecide={(decision) => onDecide(decision, finding)} />
      {error && !detail && <ProblemNotice problem={error} title="The rest could not be fetched" />}
      <What shown={{ finding, detail }} />
      {partsOf({ finding, detail, layers }).map((part) => (
        <PaneSection key={part.id} title={part.title}>
          {part.body}
        </PaneSection>
      ))}
    </Pane>
  );
}
