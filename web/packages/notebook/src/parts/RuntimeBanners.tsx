/** What the person should know of their runtime: that it ends soon, why it ended, what runs out, what does not answer. */
import { useEffect, useState } from 'react';
import { api } from '@labora/api';
import type { KernelUse, RuntimeState } from '@labora/document';
import {
  Banner,
  Button,
  formatBytes,
  formatDuration,
  hasMessage,
  IconButton,
  t,
  HIGH,
  isSilent,
  shareOf,
} from '@labora/ui';
import type { NotebookController } from '../model/controller';
import { useController, useDocument } from '../model/context';
import { phaseOf, useRuntime } from './Toolbar';
import { useCountdown, useOwnKernel, useUsage } from './usage-hooks';

function Dismiss({ onClick }: { onClick: () => void }) {
  return <IconButton size="sm" icon="close" label={t('notebook.banner.dismiss')} onClick={onClick} />;
}

function EndingSoon({ runtime }: { runtime: RuntimeState }) {
  const controller = useController();
  const left = useCountdown(runtime.ends_at);
  if (left === null || runtime.status !== 'ready') return null;
  const idle = runtime.ends_reason === 'idle';
  return (
    <Banner
      kind="warn"
      title={
        // Counted down for the eye; a screen reader says it once.
        <span aria-live="off">{t('notebook.banner.endingTitle', { time: formatDuration(Math.max(1, left)) })}</span>
      }
      actions={
        idle && (
          <Button size="sm" onClick={() => void controller.keep()}>
            {t('notebook.banner.keep')}
          </Button>
        )
      }
    >
      {t(idle ? 'notebook.banner.endingIdle' : 'notebook.banner.endingLifetime')}
    </Banner>
  );
}

function endedTitle(runtime: RuntimeState): string {
  const known = `notebook.banner.endedTitle.${runtime.reason}`;
  return t(hasMessage(known) ? known : 'notebook.banner.ended');
}

function Ended({ runtime }: { runtime: RuntimeState }) {
  const controller = useController();
  const [dismissed, setDismissed] = useState<unknown>(null);
  if (dismissed === runtime) return null;
  return (
    <Banner
      kind="warn"
      title={endedTitle(runtime)}
      actions={
        <>
          <Button size="sm" onClick={() => controller.connect()}>
            {t('notebook.banner.reconnect')}
          </Button>
          <Dismiss onClick={() => setDismissed(runtime)} />
        </>
      }
    >
      {runtime.message ?? runtime.reason} {t('notebook.banner.endedText')}
    </Banner>
  );
}

function deadTitle(controller: NotebookController, runtime: RuntimeState): string {
  const index = controller.doc.indexOf(runtime.cell_id ?? '') + 1;
  if (index === 0) return t('notebook.banner.dead');
  const known = `notebook.banner.diedInCell.${runtime.reason}`;
  return t(hasMessage(known) ? known : 'notebook.banner.deadInCell', { index });
}

function Dead({ runtime }: { runtime: RuntimeState }) {
  const controller = useController();
  const [dismissed, setDismissed] = useState<unknown>(null);
  // The number of the cell follows when cells are moved.
  useDocument('order', controller.doc.cellIds);
  if (dismissed === runtime) return null;
  const cell = runtime.cell_id ?? '';
  return (
    <Banner
      kind="error"
      title={deadTitle(controller, runtime)}
      actions={
        <>
          {controller.doc.indexOf(cell) >= 0 && (
            <Button size="sm" variant="quiet" onClick={() => showCell(controller, cell)}>
              {t('notebook.banner.showCell')}
            </Button>
          )}
          <Button size="sm" onClick={() => void controller.send('restart')}>
            {t('notebook.banner.restart')}
          </Button>
          <Dismiss onClick={() => setDismissed(runtime)} />
        </>
      }
    >
      {t('notebook.banner.dead')}: {runtime.message ?? runtime.reason} {t('notebook.banner.deadText')}
    </Banner>
  );
}

/** The program ended its kernel on purpose, and there is a new one. */
function Restarted({ runtime }: { runtime: RuntimeState }) {
  const controller = useController();
  const [dismissed, setDismissed] = useState<string | null>(null);
  useDocument('order', controller.doc.cellIds);
  const life = `${runtime.runtime_id}:${runtime.life}`;
  if (dismissed === life) return null;
  const index = controller.doc.indexOf(runtime.cell_id ?? '') + 1;
  return (
    <Banner
      kind="info"
      title={t(index === 0 ? 'notebook.banner.restarted' : 'notebook.banner.restartedInCell', { index })}
      actions={<Dismiss onClick={() => setDismissed(life)} />}
    >
      {t('notebook.banner.deadText')}
    </Banner>
  );
}

