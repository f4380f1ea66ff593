/** RAM, disk and CPU of the account's runtime, small beside Connect; the figures open with a click. */
import { useState } from 'react';
import type { KernelUse, Meter } from '@labora/document';
import { Button, formatBytes, formatDuration, formatWhen, isSilent, levelOf, Popover, shareOf, t } from '@labora/ui';
import { useController } from '../model/context';
import type { Sample } from '../model/usage';
import { useUsage } from './usage-hooks';

interface Quantity {
  id: 'memory' | 'disk' | 'cpu';
  share: number | null;
  text: string;
}

const part = (used: number | null, limit: number | null): string =>
  used === null
    ? t('notebook.meters.none')
    : limit
      ? `${formatBytes(used)} / ${formatBytes(limit)}`
      : formatBytes(used);

export function quantities(meter: Meter): Quantity[] {
  const { memory_bytes, memory_limit, disk_bytes, disk_limit, cpu, cpus } = meter;
  const cores = cpu === null ? t('notebook.meters.none') : `${Math.round(cpu * 10) / 10} / ${cpus}`;
  return [
    { id: 'memory', share: shareOf(memory_bytes, memory_limit), text: part(memory_bytes, memory_limit) },
    { id: 'disk', share: shareOf(disk_bytes, disk_limit), text: part(disk_bytes, disk_limit) },
    { id: 'cpu', share: shareOf(cpu, cpus), text: cores },
  ];
}

/** A busy processor is no cause for alarm: only what runs out is coloured. */
const level = ({ id, share }: Quantity) => (id === 'cpu' ? 'ok' : levelOf(share));

function SmallBar({ quantity }: { quantity: Quantity }) {
  return (
    <span className="nb-meter" data-meter={quantity.id} data-level={level(quantity)}>
      <span className="nb-meter-name">{t(`notebook.meters.${quantity.id}`)}</span>
      <span className="ui-hidden">{quantity.text}</span>
      <span className="nb-meter-bar">
        <span style={{ width: `${(quantity.share ?? 0) * 100}%` }} />
      </span>
    </span>
  );
}

export function Meters() {
  const usage = useUsage();
  const [open, setOpen] = useState(false);
  if (!usage) return null;
  const all = quantities(usage.meter);
  const texts = Object.fromEntries(all.map(({ id, text }) => [id, text]));
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <button type="button" className="nb-meters" title={t('notebook.meters.button', texts)}>
          {all.map((quantity) => (
            <SmallBar key={quantity.id} quantity={quantity} />
          ))}
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="nb-usage"
          align="end"
          sideOffset={6}
          collisionPadding={8}
          aria-label={t('notebook.meters.title')}
        >
          <Figures all={all} meter={usage.meter} samples={usage.samples} onClose={() => setOpen(false)} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

interface FiguresProps {
  all: Quantity[];
  meter: Meter;
  samples: readonly Sample[];
  onClose: () => void;
}

function Figures({ all, meter, samples, onClose }: FiguresProps) {
  const controller = useController();
  const started = controller.runtime?.started_at;
  return (
    <>
      <h2>{t('notebook.meters.title')}</h2>
      <dl className="nb-usage-rows">
        {all.map((quantity) => (
          <div key={quantity.id} data-level={level(quantity)}>
            <dt>{t(`notebook.meters.${quantity.id}`)}</dt>
            <dd className="nb-meter-bar" aria-hidden="true">
              <span style={{ width: `${(quantity.share ?? 0) * 100}%` }} />
            </dd>
            <dd>{quantity.text}</dd>
          </div>
        ))}
      </dl>
      <Sparkline samples={samples} limit={meter.memory_limit} />
      {!meter.answers && <p className="nb-usage-note">{t('notebook.meters.noAnswer')}</p>}
      <ul className="nb-usage-kernels">
        {meter.kernels
          .filter((kernel) => kernel.status !== 'dead')
          .map((kernel) => (
            <Kernel key={kernel.kernel_id} kernel={kernel} own={kernel.file_id === controller.fileId} />
          ))}
      </ul>
      <div className="nb-usage-end">
        <span>{started && t('notebook.meters.started', { when: formatWhen(started) })}</span>
        <Button
          size="sm"
          icon="memory"
          onClick={() => {
            onClose();
            controller.ui.dialog.set('sessions');
          }}
        >
          {t('notebook.meters.manage')}
        </Button>
      </div>
    </>
  );
}

function Kernel({ kernel, own }: { kernel: KernelUse; own: boolean }) {
  const figures = {
    memory: formatBytes(kernel.memory_bytes),
    peak: formatBytes(Math.max(kernel.peak_bytes, kernel.memory_bytes)),
    cpu: formatDuration(kernel.cpu_seconds),
  };
  return (
    <li>
      <strong>{t(own ? 'notebook.meters.thisNotebook' : 'notebook.meters.otherNotebook')}</strong>
      <span>{t('notebook.meters.kernel', figures)}</span>
      {isSilent(kernel) && (
        <span className="nb-usage-silent">
          {t('notebook.meters.silent', { time: formatDuration(kernel.silent_s) })}
        </span>
      )}
    </li>
  );
}

const WIDTH = 280;
const HEIGHT = 44;

function Sparkline({ samples, limit }: { samples: readonly Sample[]; limit: number | null }) {
  const known = samples.filter((sample) => sample.memory !== null);
  const first = known[0];
  const last = known.at(-1);
  if (!first || !last || known.length < 2) return null;
  const top = limit ?? Math.max(...known.map((sample) => sample.memory ?? 0));
  const span = Math.max(1, last.at - first.at);
  const points = known.map(({ at, memory }) => {
    const x = ((at - first.at) / span) * WIDTH;
    const y = HEIGHT - 2 - Math.min(1, (memory ?? 0) / top) * (HEIGHT - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg
      className="nb-sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={t('notebook.meters.history', { time: formatDuration(span / 1000) })}
    >
      <polyline points={points.join(' ')} fill="none" />
    </svg>
  );
}
