import { lazy, Suspense } from 'react';
import { IconButton } from '@labora/ui';
import { commandOf } from '../model/commands';
import { useCanEdit, useController, useStore } from '../model/context';

const Notice = lazy(async () => ({ default: (await import('./SecretNotice')).SecretNotice }));
const Panel = lazy(async () => ({ default: (await import('./SecretsPanel')).SecretsPanel }));

/** Opens the panel of secrets. */
export function SecretsButton() {
  const controller = useController();
  const shown = useStore(controller.ui.secrets);
  const command = commandOf('view.secrets');
  return (
    <IconButton
      icon="key"
      className="nb-not-narrow"
      label={command.title}
      pressed={shown !== null}
      onClick={() => command.run(controller)}
    />
  );
}

export function SecretsSide() {
  const shown = useStore(useController().ui.secrets);
  return (
    shown && (
      <Suspense>
        <Panel wanted={shown} />
      </Suspense>
    )
  );
}

/** Only the last one: a program that asks for many cannot fill the page. */
export function SecretNotice() {
  const { client } = useController();
  const refused = useStore(client.secretRefused);
  const editable = useCanEdit();
  return (
    refused &&
    editable && (
      <Suspense>
        <Notice key={refused.name} {...refused} onDone={() => client.secretRefused.set(null)} />
      </Suspense>
    )
  );
}
