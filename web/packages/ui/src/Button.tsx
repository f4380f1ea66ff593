import type { ButtonHTMLAttributes, Ref } from 'react';
import { Icon, type IconName } from './Icon';
import { Spinner } from './Feedback';
import { Tooltip } from './Tooltip';
import { classes } from './classes';

type NativeButton = ButtonHTMLAttributes<HTMLButtonElement> & { ref?: Ref<HTMLButtonElement> };

export interface ButtonProps extends NativeButton {
  /** `primary` once a view at most; `quiet` has no border. */
  variant?: 'primary' | 'secondary' | 'quiet' | 'danger';
  size?: 'md' | 'sm';
  icon?: IconName;
  /** Shows a spinner and takes no clicks; the button keeps its place and its focus. */
  busy?: boolean;
}

export function Button({
  variant = 'secondary',
  size = 'md',
  icon,
  busy = false,
  children,
  className,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={classes('ui-button', `ui-button-${variant}`, size === 'sm' && 'ui-button-sm', className)}
      aria-busy={busy || undefined}
      aria-disabled={busy || rest['aria-disabled']}
      onClick={busy ? (event) => event.preventDefault() : rest.onClick}
    >
      {busy ? <Spinner size={16} /> : icon && <Icon name={icon} size={18} />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends NativeButton {
  icon: IconName;
  /** The name for screen readers and the tooltip. */
  label: string;
  /** The shortcut, shown in the tooltip. */
  keys?: string;
  size?: 'md' | 'sm';
  pressed?: boolean;
  tooltip?: boolean;
}

export function IconButton({
  icon,
  label,
  keys,
  size = 'md',
  pressed,
  tooltip = true,
  className,
  ...rest
}: IconButtonProps) {
  const button = (
    <button
      type="button"
      {...rest}
      aria-label={label}
      aria-pressed={pressed}
      className={classes('ui-icon-button', size === 'sm' && 'ui-icon-button-sm', className)}
    >
      <Icon name={icon} size={size === 'sm' ? 18 : 20} />
    </button>
  );
  return tooltip ? (
    <Tooltip label={label} keys={keys}>
      {button}
    </Tooltip>
  ) : (
    button
  );
}
