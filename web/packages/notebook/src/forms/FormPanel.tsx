/** A form: its title, its text and its fields in the order of the source. */
import { Markdown } from '@labora/outputs';
import { IconButton, t } from '@labora/ui';
import { useController } from '../model/context';
import { FieldRow } from './FieldRow';
import type { Form } from './parse';
import './messages';

export interface FormPanelProps {
  cellId: string;
  form: Form;
  codeShown: boolean;
  editable: boolean;
  onToggle: () => void;
}

/** A title is a line of its own, whatever it begins with. */
const inline = (title: string): string => title.replace(/^(\d+)([.)])/, '$1\\$2').replace(/^[-+*>]/, '\\$&');

export function FormPanel({ cellId, form, codeShown, editable, onToggle }: FormPanelProps) {
  const controller = useController();
  const [, level = '', title = ''] = /^(#*)\s*(.*)$/.exec(form.title?.text ?? '') ?? [];
  function attributes() {
    controller.ui.activate(cellId);
    controller.ui.dialog.set('formAttributes');
  }
  return (
    <div className="nb-form" role="group" aria-label={title || t('forms.form')}>
      <div className="nb-form-head">
        {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- the button beside it does the same */}
        <div className="nb-form-title" data-level={level.length} onDoubleClick={onToggle}>
          {title && <Markdown source={inline(title)} />}
        </div>
        <div className="nb-form-tools">
          {editable && <IconButton size="sm" icon="tune" label={t('forms.attributes')} onClick={attributes} />}
          <IconButton
            size="sm"
            icon="code"
            label={t(codeShown ? 'forms.hideCode' : 'forms.showCode')}
            aria-expanded={codeShown}
            onClick={onToggle}
          />
        </div>
      </div>
      {form.parts.map((part, at) =>
        part.kind === 'text' ? (
          <Markdown key={`text-${at}`} source={part.markdown} className="nb-form-text" />
        ) : (
          <FieldRow key={part.key} cellId={cellId} field={part} editable={editable} />
        ),
      )}
    </div>
  );
}
