import { Page } from '../../components/Page';

export function ImagePage() {
  return <Page title="Image">…</Page>;
}
