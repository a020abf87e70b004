import { useInfiniteQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import { NothingFound } from '../../components/Empty';
import { ScanTable } from '../../components/ScanTable';

export function HistoryTab({ id }: { id: string }) {
  const query = useInfiniteQuery(queries.imageScans(id));
  return (
    <ScanTable
      query={query}
      isOfOneImage
      empty={
        <NothingFound title="No scan is on record">
          <p>Records of old scans are dropped after a while; what they found is kept.</p>
        </NothingFound>
      }
    />
  );
}
