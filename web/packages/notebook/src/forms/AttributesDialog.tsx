/** Edit form attributes: the title of a form and how it shows. */
import { useState } from 'react';
import { Button, Dialog, Select, TextField, t } from '@labora/ui';
import { useController } from '../model/context';
import { attributesOf, titleChange } from './build';
import { change, setMode, shownMode } from './model';
import { formOf, isMode, type Mode } from './parse';
import './messages';

const modes: readonly Mode[] = ['both', 'form', 'code'];

export function AttributesDialog({ onClose }: { onClose: () => void }) {
  const controller = useController();
  const [cellId] = useState(controller.ui.active ?? '');
  const { doc } = controller;
  const [wanted, setWanted] = useState(() => {
    const { title = null } = formOf(doc.source(cellId)) ?? {};
    return { ...attributesOf(title), mode: shownMode(controller, cellId) ?? 'both' };
  });
  const width = wanted.width.trim();
  const bad = width !== '' && !/^\d{1,4}(\.\d{1,3})?(%|px)$/.test(width);
  function save() {
    if (bad) return;
    const source = doc.source(cellId);
    const made = titleChange(source, formOf(source), { ...wanted, width });
    change(controller, cellId, made);
    // The title says it now.
    setMode(controller, cellId, wanted.mode);
    onClose();
  }
  return (
    <Dialog
      open
      onClose={onClose}
      onSubmit={save}
      title={t('forms.edit.title')}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary">
            {t('ui.save')}
          </Button>
        </>
      }
    >
      <div className="nb-form-dialog">
        <TextField
          label={t('forms.edit.name')}
          value={wanted.text}
          onChange={(event) => setWanted({ ...wanted, text: event.target.value })}
        />
        <label className="nb-form-check">
          <input
            type="checkbox"
            checked={wanted.auto}
            onChange={(event) => setWanted({ ...wanted, auto: event.target.checked })}
          />
          <span>{t('forms.edit.auto')}</span>
        </label>
        <p className="nb-form-help">{t('forms.edit.autoHelp')}</p>
        <Select
          label={t('forms.edit.show')}
          value={wanted.mode}
          options={modes.map((value) => ({ value, label: t(`forms.edit.modes.${value}`) }))}
          onChange={(mode) => isMode(mode) && setWanted({ ...wanted, mode })}
        />
        <TextField
          label={t('forms.edit.width')}
          hint={t('forms.edit.widthHint')}
          error={bad ? t('forms.edit.badWidth') : null}
          value={wanted.width}
          onChange={(event) => setWanted({ ...wanted, width: event.target.value })}
        />
      </div>
    </Dialog>
  );
}
