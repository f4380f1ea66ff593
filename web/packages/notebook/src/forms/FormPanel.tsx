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

export function FormPanel({ cellId, form, codeShown, editable, onToggle }: FormPanelProps) {
  const controller = useController();
  const title = form.title?.text ?? '';
  const heading = title.startsWith('#') ? title : `### ${title}`;
  function attributes() {
    controller.ui.activate(cellId);
    controller.ui.dialog.set('formAttributes');
  }
  return (
    <div className="nb-form" role="group" aria-label={title.replace(/^#+\s*/, '') || t('forms.form')}>
      <div className="nb-form-head">
        {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- the button beside it does the same */}
        <div className="nb-form-title" onDoubleClick={onToggle}>
          {title && <Markdown source={heading} />}
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
