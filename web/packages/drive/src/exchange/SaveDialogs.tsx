import { type ReactNode, useEffect, useState } from 'react';
import { type FileSource, type Published, ApiError, exchange, isApiError } from '@labora/api';
import { Banner, Button, Dialog, Select, Spinner, TextField, copyText, errorText, t, toast } from '@labora/ui';
import type { ExchangeDialogProps } from './DownloadDialog';
import { TokenForm, useGitHubAccount } from './GitHubToken';
import './messages';
import './exchange.css';

function useSource(fileId: string): FileSource | undefined {
  const [source, setSource] = useState<FileSource>();
  useEffect(() => {
    let here = true;
    exchange.source(fileId).then(
      (found) => here && setSource(found),
      () => here && setSource({ source: null, open_url: null, badge_url: '' }),
    );
    return () => void (here = false);
  }, [fileId]);
  return source;
}

function done(message: string, { url }: Published) {
  toast({
    kind: 'ok',
    message,
    action: { label: t('exchange.save.show'), onSelect: () => void open(url, '_blank', 'noopener') },
  });
}

interface FrameProps {
  title: string;
  onClose: () => void;
  /** Null while the form cannot be sent. */
  action: { label: string; busy: boolean; ready: boolean; run: () => void } | null;
  children: ReactNode;
}

function Frame({ title, onClose, action, children }: FrameProps) {
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      {...(action ? { onSubmit: () => action.ready && !action.busy && action.run() } : {})}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          {action && (
            <Button type="submit" variant="primary" busy={action.busy} disabled={!action.ready}>
              {action.label}
            </Button>
          )}
        </>
      }
    >
      {children}
    </Dialog>
  );
}

interface CheckProps {
  label: string;
  checked: boolean;
  onChange: (on: boolean) => void;
}

const Check = ({ label, checked, onChange }: CheckProps) => (
  <label className="exchange-check">
    <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
    {label}
  </label>
);

/** What both dialogs need first: what is known of the file, and a token. */
function useDoors(fileId: string) {
  const { account, setAccount, error } = useGitHubAccount();
  const source = useSource(fileId);
  const ready = account?.connected === true && source !== undefined;
  const token = (
    <>
      {account && !account.connected && account.enabled && <p>{t('exchange.token.intro')}</p>}
      <TokenForm account={account} onChange={setAccount} error={error} focus />
    </>
  );
  return { account, source, ready, token };
}

/** Commits a copy of the notebook to a repository. */
export function SaveToGitHub({ file, onClose }: ExchangeDialogProps) {
  const { account, source, ready, token } = useDoors(file.id);
  return (
    <>
      {ready && source ? (
        <GitHubForm file={file} onClose={onClose} source={source} login={account?.login ?? ''} />
      ) : (
        <Frame title={t('exchange.save.title')} onClose={onClose} action={null}>
          {account?.connected ? <Spinner label={t('exchange.github.loading')} /> : token}
        </Frame>
      )}
    </>
  );
}

interface FormProps extends ExchangeDialogProps {
  source: FileSource;
  login?: string;
}

