/** Under a cell whose code waits for files: chosen or dropped here, they go into the runtime, and their names back. */
import { useRef, useState } from 'react';
import { Button, t } from '@labora/ui';
import { useController, useStore } from '../model/context';
import type { UploadRequest } from './live-outputs';

export function UploadBox({ cellId }: { cellId: string }) {
  const requests = useStore(useController().live.uploads).get(cellId) ?? [];
  return requests.map((request) => <Chooser key={request.id} request={request} />);
}

function Chooser({ request }: { request: UploadRequest }) {
  const field = useRef<HTMLInputElement>(null);
  const [told, setTold] = useState('');
  const [busy, setBusy] = useState(false);

  async function send(chosen: readonly File[]) {
    const files = request.multiple ? chosen : chosen.slice(0, 1);
    if (files.length === 0 || busy) return;
    setBusy(true);
    const done: { name: string; size: number }[] = [];
    for (const file of files) {
      const { name, size } = file;
      const tell = (sent: number) =>
        setTold(t('live.upload.sending', { name, percent: size > 0 ? Math.round((100 * sent) / size) : 100 }));
      tell(0);
      try {
        await request.put(file, tell);
        done.push({ name, size });
      } catch (error) {
        if (request.signal.aborted) return;
        setTold(t('live.upload.failed', { name, message: error instanceof Error ? error.message : String(error) }));
        setBusy(false);
        return;
      }
    }
    request.answer(done);
  }

  return (
    // Dropping is a second way only: the button does the same.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      className="live-upload"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        void send([...event.dataTransfer.files]);
      }}
    >
      <span>{t('live.upload.label')}</span>
      <input
        ref={field}
        type="file"
        className="ui-hidden"
        tabIndex={-1}
        aria-label={t(request.multiple ? 'live.upload.choose' : 'live.upload.chooseOne')}
        multiple={request.multiple}
        accept={request.accept || undefined}
        onChange={(event) => void send([...(event.target.files ?? [])])}
      />
      <Button size="sm" variant="primary" busy={busy} onClick={() => field.current?.click()}>
        {t(request.multiple ? 'live.upload.choose' : 'live.upload.chooseOne')}
      </Button>
      <Button size="sm" disabled={busy} onClick={() => request.answer([])}>
        {t('live.upload.cancel')}
      </Button>
      <span role="status">{told}</span>
    </div>
  );
}
