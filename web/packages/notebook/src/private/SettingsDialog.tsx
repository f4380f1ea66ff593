/** Edit → Notebook settings, and what it offers for versions that were saved before. */
import { useId, useState } from 'react';
import { Button, Dialog, t, toast } from '@labora/ui';
import { useCanEdit, useController, useDocument, useStatus } from '../model/context';
import { changeSettings, settingsOf } from './settings';
import { StripDialog } from './StripDialog';
import './private.css';

interface ChoiceProps {
  label: string;
  help: string;
  checked: boolean;
  disabled: boolean;
  onChange: (on: boolean) => void;
}

function Choice({ label, help, checked, disabled, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <div className="nb-choice">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        aria-describedby={`${id}-help`}
        onChange={(event) => onChange(event.target.checked)}
      />
      <label htmlFor={id}>{label}</label>
      <p id={`${id}-help`}>{help}</p>
    </div>
  );
}

export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const { doc } = useController();
  const { file } = useStatus();
  const editable = useCanEdit();
  const now = settingsOf(useDocument('metadata', doc.metadata));
  const [wanted, setWanted] = useState(now);
  const [stripping, setStripping] = useState(false);
  // Only who owns it can change what was saved.
  const owns = file?.abilities.includes('delete') === true && !file.playground_of;
  if (stripping) return <StripDialog onClose={onClose} />;
  function save() {
    if (editable) changeSettings(doc, wanted);
    toast({ message: t('private.settings.saved'), kind: 'ok' });
    if (wanted.omit && !now.omit && owns) setStripping(true);
    else onClose();
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('private.settings.title')}
      {...(editable ? { onSubmit: save } : { description: t('private.settings.readOnly') })}
      footer={
        <>
          <Button onClick={onClose}>{t(editable ? 'ui.cancel' : 'ui.close')}</Button>
          {editable && (
            <Button type="submit" variant="primary">
              {t('ui.save')}
            </Button>
          )}
        </>
      }
    >
      <Choice
        label={t('private.settings.omit')}
        help={t('private.settings.omitHelp')}
        checked={wanted.omit}
        disabled={!editable}
        onChange={(omit) => setWanted({ ...wanted, omit })}
      />
      {now.omit && owns && (
        <Button size="sm" className="nb-choice-more" onClick={() => setStripping(true)}>
          {t('private.old.open')}
        </Button>
      )}
      <Choice
        label={t('private.settings.strip')}
        help={t('private.settings.stripHelp')}
        checked={wanted.strip}
        disabled={!editable}
        onChange={(strip) => setWanted({ ...wanted, strip })}
      />
    </Dialog>
  );
}
