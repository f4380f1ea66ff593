/** Insert → Add a form field. */
import { useId, useState } from 'react';
import { Button, Dialog, Select, TextField, t } from '@labora/ui';
import { useController } from '../model/context';
import { fieldLine, isName, linesAdded, type NewField } from './build';
import { readField } from './fields';
import { change } from './model';
import { formOf } from './parse';
import './messages';

const kinds: readonly NewField['type'][] = [
  'string',
  'choice',
  'boolean',
  'slider',
  'integer',
  'number',
  'date',
  'raw',
  'markdown',
];
const FIRST: NewField = {
  type: 'string',
  name: '',
  value: '',
  choices: [],
  free: false,
  min: '0',
  max: '100',
  step: '1',
};

/** `name`, or with a number behind it where the cell has one of that name. */
function freeName(source: string): string {
  for (let count = 1; ; count++) {
    const name = count > 1 ? `variable_${count}` : 'variable_name';
    if (!new RegExp(`\\b${name}\\b`).test(source)) return name;
  }
}

/** Whether the line is what was asked for: a field of this type with a value of its kind. */
function isSound(field: NewField): boolean {
  if (field.type === 'markdown') return field.value.trim() !== '';
  if (!isName(field.name) || (field.type === 'choice' && field.choices.length === 0)) return false;
  const read = readField(fieldLine(field), 0, new Map());
  return read !== null && read.type === field.type && !read.code && (read.value !== '' || field.type !== 'number');
}

export function AddFieldDialog({ onClose }: { onClose: () => void }) {
  const controller = useController();
  const { doc, ui } = controller;
  const choicesId = useId();
  const [target] = useState(() => (ui.active && doc.cell(ui.active)?.kind === 'code' ? ui.active : null));
  const [field, setField] = useState(() => ({ ...FIRST, name: freeName(target ? doc.source(target) : '') }));
  const [tried, setTried] = useState(false);
  const put = (part: Partial<NewField>) => setField({ ...field, ...part });
  const set = (key: 'name' | 'value' | 'min' | 'max' | 'step') => ({
    label: t(`forms.add.${key}`),
    value: field[key],
    onChange: (event: { target: { value: string } }) => put({ [key]: event.target.value }),
  });
  function add() {
    if (!isSound(field)) return setTried(true);
    const line = fieldLine(field);
    if (target) {
      const source = doc.source(target);
      change(controller, target, linesAdded(source, formOf(source), line));
    } else {
      const [made] = doc.insert([{ kind: 'code', source: line }], doc.cellIds().at(-1) ?? null);
      if (made) ui.activate(made);
    }
    onClose();
  }
  const named = field.type !== 'markdown';
  const sound = isSound(field);
  return (
    <Dialog
      open
      onClose={onClose}
      onSubmit={add}
      title={t('forms.add.title')}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary">
            {t('forms.add.action')}
          </Button>
        </>
      }
    >
      <div className="nb-form-dialog">
        <Select
          label={t('forms.add.kind')}
          value={field.type}
          options={kinds.map((value) => ({ value, label: t(`forms.add.kinds.${value}`) }))}
          onChange={(type) => put({ type, value: '' })}
        />
        {named && (
          <TextField
            {...set('name')}
            spellCheck={false}
            error={tried && !isName(field.name) ? t('forms.add.badName') : null}
          />
        )}
        {field.type === 'choice' && (
          <>
            <div className="ui-field">
              <label className="ui-field-label" htmlFor={choicesId}>
                {t('forms.add.choices')}
              </label>
              <textarea
                id={choicesId}
                className="ui-input"
                rows={4}
                onChange={(event) => put({ choices: event.target.value.split('\n').filter((one) => one.trim()) })}
              />
            </div>
            <label className="nb-form-check">
              <input type="checkbox" checked={field.free} onChange={(event) => put({ free: event.target.checked })} />
              <span>{t('forms.add.free')}</span>
            </label>
          </>
        )}
        {field.type === 'slider' && (
          <div className="nb-form-three">
            <TextField {...set('min')} inputMode="decimal" />
            <TextField {...set('max')} inputMode="decimal" />
            <TextField {...set('step')} inputMode="decimal" />
          </div>
        )}
        {field.type === 'boolean' ? (
          <label className="nb-form-check">
            <input
              type="checkbox"
              checked={field.value === 'true'}
              onChange={(event) => put({ value: event.target.checked ? 'true' : '' })}
            />
            <span>{t('forms.add.value')}</span>
          </label>
        ) : (
          <TextField
            {...set('value')}
            type={field.type === 'date' ? 'date' : 'text'}
            {...(named ? {} : { label: t('forms.add.text') })}
            error={tried && !sound && (!named || isName(field.name)) ? t('forms.add.badValue') : null}
          />
        )}
      </div>
    </Dialog>
  );
}
