// The words settings show for the contract's.

import type { AuditEventFault, Permission, Role, SinkKind } from '../../api/settings';

export const ROLES: { id: Role; label: string; doc: string }[] = [
  {
    id: 'security_reader',
    label: 'Security reader',
    doc: 'Sees findings, images and recommendations; changes nothing.',
  },
  {
    id: 'security_admin',
    label: 'Security admin',
    doc: 'Also triages, exempts, scans and configures notifications.',
  },
  {
    id: 'platform_admin',
    label: 'Platform admin',
    doc: 'Manages people, tokens and environments; sees no findings.',
  },
];

export const PERMISSIONS: { id: Permission; label: string; doc: string }[] = [
  { id: 'view', label: 'View', doc: 'read findings, images, recommendations' },
  { id: 'triage', label: 'Triage', doc: 'dismiss, assign, comment' },
  { id: 'exempt', label: 'Exempt', doc: 'accept findings by exemptions' },
  { id: 'scan', label: 'Scan', doc: 'start and stop scans' },
  { id: 'configure', label: 'Configure', doc: 'notifications, advisories, settings' },
  { id: 'administer', label: 'Administer', doc: 'people, tokens, environments' },
  { id: 'ingest', label: 'Ingest', doc: 'hand in alerts and what pipelines saw' },
  { id: 'ingest_audit', label: 'Ingest audit', doc: 'hand in audit logs of API servers' },
  { id: 'metrics', label: 'Metrics', doc: 'read the server’s own numbers' },
];

export const roleLabel = (role: Role): string =>
  ROLES.find((each) => each.id === role)?.label ?? role;

export const permissionLabel = (permission: Permission): string =>
  PERMISSIONS.find((each) => each.id === permission)?.label ?? permission;

export const EVENTS: { id: string; label: string }[] = [
  { id: 'finding.opened', label: 'A finding opens' },
  { id: 'finding.reopened', label: 'A finding opens again' },
  { id: 'finding.changed', label: 'A finding changes' },
  { id: 'finding.resolved', label: 'A finding is resolved' },
  { id: 'finding.dismissed', label: 'A finding is dismissed' },
  { id: 'finding.exempted', label: 'A finding is exempted' },
  { id: 'recommendation.changed', label: 'A recommendation changes' },
];

export const eventLabel = (id: string): string =>
  EVENTS.find((each) => each.id === id)?.label ?? id;

export function kindLabel(kind: SinkKind, known: { kind: SinkKind; title: string }[]): string {
  return known.find((each) => each.kind === kind)?.title ?? kind;
}

/** What can be wrong with an audit event. */
export const EVENT_FAULT: Record<AuditEventFault, string> = {
  not_json: 'not JSON, or half of it',
  wrong_kind: 'no audit event',
  wrong_shape: 'a field of the wrong type',
  missing_field: 'without an id, a time or a request',
  too_large: 'longer than is judged',
  duplicate: 'came before',
  unknown_version: 'of a version that is not known',
  not_utf8: 'bytes that are no text, replaced',
  clock_skew: 'its clock and ours are minutes apart',
  out_of_order: 'came late',
};
