import type { ReactNode } from 'react';
import { IconButton, t } from '@labora/ui';

interface PickHeadProps {
  name: string;
  /** Null at the top. */
  onUp: (() => void) | null;
  children?: ReactNode;
}

/** The head of what walks through folders: one folder up, and where one is. */
export function PickHead({ name, onUp, children }: PickHeadProps) {
  return (
    <div className="picker-head">
      <IconButton
        size="sm"
        icon="arrow_back"
        label={t('drive.move.up')}
        disabled={onUp === null}
        onClick={() => onUp?.()}
      />
      <strong className="ui-truncate picker-where">{name}</strong>
      {children}
    </div>
  );
}
