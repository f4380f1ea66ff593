/** One runtime: what it uses, its clocks, and the notebooks that run on it. */
import type { ReactNode } from 'react';
import type { Runtime, RuntimeKernel } from '@labora/api';
import {
  Button,
  formatBytes,
  formatDateTime,
  formatDuration,
  formatWhen,
  IconButton,
  Link,
  Menu,
  t,
  isSilent,
  shareOf,
} from '@labora/ui';
import { Bar, bytesOf, coresOf } from './Meter';
import { Ports } from './Ports';

const secondsSince = (iso: string): number => Math.max(0, (Date.now() - Date.parse(iso)) / 1000);

function stateOf(runtime: Runtime): string {
  if (runtime.status === 'starting') return t('sessions.starting');
  return t(runtime.idle_since === null ? 'sessions.busy' : 'sessions.idle');
}

/** "Today at three" of what was, "in two hours" of what will be. */
function whenText(at: string): string {
  const left = (Date.parse(at) - Date.now()) / 1000;
  return left > 0 ? t('sessions.in', { time: formatDuration(left) }) : formatWhen(at);
}

function Moment({ label, at, otherwise }: { label: string; at: string | null; otherwise: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {at ? (
          <time dateTime={at} title={formatDateTime(at)}>
            {whenText(at)}
          </time>
        ) : (
          otherwise
        )}
      </dd>
    </div>
  );
}

function Clocks({ runtime }: { runtime: Runtime }) {
  return (
    <dl className="runtime-clocks" aria-label={t('sessions.facts')}>
      <Moment label={t('sessions.started')} at={runtime.started_at} otherwise={t('sessions.starting')} />
      <Moment label={t('sessions.lastRun')} at={runtime.last_execution_at} otherwise={t('sessions.never')} />
      <Moment label={t('sessions.idleSince')} at={runtime.idle_since} otherwise={t('sessions.notIdle')} />
      <Moment label={t('sessions.idleEnds')} at={runtime.idle_ends_at} otherwise={t('sessions.notWhileBusy')} />
      <Moment label={t('sessions.lifetimeEnds')} at={runtime.deadline_at} otherwise={t('sessions.unknown')} />
    </dl>
  );
}

export function Meters({ runtime }: { runtime: Runtime }) {
  const { meter } = runtime;
  if (!meter) return null;
  return (
    <div className="meter-rows">
      <Bar
        label={t('sessions.memory')}
        share={shareOf(meter.memory_bytes, meter.memory_limit)}
        text={bytesOf(meter.memory_bytes, meter.memory_limit)}
      />
      <Bar
        label={t('sessions.disk')}
        share={shareOf(meter.disk_bytes, meter.disk_limit)}
        text={bytesOf(meter.disk_bytes, meter.disk_limit)}
      />
      <Bar label={t('sessions.cpu')} share={shareOf(meter.cpu, meter.cpus)} text={coresOf(meter.cpu, meter.cpus)} />
    </div>
  );
}

function kernelState(kernel: RuntimeKernel): string {
  if (isSilent(kernel.meter)) return t('sessions.kernel.silent');
  if (kernel.status === 'busy' && kernel.running_since)
    return t('sessions.kernel.busy', { time: formatDuration(secondsSince(kernel.running_since)) });
  return t(kernel.status === 'busy' ? 'sessions.kernel.busyPlain' : `sessions.kernel.${kernel.status}`);
}

function kernelNote(kernel: RuntimeKernel): string {
  const { meter, queued } = kernel;
  const parts = [kernelState(kernel)];
  if (queued > 0) parts.push(t('sessions.queued', { count: queued }));
  if (meter)
    parts.push(t('sessions.uses', { memory: formatBytes(meter.memory_bytes), cpu: formatDuration(meter.cpu_seconds) }));
  return parts.join(' · ');
}

export interface KernelActions {
  interrupt: (kernel: RuntimeKernel) => void;
  restart: (kernel: RuntimeKernel) => void;
}

function Kernel({ kernel, actions }: { kernel: RuntimeKernel; actions: KernelActions }) {
  const name = kernel.name?.replace(/\.ipynb$/i, '') ?? t('sessions.hiddenNotebook');
  return (
    <li className="runtime-kernel" data-silent={isSilent(kernel.meter) || undefined}>
      <div className="runtime-main">
        {kernel.file_id && kernel.name ? (
          <Link href={`/drive/${kernel.file_id}`} className="ui-truncate">
            {name}
          </Link>
        ) : (
          <span className="ui-truncate">{name}</span>
        )}
        <span className="runtime-note">{kernelNote(kernel)}</span>
      </div>
      <Menu
        align="end"
        trigger={<IconButton icon="more_vert" size="sm" label={t('sessions.actions', { name })} tooltip={false} />}
        items={[
          {
            id: 'interrupt',
            label: t('sessions.interrupt'),
            icon: 'stop_circle',
            disabled: kernel.status !== 'busy',
            onSelect: () => actions.interrupt(kernel),
          },
          {
            id: 'restart',
            label: t('sessions.restart'),
            icon: 'restart_alt',
            disabled: kernel.status === 'starting',
            onSelect: () => actions.restart(kernel),
          },
        ]}
      />
    </li>
  );
}

export interface RuntimeCardProps {
  runtime: Runtime;
  kernels: KernelActions;
  onKeep: () => void;
  onEnd: () => void;
  extra?: ReactNode;
}

export function RuntimeCard({ runtime, kernels, onKeep, onEnd, extra }: RuntimeCardProps) {
  return (
    <li className="runtime-card" data-runtime={runtime.id}>
      <div className="runtime-head">
        <h3>{t('sessions.runtime', { image: runtime.image })}</h3>
        <span className="runtime-mark" data-busy={runtime.idle_since === null || undefined}>
          {stateOf(runtime)}
        </span>
      </div>
      {extra}
      <Meters runtime={runtime} />
      <Clocks runtime={runtime} />
      <h4>{t('sessions.kernels')}</h4>
      {runtime.kernels.length > 0 ? (
        <ul className="runtime-kernels">
          {runtime.kernels.map((kernel) => (
            <Kernel key={kernel.kernel_id} kernel={kernel} actions={kernels} />
          ))}
        </ul>
      ) : (
        <p className="runtime-note">{t('sessions.noKernels')}</p>
      )}
      <Ports runtime={runtime} />
      <div className="runtime-actions">
        <Button size="sm" icon="schedule" title={t('sessions.keepHelp')} onClick={onKeep}>
          {t('sessions.keep')}
        </Button>
        <Button size="sm" icon="power_off" variant="danger" onClick={onEnd}>
          {t('sessions.end')}
        </Button>
      </div>
    </li>
  );
}
