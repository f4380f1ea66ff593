import { type FormEvent, type ReactNode, useEffect } from 'react';
import { Logo, t } from '@labora/ui';
import './sign.css';

export interface SignPageProps {
  title: string;
  intro?: string | undefined;
  children: ReactNode;
  onSubmit?: () => void;
}

/** The frame of the pages before one is signed in: a card on a quiet ground. */
export function SignPage({ title, intro, children, onSubmit }: SignPageProps) {
  useEffect(() => {
    document.title = t('app.title', { page: title });
  }, [title]);
  function submit(event: FormEvent) {
    event.preventDefault();
    onSubmit?.();
  }
  return (
    <main className="sign" id="main">
      <div className="sign-card">
        <Logo size={44} />
        <h1>{title}</h1>
        {intro && <p className="sign-intro">{intro}</p>}
        <form noValidate onSubmit={submit}>
          {children}
        </form>
      </div>
    </main>
  );
}

/** Takes the secret out of the address, so that neither the history nor a glance at the screen keeps it. */
export function takeSecret(): string {
  const secret = location.hash.slice(1);
  if (secret) history.replaceState(null, '', location.pathname + location.search);
  return secret;
}