function GitHubForm({ file, onClose, source: { source }, login = '' }: FormProps) {
  const known = source?.kind === 'github' ? source : null;
  const [form, setForm] = useState({
    owner: known?.owner ?? login,
    repo: known?.repo ?? '',
    branch: known?.branch ?? 'main',
    path: known?.path ?? file.name,
    message: t('exchange.save.messageValue'),
    outputs: true,
    badge: false,
  });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const changed = isApiError(error, 'github_changed');
  const set = (change: Partial<typeof form>) => {
    setForm({ ...form, ...change });
    setError(null);
  };
  async function save(replace: boolean) {
    setBusy(true);
    setError(null);
    try {
      done(t('exchange.save.done'), await exchange.toGitHub(file.id, { ...form, replace }));
      onClose();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }
  const text = (key: 'owner' | 'repo' | 'branch' | 'path' | 'message', value = form[key]) => (
    <TextField
      label={t(`exchange.save.${key}`)}
      value={value}
      autoComplete="off"
      spellCheck={key === 'message'}
      onChange={(event) => set({ [key]: event.target.value })}
    />
  );
  const filled = [form.owner, form.repo, form.branch, form.path, form.message].every((value) => value.trim());
  return (
    <Frame
      title={t('exchange.save.title')}
      onClose={onClose}
      action={{ label: t('exchange.save.action'), busy, ready: filled, run: () => void save(false) }}
    >
      <div className="exchange-form">
        <div className="exchange-pair">
          {text('owner')}
          {text('repo')}
        </div>
        <div className="exchange-pair">
          {text('branch')}
          {text('path')}
        </div>
        {text('message')}
        <Check label={t('exchange.save.outputs')} checked={form.outputs} onChange={(outputs) => set({ outputs })} />
        <Check label={t('exchange.save.badge')} checked={form.badge} onChange={(badge) => set({ badge })} />
        {changed && (
          <Banner
            kind="warn"
            title={t('exchange.save.changed')}
            actions={
              <Button size="sm" variant="danger" onClick={() => void save(true)}>
                {t('exchange.save.replace')}
              </Button>
            }
          >
            {t('exchange.save.changedText')}{' '}
            {error instanceof ApiError && typeof error.details['url'] === 'string' && (
              <a href={error.details['url']} target="_blank" rel="noreferrer noopener">
                {t('exchange.save.look')}
              </a>
            )}
          </Banner>
        )}
        {error !== null && !changed && <Banner kind="error">{errorText(error)}</Banner>}
      </div>
    </Frame>
  );
}

/** Saves a copy of the notebook as a gist. */
export function SaveAsGist({ file, onClose }: ExchangeDialogProps) {
  const { account, source, ready, token } = useDoors(file.id);
  if (ready && source) return <GistForm file={file} onClose={onClose} source={source} />;
  return (
    <Frame title={t('exchange.gist.title')} onClose={onClose} action={null}>
      {account?.connected ? <Spinner label={t('exchange.github.loading')} /> : token}
    </Frame>
  );
}

function GistForm({ file, onClose, source: { source } }: FormProps) {
  const inGist = source?.kind === 'gist';
  const [description, setDescription] = useState('');
  const [visibility, setVisibility] = useState<'secret' | 'public'>('secret');
  const [outputs, setOutputs] = useState(true);
  const [again, setAgain] = useState(inGist);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function save() {
    setBusy(true);
    setError(null);
    try {
      const to = { public: visibility === 'public', description, outputs, again };
      done(t('exchange.gist.done'), await exchange.toGist(file.id, to));
      onClose();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }
  return (
    <Frame
      title={t('exchange.gist.title')}
      onClose={onClose}
      action={{ label: t('exchange.gist.action'), busy, ready: true, run: () => void save() }}
    >
      <div className="exchange-form">
        {inGist && <Check label={t('exchange.gist.again')} checked={again} onChange={setAgain} />}
        {!again && (
          <>
            <TextField
              label={t('exchange.gist.description')}
              value={description}
              maxLength={255}
              autoComplete="off"
              onChange={(event) => setDescription(event.target.value)}
            />
            <Select
              label={t('exchange.gist.visibility')}
              value={visibility}
              options={(['secret', 'public'] as const).map((value) => ({ value, label: t(`exchange.gist.${value}`) }))}
              onChange={setVisibility}
            />
          </>
        )}
        <Check label={t('exchange.save.outputs')} checked={outputs} onChange={setOutputs} />
        {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
      </div>
    </Frame>
  );
}

/** Markdown and HTML of a badge that opens the notebook here from where it is published. */
export function BadgeDialog({ file, onClose }: ExchangeDialogProps) {
  const known = useSource(file.id);
  const alt = t('exchange.badge.alt');
  const codes = known?.open_url
    ? {
        markdown: `[![${alt}](${known.badge_url})](${known.open_url})`,
        html: `<a href="${known.open_url}"><img src="${known.badge_url}" alt="${alt}"></a>`,
      }
    : null;
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('exchange.badge.title')}
      footer={<Button onClick={onClose}>{t('ui.close')}</Button>}
    >
      {!known && <Spinner label={t('exchange.github.loading')} />}
      {known && !codes && <p>{t('exchange.badge.none')}</p>}
      {known?.open_url && codes && (
        <div className="exchange-form">
          <p>{t('exchange.badge.text', { place: known.source?.url.replace(/^https?:\/\//, '') ?? '' })}</p>
          <img className="exchange-badge" src={known.badge_url} alt={alt} width={128} height={20} />
          {(['markdown', 'html'] as const).map((kind) => (
            <div key={kind} className="exchange-line">
              <TextField
                label={t(`exchange.badge.${kind}`)}
                value={codes[kind]}
                readOnly
                onFocus={(event) => event.target.select()}
              />
              <Button
                icon="content_copy"
                aria-label={`${t('exchange.badge.copy')} ${t(`exchange.badge.${kind}`)}`}
                onClick={() =>
                  void copyText(codes[kind]).then((ok) => ok && toast({ message: t('exchange.badge.copied') }))
                }
              >
                {t('exchange.badge.copy')}
              </Button>
            </div>
          ))}
        </div>
      )}
    </Dialog>
  );
}
