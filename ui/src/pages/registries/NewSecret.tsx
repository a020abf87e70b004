import type { RegistryMade } from '../../api/registries';
import { Secret } from '../../components/Secret';
import { HowToTell } from './HowToTell';

/** The secret of a registry's webhooks, shown this once, and where it goes. */
export function NewSecret({
  made,
  title,
  onDone,
}: {
  made: RegistryMade;
  title: string;
  onDone: () => void;
}) {
  return (
    <Secret
      title={title}
      value={made.secret}
      what="the secret"
      more={<HowToTell registry={made.registry} url={made.url} secret={made.secret} />}
      onDone={onDone}
    >
      This secret proves that a webhook is from there. It is shown this once; a new one can be made
      at any time.
    </Secret>
  );
}
