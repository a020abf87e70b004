import { Page } from '../../components/Page';

export function ImagesPage() {
  return <Page title="Images">…</Page>;
}
