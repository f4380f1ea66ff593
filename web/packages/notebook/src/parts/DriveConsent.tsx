/** Asks the person whose code wants it for their drive. Nobody else sees the question, and nothing is assumed. */
import { useEffect, useState } from 'react';
import type { InputRequest } from '@labora/document';
import { Button, Dialog, t, toast } from '@labora/ui';
import { useController, useRoom, useStatus } from '../model/context';

/** How long the dialog shows before it takes an answer: a click or key that was meant for something else is none. */
const SETTLE_MS = 400;

function Question({ executionId, input, name }: { executionId: string; input: InputRequest; name: string }) {
  const controller = useController();
  const [always, setAlways] = useState(false);
  const [sent, setSent] = useState(false);
  const [settled, setSettled] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(true), SETTLE_MS);
    return () => clearTimeout(timer);
  }, []);
  const ask = input.ask;
  if (!ask) return null;
  async function answer(allow: boolean) {
    if (sent || (allow && !settled)) return;
    setSent(true);
    const args = { execution_id: executionId, request_id: input.request_id, allow, always: allow && always };
    const done = (await controller.send('consent', args)) as { message?: string | null } | null;
    if (done?.message) toast({ message: done.message, kind: 'error' });
    if (done === null) setSent(false);
  }
  const text = ask.readonly ? 'notebook.drive.textReadOnly' : 'notebook.drive.text';
  return (
    <Dialog
      open
      onClose={() => void answer(false)}
      title={t('notebook.drive.title')}
      description={t(text, { name, place: ask.mountpoint })}
      footer={
        <>
          <Button onClick={() => void answer(false)} disabled={sent}>
            {t('notebook.drive.deny')}
          </Button>
          <Button variant="primary" onClick={() => void answer(true)} busy={sent} disabled={!settled}>
            {t('notebook.drive.allow')}
          </Button>
        </>
      }
    >
      <label className="nb-consent-always">
        <input type="checkbox" checked={always} onChange={(event) => setAlways(event.target.checked)} />
        <span>{t('notebook.drive.always')}</span>
      </label>
    </Dialog>
  );
}

export function DriveConsent() {
  const { room } = useController();
  const { account, file } = useStatus();
  const inputs = useRoom('inputs', () => room.state.inputs);
  const found = Object.entries(inputs).find(
    ([, input]) => input.ask?.kind === 'drive.mount' && input.account_id === account?.id,
  );
  if (!found) return null;
  const [executionId, input] = found;
  return <Question key={input.request_id} executionId={executionId} input={input} name={file?.name ?? ''} />;
}
