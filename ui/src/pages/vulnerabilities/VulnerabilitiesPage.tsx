import { Page } from '../../components/Page';

export function VulnerabilitiesPage() {
  return <Page title="Vulnerabilities">…</Page>;
}
