import { useEffect, useRef, useState } from 'react';
import { type ExportFormat, exchange } from '@labora/api';
import { Banner, Button, Dialog, Progress, Select, errorText, t, toast } from '@labora/ui';
import './messages';
import './exchange.css';

const FORMATS: ExportFormat[] = ['html', 'pdf', 'md', 'py', 'py-light', 'ipynb'];

export interface ExchangeDialogProps {
  file: { id: string; name: string };
  onClose: () => void;
}

/** Hands bytes to the browser as a download. */
export function handOver(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A notebook in another format, with or without code and outputs; closing the dialog ends the work. */
export function DownloadDialog({ file, onClose }: ExchangeDialogProps) {
  const [format, setFormat] = useState<ExportFormat>('html');
  const [code, setCode] = useState(true);
  const [outputs, setOutputs] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);
  const script = format.startsWith('py');
  async function download() {
    if (busy) return;
    const mine = new AbortController();
    control.current = mine;
    setBusy(true);
    setError(null);
    try {
      const { blob, name } = await exchange.export(file.id, { format, code, outputs: outputs && !script }, mine.signal);
      handOver(blob, name);
      toast({ kind: 'ok', message: t('exchange.download.done', { name }) });
      onClose();
    } catch (reason) {
      if (mine.signal.aborted) return;
      setError(reason);
      setBusy(false);
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      onSubmit={() => void download()}
      title={t('exchange.download.title')}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" icon="download" busy={busy}>
            {t('exchange.download.action')}
          </Button>
        </>
      }
    >
      <div className="exchange-form">
        <Select
          label={t('exchange.download.format')}
          data-autofocus=""
          value={format}
          disabled={busy}
          hint={t(`exchange.download.hints.${format}`)}
          options={FORMATS.map((value) => ({ value, label: t(`exchange.download.formats.${value}`) }))}
          onChange={setFormat}
        />
        <fieldset className="exchange-checks" disabled={busy}>
          <legend>{t('exchange.download.include')}</legend>
          <label>
            <input type="checkbox" checked={code} onChange={(event) => setCode(event.target.checked)} />
            {t('exchange.download.code')}
          </label>
          <label>
            <input
              type="checkbox"
              checked={outputs && !script}
              disabled={script}
              onChange={(event) => setOutputs(event.target.checked)}
            />
            {t('exchange.download.outputs')}
          </label>
        </fieldset>
        {busy && (
          <div role="status">
            <p className="exchange-note">{t('exchange.download.working')}</p>
            <Progress value={null} label={t('exchange.download.working')} />
          </div>
        )}
        {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
      </div>
    </Dialog>
  );
}
