import { Page } from '../../components/Page';

export function ScansPage() {
  return <Page title="Scans">…</Page>;
}