function showCell(controller: NotebookController, cell: string): void {
  controller.activate(cell);
  document.querySelector(`[data-cell="${CSS.escape(cell)}"]`)?.scrollIntoView({ block: 'center' });
}

function NotResponding() {
  const controller = useController();
  const kernel = useOwnKernel();
  if (!isSilent(kernel)) return null;
  return (
    <Banner
      kind="warn"
      title={t('notebook.banner.silentTitle')}
      actions={
        <>
          <Button size="sm" onClick={() => controller.interrupt()}>
            {t('notebook.banner.silentInterrupt')}
          </Button>
          <Button size="sm" onClick={() => void controller.restart()}>
            {t('notebook.banner.restart')}
          </Button>
        </>
      }
    >
      {t('notebook.banner.silentText', { time: formatDuration(kernel?.silent_s ?? 0) })}
    </Banner>
  );
}

/** The name of the notebook that holds the most memory, asked for once a kernel. */
function useName(kernel: KernelUse | null, own: string): string | null {
  const [name, setName] = useState<string | null>(null);
  const file = kernel?.file_id ?? null;
  useEffect(() => {
    setName(null);
    if (file === null || file === own) return;
    const control = new AbortController();
    api
      .file(file, control.signal)
      .then((found) => setName(found.name.replace(/\.ipynb$/i, '')))
      .catch(() => setName(null));
    return () => control.abort();
  }, [file, own]);
  return name;
}

function whoUses(kernel: KernelUse | null, own: string, name: string | null): string {
  if (!kernel) return '';
  const memory = formatBytes(kernel.memory_bytes);
  if (kernel.file_id === own) return t('notebook.banner.mostThis', { memory });
  return name === null
    ? t('notebook.banner.mostUnknown', { memory })
    : t('notebook.banner.mostOther', { memory, name });
}

/** A warning that is dismissed stays away until the quantity has been low again. */
function useHigh(share: number | null): [boolean, () => void] {
  const [dismissed, setDismissed] = useState(false);
  const high = (share ?? 0) >= HIGH;
  useEffect(() => {
    if (!high) setDismissed(false);
  }, [high]);
  return [high && !dismissed, () => setDismissed(true)];
}

function HighUse() {
  const { fileId, ui } = useController();
  const meter = useUsage()?.meter;
  const memory = shareOf(meter?.memory_bytes ?? null, meter?.memory_limit ?? null);
  const disk = shareOf(meter?.disk_bytes ?? null, meter?.disk_limit ?? null);
  const [highMemory, dismissMemory] = useHigh(memory);
  const [highDisk, dismissDisk] = useHigh(disk);
  const largest =
    meter?.kernels.reduce<KernelUse | null>(
      (most, kernel) => (kernel.memory_bytes > (most?.memory_bytes ?? 0) ? kernel : most),
      null,
    ) ?? null;
  const name = useName(highMemory ? largest : null, fileId);
  const manage = (
    <Button size="sm" onClick={() => ui.dialog.set('sessions')}>
      {t('notebook.meters.manage')}
    </Button>
  );
  return (
    <>
      {highMemory && meter && (
        <Banner
          kind="warn"
          title={t('notebook.banner.highMemory', { percent: Math.floor((memory ?? 0) * 100) })}
          actions={
            <>
              {manage}
              <Dismiss onClick={dismissMemory} />
            </>
          }
        >
          {t('notebook.banner.highMemoryText', {
            used: formatBytes(meter.memory_bytes ?? 0),
            limit: formatBytes(meter.memory_limit ?? 0),
            who: whoUses(largest, fileId, name),
          })}
        </Banner>
      )}
      {highDisk && meter && (
        <Banner
          kind="warn"
          title={t('notebook.banner.highDisk', { percent: Math.floor((disk ?? 0) * 100) })}
          actions={
            <>
              {manage}
              <Dismiss onClick={dismissDisk} />
            </>
          }
        >
          {t('notebook.banner.highDiskText', {
            used: formatBytes(meter.disk_bytes ?? 0),
            limit: formatBytes(meter.disk_limit ?? 0),
          })}
          {(meter.disk_kills ?? 0) > 0 && ` ${t('notebook.banner.diskWriterEnded')}`}
        </Banner>
      )}
    </>
  );
}

export function RuntimeBanners() {
  const runtime = useRuntime();
  const phase = phaseOf(runtime);
  return (
    <>
      {runtime?.ends_at && <EndingSoon runtime={runtime} />}
      {runtime && phase === 'ended' && <Ended runtime={runtime} />}
      {runtime && phase === 'dead' && <Dead runtime={runtime} />}
      {runtime?.status === 'ready' && runtime.kernel !== 'dead' && runtime.reason === 'program' && (
        <Restarted runtime={runtime} />
      )}
      {phase === 'busy' && <NotResponding />}
      {(phase === 'ready' || phase === 'busy') && <HighUse />}
    </>
  );
}
