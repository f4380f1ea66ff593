/** Whether notices come by e-mail too. */
import { useEffect, useState } from 'react';
import { type Letters, notices } from '@labora/api';
import { Spinner, errorText, t, toast } from '@labora/ui';
import '../share/share.css';
import './messages';

const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });

export function LettersSetting() {
  const [letters, setLetters] = useState<Letters | null>(null);
  useEffect(() => {
    notices.letters().then(setLetters).catch(failed);
  }, []);
  if (!letters) return <Spinner label={t('notices.loading')} />;
  if (!letters.address) return <p className="drive-note">{t('notices.letters.nowhere')}</p>;
  return (
    <label className="share-check">
      <input
        type="checkbox"
        checked={letters.wanted}
        onChange={(event) => void notices.wantLetters(event.target.checked).then(setLetters).catch(failed)}
      />
      <span>
        {t('notices.letters.wanted')}
        <span className="share-login">{t('notices.letters.to', { address: letters.address })}</span>
      </span>
    </label>
  );
}
