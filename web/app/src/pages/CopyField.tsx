import { useEffect, useState } from 'react';
import { Button, copyText, t } from '@labora/ui';

/** A secret or link that is shown once, with a button that copies it. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2500);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <div className="copy-field">
      <input
        className="ui-input"
        aria-label={label}
        readOnly
        value={value}
        onFocus={(event) => event.target.select()}
      />
      <Button icon={copied ? 'check' : 'content_copy'} onClick={() => void copyText(value).then(setCopied)}>
        <span aria-live="polite">{copied ? t('ui.copied') : t('ui.copy')}</span>
      </Button>
    </div>
  );
}
