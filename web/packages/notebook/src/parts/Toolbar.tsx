/** What is used most: new cells, Run all, and the state of the runtime. */
import { Button, IconButton, Menu, Progress, Spinner, t } from '@labora/ui';
import { canEdit, type RuntimeState } from '@labora/document';
import { commandOf, isEnabled } from '../model/commands';
import { useController, useRoom, useStatus } from '../model/context';
import { showKeys } from '../model/keys';
import { menuItems } from './menu-items';
import { useSilent } from './usage-hooks';
import { Meters } from './Meters';

type Phase = 'connect' | 'starting' | 'ready' | 'busy' | 'restarting' | 'dead' | 'ended';

export function phaseOf(runtime: RuntimeState | null): Phase {
  if (!runtime) return 'connect';
  if (runtime.status === 'ended') return 'ended';
  if (runtime.status === 'starting' || runtime.kernel === 'starting') return 'starting';
  if (runtime.kernel === 'busy' || runtime.kernel === 'restarting' || runtime.kernel === 'dead') return runtime.kernel;
  return 'ready';
}

export const useRuntime = (): RuntimeState | null => {
  const controller = useController();
  useStatus();
  return useRoom('runtimes', () => controller.runtime);
};

function RuntimeButton() {
  const controller = useController();
  const runtime = useRuntime();
  const online = useStatus().connection === 'online';
  const phase = phaseOf(runtime);
  const canConnect = phase === 'connect' || phase === 'ended';
  const silent = useSilent() && (phase === 'busy' || phase === 'ready');
  const label = phase === 'ended' ? t('notebook.runtime.connect') : t(`notebook.runtime.${silent ? 'silent' : phase}`);
  const progress = runtime?.progress;
  return (
    <div className="nb-runtime" data-phase={phase}>
      <button
        type="button"
        className="nb-connect"
        title={runtime?.message ?? progress?.label ?? undefined}
        onClick={() => (canConnect ? controller.connect() : undefined)}
        aria-disabled={!canConnect || !online}
      >
        {phase === 'starting' || phase === 'restarting' ? (
          <Spinner size={16} />
        ) : (
          <span className={`nb-dot nb-dot-${silent ? 'silent' : phase}`} />
        )}
        <span aria-live="polite">{phase === 'starting' && progress ? progress.label : label}</span>
      </button>
      <Menu
        align="end"
        returnFocus={false}
        label={t('notebook.runtime.menu')}
        trigger={<IconButton size="sm" icon="arrow_drop_down" label={t('notebook.runtime.menu')} tooltip={false} />}
        header={runtime?.language && <RuntimeFacts runtime={runtime} />}
        items={() =>
          menuItems(controller, [
            'run.connect',
            'run.interrupt',
            'run.restart',
            'run.restartAll',
            '-',
            'run.disconnect',
            '-',
            'run.sessions',
          ])
        }
      />
      {phase === 'starting' && progress && <Progress value={progress.fraction} label={progress.label} />}
    </div>
  );
}

function RuntimeFacts({ runtime }: { runtime: RuntimeState }) {
  const { language, isolation } = runtime;
  return (
    <div className="nb-runtime-facts">
      {language && (
        <strong>{t('notebook.runtime.language', { name: language.name, version: language.version })}</strong>
      )}
      {isolation && <span>{t('notebook.runtime.isolation', { level: isolation })}</span>}
    </div>
  );
}

export function Toolbar() {
  const controller = useController();
  const editable = canEdit(useStatus());
  const runAll = commandOf('run.all');
  return (
    <div className="nb-toolbar" role="toolbar" aria-label={t('notebook.commandsLabel')}>
      <IconButton
        icon="search"
        className="nb-not-narrow"
        label={t('notebook.commandsLabel')}
        keys={showKeys('Mod+Shift+P')}
        onClick={() => controller.ui.dialog.set('palette')}
      />
      <span className="nb-divider" />
      <Button
        size="sm"
        variant="quiet"
        icon="add"
        disabled={!editable}
        onClick={() => controller.insertBeside('code', 'below')}
      >
        {t('notebook.addCode')}
      </Button>
      <Button
        size="sm"
        variant="quiet"
        icon="add"
        disabled={!editable}
        onClick={() => controller.insertBeside('markdown', 'below')}
      >
        {t('notebook.addText')}
      </Button>
      <span className="nb-divider" />
      <Button
        size="sm"
        variant="quiet"
        icon="play_circle"
        disabled={!isEnabled(runAll, controller)}
        title={showKeys(runAll.keys?.[0] ?? '')}
        onClick={() => controller.runAll()}
      >
        {t('notebook.runAll')}
      </Button>
      <span className="nb-space" />
      {editable && <Meters />}
      {editable && <RuntimeButton />}
    </div>
  );
}
