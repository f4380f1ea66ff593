/** One field of a form: what a person does to it goes into the source at once, and what others do to it shows. */
import { type KeyboardEvent, type RefObject, useId, useRef, useState } from 'react';
import { Icon, IconButton, Menu, t } from '@labora/ui';
import { useController } from '../model/context';
import type { Field, Problem } from './fields';
import { isAuto, runSoon, writeField } from './model';
import { formOf } from './parse';

interface ControlProps {
  id: string;
  field: Field;
  editable: boolean;
  problem: Problem | null;
  draft: string | null;
  /** Takes what was typed or chosen; `done` when nothing more of it is to come. */
  onValue: (value: string, done: boolean) => void;
  /** What was typed is finished. */
  onDone: () => void;
  /** The field is being left by Escape: nothing of it counts. */
  cancelled: RefObject<boolean>;
}

interface Draft {
  text: string;
  /** What the document held when this was typed: once it holds something else, somebody changed it. */
  over: string;
  problem: Problem | null;
}

export function FieldRow({ cellId, field, editable }: { cellId: string; field: Field; editable: boolean }) {
  const controller = useController();
  const id = useId();
  const [drafted, setDraft] = useState<Draft | null>(null);
  const changed = useRef(false);
  const cancelled = useRef(false);
  const draft = drafted?.over === field.value ? drafted : null;

  function done() {
    if (changed.current && !cancelled.current && isAuto(controller, cellId)) runSoon(controller, cellId);
    changed.current = false;
  }
  function write(text: string, last: boolean) {
    const problem = writeField(controller, cellId, field.key, text);
    const now = formOf(controller.doc.source(cellId))?.parts.find(
      (part): part is Field => part.kind === 'field' && part.key === field.key,
    );
    setDraft({ text, over: now?.value ?? '', problem });
    if (!problem) changed.current = true;
    if (last) done();
  }
  function keys(event: KeyboardEvent) {
    if (event.key !== 'Escape') return;
    setDraft(null);
    // The field hears at once that it loses the focus, and would finish what was typed.
    cancelled.current = true;
    (event.target as Element).closest<HTMLElement>('[data-cell]')?.focus();
    cancelled.current = false;
    changed.current = false;
  }
  const problem = draft?.problem ?? null;
  const Control = controls[field.type === 'choice' && field.free ? 'free' : field.type];
  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- Escape leaves any of its controls
    <div className="nb-field" data-type={field.type} onKeyDown={keys}>
      <label htmlFor={id}>{field.name}</label>
      <div className="nb-field-control">
        <Control
          id={id}
          field={field}
          editable={editable}
          problem={problem}
          draft={draft?.text ?? null}
          onValue={write}
          onDone={done}
          cancelled={cancelled}
        />
      </div>
      {problem && (
        <div id={`${id}-note`} className="nb-field-problem" role="alert">
          <Icon name="error-fill" size={16} />
          <span>{t(`forms.problems.${problem}`, { min: field.min ?? '', max: field.max ?? '' })}</span>
        </div>
      )}
    </div>
  );
}

const described = (id: string, problem: Problem | null) =>
  problem ? { 'aria-invalid': true, 'aria-describedby': `${id}-note` } : {};

/** Typed values. What is code now may be another kind of field after each sign, so it is taken at the end. */
function Typed({ id, field, editable, problem, draft, onValue, onDone, cancelled }: ControlProps) {
  const [typing, setTyping] = useState<string | null>(null);
  // An input shows one line; a text that has more gets room for them.
  const [long, setLong] = useState(field.value.includes('\n'));
  if (!long && field.type === 'string' && field.value.includes('\n') && draft === null) setLong(true);
  const number = field.type === 'integer' || field.type === 'number';
  const code = field.type === 'raw' || number;
  const finish = () => {
    setTyping(null);
    if (typing !== null && !cancelled.current) onValue(typing, true);
    else onDone();
  };
  const shared = {
    id,
    className: code ? 'ui-input nb-field-code' : 'ui-input',
    value: typing ?? draft ?? field.value,
    placeholder: field.placeholder,
    readOnly: !editable,
    spellCheck: false,
    autoComplete: 'off',
    onChange: (event: { target: { value: string } }) =>
      field.code ? setTyping(event.target.value) : onValue(event.target.value, false),
    onBlur: finish,
    ...described(id, problem),
  };
  if (long) return <textarea {...shared} rows={Math.min(8, shared.value.split('\n').length + 1)} />;
  return (
    <input
      {...shared}
      type="text"
      {...(number ? { inputMode: field.type === 'integer' ? ('numeric' as const) : ('decimal' as const) } : {})}
      onKeyDown={(event) => event.key === 'Enter' && !event.nativeEvent.isComposing && finish()}
    />
  );
}

function Flag({ id, field, editable, onValue }: ControlProps) {
  return (
    <input
      id={id}
      type="checkbox"
      checked={field.value === 'true'}
      disabled={!editable}
      onChange={(event) => onValue(event.target.checked ? 'true' : '', true)}
    />
  );
}

function Slider({ id, field, editable, onValue }: ControlProps) {
  return (
    <span className="nb-field-slider">
      <input
        id={id}
        type="range"
        min={field.min ?? 0}
        max={field.max ?? 100}
        step={field.step ?? 1}
        value={Number(field.value.replaceAll('_', '')) || 0}
        disabled={!editable}
        onChange={(event) => onValue(event.target.value, true)}
      />
      <output htmlFor={id}>{field.value}</output>
    </span>
  );
}

function DateField({ id, field, editable, problem, onValue, onDone }: ControlProps) {
  return (
    <input
      id={id}
      className="ui-input"
      type="date"
      value={field.value}
      readOnly={!editable}
      onChange={(event) => onValue(event.target.value, true)}
      onBlur={onDone}
      {...described(id, problem)}
    />
  );
}

function Choices({ id, field, editable, onValue }: ControlProps) {
  const at = field.choices.findIndex((one) => one.label === field.value && !(one.raw && field.value !== field.literal));
  return (
    <span className="ui-select-frame">
      <select
        id={id}
        className="ui-select"
        value={at}
        disabled={!editable}
        onChange={(event) => {
          const chosen = field.choices[Number(event.target.value)];
          if (chosen) onValue(chosen.label, true);
        }}
      >
        {at < 0 && <option value={-1}>{field.value}</option>}
        {field.choices.map((one, index) => (
          <option key={index} value={index}>
            {one.label}
          </option>
        ))}
      </select>
      <Icon name="keyboard_arrow_down" size={18} />
    </span>
  );
}

function FreeChoice(props: ControlProps) {
  const { field, editable, onValue } = props;
  const label = t('forms.choose', { name: field.name });
  return (
    <span className="nb-field-free">
      <Typed {...props} />
      {editable && (
        <Menu
          align="end"
          label={label}
          trigger={<IconButton size="sm" icon="keyboard_arrow_down" label={label} tooltip={false} />}
          items={field.choices.map((one, at) => ({
            id: String(at),
            label: one.label,
            checked: one.label === field.value,
            onSelect: () => onValue(one.label, true),
          }))}
        />
      )}
    </span>
  );
}

const controls = {
  string: Typed,
  raw: Typed,
  integer: Typed,
  number: Typed,
  boolean: Flag,
  slider: Slider,
  date: DateField,
  choice: Choices,
  free: FreeChoice,
};
