import { type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, useId, useState } from 'react';
import { IconButton } from './Button';
import { Icon } from './Icon';
import { classes } from './classes';
import { t } from './i18n';

interface FieldFrame {
  label: string;
  /** Hides the label from sight, not from screen readers. */
  hideLabel?: boolean;
  hint?: ReactNode;
  error?: string | null | undefined;
}

interface FieldProps extends FieldFrame {
  id: string;
  className?: string | undefined;
  children: ReactNode;
}

function Field({ id, label, hideLabel, hint, error, className, children }: FieldProps) {
  return (
    <div className={classes('ui-field', className)}>
      <label htmlFor={id} className={hideLabel ? 'ui-hidden' : 'ui-field-label'}>
        {label}
      </label>
      {children}
      {error ? (
        <div id={`${id}-note`} className="ui-field-error" role="alert">
          <Icon name="error-fill" size={16} />
          <span>{error}</span>
        </div>
      ) : (
        hint && (
          <div id={`${id}-note`} className="ui-field-hint">
            {hint}
          </div>
        )
      )}
    </div>
  );
}

export interface TextFieldProps extends FieldFrame, InputHTMLAttributes<HTMLInputElement> {
  ref?: Ref<HTMLInputElement>;
}

/** A labelled input; a password can be made visible. */
export function TextField({ label, hideLabel, hint, error, className, type = 'text', ...rest }: TextFieldProps) {
  const own = useId();
  const [visible, setVisible] = useState(false);
  const id = rest.id ?? own;
  const secret = type === 'password';
  return (
    <Field {...{ id, label, hideLabel, hint, error, className }}>
      <span className="ui-input-frame">
        <input
          {...rest}
          id={id}
          type={secret && visible ? 'text' : type}
          className="ui-input"
          aria-invalid={error ? true : undefined}
          aria-describedby={error || hint ? `${id}-note` : undefined}
        />
        {secret && (
          <IconButton
            size="sm"
            className="ui-input-toggle"
            icon={visible ? 'visibility_off' : 'visibility'}
            label={visible ? t('ui.hidePassword') : t('ui.showPassword')}
            onClick={() => setVisible(!visible)}
          />
        )}
      </span>
    </Field>
  );
}

export interface SelectOption<Value extends string> {
  value: Value;
  label: string;
  disabled?: boolean;
}

export interface SelectProps<Value extends string>
  extends FieldFrame, Omit<SelectHTMLAttributes<HTMLSelectElement>, 'onChange' | 'value'> {
  value: Value;
  options: SelectOption<Value>[];
  onChange: (value: Value) => void;
}

/** A choice of one. The browser's own list: the best one on a phone and for a screen reader. */
export function Select<Value extends string>({
  label,
  hideLabel,
  hint,
  error,
  className,
  value,
  options,
  onChange,
  ...rest
}: SelectProps<Value>) {
  const own = useId();
  const id = rest.id ?? own;
  return (
    <Field {...{ id, label, hideLabel, hint, error, className }}>
      <span className="ui-select-frame">
        <select
          {...rest}
          id={id}
          className="ui-select"
          value={value}
          onChange={(event) => {
            const chosen = options.find((option) => option.value === event.target.value);
            if (chosen) onChange(chosen.value);
          }}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value} disabled={option.disabled}>
              {option.label}
            </option>
          ))}
        </select>
        <Icon name="keyboard_arrow_down" size={18} />
      </span>
    </Field>
  );
}
