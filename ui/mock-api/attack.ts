// The part of ATT&CK that concerns containers.

import type { AttackMatrix, Finding } from '../src/api/types';
import { DEEDS } from './audit';
import { RULES } from './rules';
import { isOpen, RANK } from './world';

type Line = [id: string, slug: string, name: string, techniques: string];

const LINES: Line[] = [
  [
    'TA0001',
    'initial-access',
    'Initial Access',
    'T1078 Valid Accounts|T1133 External Remote Services|T1190 Exploit Public-Facing Application',
  ],
  [
    'TA0002',
    'execution',
    'Execution',
    'T1053.007 Container Orchestration Job|T1059.004 Unix Shell|T1204.003 Malicious Image|T1609 Container Administration Command|T1610 Deploy Container',
  ],
  [
    'TA0003',
    'persistence',
    'Persistence',
    'T1098.006 Additional Container Cluster Roles|T1136.001 Local Account|T1525 Implant Internal Image|T1543.005 Container Service',
  ],
  [
    'TA0004',
    'privilege-escalation',
    'Privilege Escalation',
    'T1068 Exploitation for Privilege Escalation|T1098.006 Additional Container Cluster Roles|T1610 Deploy Container|T1611 Escape to Host',
  ],
  [
    'TA0005',
    'defense-evasion',
    'Defense Evasion',
    'T1036.005 Match Legitimate Resource Name|T1070 Indicator Removal|T1550.001 Application Access Token|T1562.001 Disable or Modify Tools|T1612 Build Image on Host',
  ],
  [
    'TA0006',
    'credential-access',
    'Credential Access',
    'T1110.001 Password Guessing|T1528 Steal Application Access Token|T1552.001 Credentials In Files|T1552.005 Cloud Instance Metadata API|T1552.007 Container API',
  ],
  [
    'TA0007',
    'discovery',
    'Discovery',
    'T1046 Network Service Discovery|T1069 Permission Groups Discovery|T1613 Container and Resource Discovery',
  ],
  [
    'TA0008',
    'lateral-movement',
    'Lateral Movement',
    'T1210 Exploitation of Remote Services|T1550.001 Application Access Token',
  ],
  ['TA0010', 'exfiltration', 'Exfiltration', 'T1048 Exfiltration Over Alternative Protocol'],
  [
    'TA0040',
    'impact',
    'Impact',
    'T1485 Data Destruction|T1490 Inhibit System Recovery|T1496 Resource Hijacking|T1498 Network Denial of Service|T1499 Endpoint Denial of Service',
  ],
];

export const TACTICS = LINES.map(([id, slug, name]) => ({ id, slug, name }));

export function matrixOf(findings: Finding[]): AttackMatrix {
  const alerts = findings.filter((finding) => finding.kind === 'alert' && isOpen(finding));
  return {
    version: '19.1',
    tactics: LINES.map(([id, slug, name, techniques]) => {
      const here = alerts.filter((finding) => finding.tactics?.includes(slug));
      return {
        id,
        slug,
        name,
        alerts: here.length,
        covered: techniques
          .split('|')
          .filter((text) =>
            RULES.some(
              (rule) => rule.kind === 'alert' && rule.techniques.includes(text.split(' ')[0] ?? ''),
            ),
          ).length,
        techniques: techniques.split('|').map((text) => {
          const gap = text.indexOf(' ');
          const technique = text.slice(0, gap);
          const mine = here.filter((finding) => finding.techniques?.includes(technique));
          const worst = [...mine].sort(
            (a, b) => (RANK[a.severity] ?? 9) - (RANK[b.severity] ?? 9),
          )[0];
          const rules = RULES.filter((rule) => rule.techniques.includes(technique));
          const watching = rules.filter((rule) => rule.kind === 'alert');
          return {
            id: technique,
            name: text.slice(gap + 1),
            ...(technique.includes('.') ? { parent: technique.split('.')[0] } : {}),
            url: `https://attack.mitre.org/techniques/${technique.replace('.', '/')}/`,
            rules: watching.length,
            sources: ['k8s_audit', 'syscall']
              .map((source) => ({
                source,
                rules: watching.filter(
                  (rule) => Object.hasOwn(DEEDS, rule.id) === (source === 'k8s_audit'),
                ).length,
              }))
              .filter((each) => each.rules > 0),
            disabled: 0,
            cases: watching.length * 4,
            hits: findings
              .filter(
                (finding) => finding.kind === 'alert' && finding.techniques?.includes(technique),
              )
              .reduce((sum, finding) => sum + finding.occurrences, 0),
            gap: watching.length === 0,
            recommendations: rules.filter((rule) => rule.kind === 'misconfiguration').length,
            alerts: mine.length,
            ...(worst ? { severity: worst.severity } : {}),
          };
        }),
      };
    }),
  };
}
