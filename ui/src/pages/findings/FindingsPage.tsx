import { Page } from '../../components/Page';

export function FindingsPage() {
  return <Page title="Findings">…</Page>;
}
