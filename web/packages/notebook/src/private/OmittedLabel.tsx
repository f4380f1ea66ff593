/** Beside the save state: output of this notebook is not saved. */
import { Icon, t, Tooltip } from '@labora/ui';
import { useController, useDocument } from '../model/context';
import { settingsOf } from './settings';
import './private.css';

/** Whether the notebook omits output. */
export function useOmits(): boolean {
  const { doc } = useController();
  return settingsOf(useDocument('metadata', doc.metadata)).omit;
}

export function OmittedLabel() {
  const { ui } = useController();
  if (!useOmits()) return null;
  return (
    <Tooltip label={t('private.omittedHelp')}>
      <button
        type="button"
        className="nb-omitted"
        aria-label={t('private.omitted')}
        onClick={() => ui.dialog.set('settings')}
      >
        <Icon name="visibility_off" size={16} />
        <span>{t('private.omitted')}</span>
      </button>
    </Tooltip>
  );
}

/** In the gutter of an output that only this person sees. */
export function OwnOutput() {
  if (!useOmits()) return null;
  return (
    <Tooltip label={t('private.own')}>
      <span className="nb-own-output" role="img" aria-label={t('private.own')}>
        <Icon name="lock" size={14} />
      </span>
    </Tooltip>
  );
}
