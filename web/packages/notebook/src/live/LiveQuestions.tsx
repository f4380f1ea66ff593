/** The dialogs of questions.ts. They take no answer in their first half second, which a click may have been aimed at. */
import { useEffect, useState } from 'react';
import { Button, Dialog, t } from '@labora/ui';
import { useController, useStatus, useStore } from '../model/context';
import type { Asked, Question } from './questions';
import { readFile, type Read, SHOWN_CHARACTERS } from './read-file';
import { bareName, saveFile } from './runtime-files';

const SETTLE_MS = 500;

function useSettled(): boolean {
  const [settled, setSettled] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(true), SETTLE_MS);
    return () => clearTimeout(timer);
  }, []);
  return settled;
}

function YesOrNo({ asked, of, title, text, yes, no, children }: YesOrNoProps) {
  const settled = useSettled();
  const deny = () => settled && asked.answer(false);
  return (
    <Dialog
      open
      onClose={deny}
      title={title}
      description={text}
      footer={
        <>
          <Button onClick={deny} disabled={!settled}>
            {no}
          </Button>
          <Button
            variant="primary"
            onClick={() => settled && asked.answer(true)}
            disabled={!settled}
            data-question={of}
          >
            {yes}
          </Button>
        </>
      }
    >
      {children}
    </Dialog>
  );
}

interface YesOrNoProps {
  asked: Asked;
  of: Question['kind'];
  title: string;
  text: string;
  yes: string;
  no: string;
  children?: React.ReactNode;
}

function DeviceQuestion({ asked, devices }: { asked: Asked; devices: readonly string[] }) {
  const name = useStatus().file?.name ?? '';
  const what = devices.length > 1 ? 'both' : (devices[0] ?? 'camera');
  return (
    <YesOrNo
      asked={asked}
      of="device"
      title={t('live.device.title', { devices: t(`live.device.${what}`) })}
      text={t('live.device.text', { name })}
      yes={t('live.device.allow')}
      no={t('live.device.deny')}
    />
  );
}

function DisconnectQuestion({ asked }: { asked: Asked }) {
  return (
    <YesOrNo
      asked={asked}
      of="disconnect"
      title={t('notebook.disconnectTitle')}
      text={t('live.disconnect.text')}
      yes={t('notebook.disconnectAction')}
      no={t('ui.cancel')}
    />
  );
}

function CellQuestion({ asked, text, source }: { asked: Asked; text: string; source: string }) {
  return (
    <YesOrNo
      asked={asked}
      of="cell"
      title={t('live.cell.title')}
      text={text}
      yes={t('live.cell.add')}
      no={t('live.cell.deny')}
    >
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a box that scrolls is a stop of the keyboard */}
      <pre className="live-text" tabIndex={0}>
        {source.slice(0, SHOWN_CHARACTERS)}
      </pre>
    </YesOrNo>
  );
}

function ViewFile({ asked, runtimeId, path }: { asked: Asked; runtimeId: string; path: string }) {
  const [read, setRead] = useState<Read | null>(null);
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    readFile(runtimeId, path, signal).then(
      (found) => signal.aborted || setRead(found),
      (error: Error) => signal.aborted || setRead({ failed: t('live.view.failed', { message: error.message }) }),
    );
    return () => leaving.abort();
  }, [runtimeId, path]);
  return (
    <Dialog
      open
      size="lg"
      onClose={() => asked.answer(false)}
      title={t('live.view.title', { name: bareName(path) })}
      footer={
        <>
          {read && !('names' in read) && (
            <Button onClick={() => saveFile(runtimeId, path)}>{t('live.view.save')}</Button>
          )}
          <Button variant="primary" onClick={() => asked.answer(false)}>
            {t('live.view.close')}
          </Button>
        </>
      }
    >
      <FileBody read={read} path={path} />
    </Dialog>
  );
}

function Picture({ image, path }: { image: Blob; path: string }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    const made = URL.createObjectURL(image);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [image]);
  return url && <img className="live-image" src={url} alt={bareName(path)} />;
}

function FileBody({ read, path }: { read: Read | null; path: string }) {
  if (read === null) return <p>{t('live.view.loading')}</p>;
  if ('failed' in read) return <p>{read.failed}</p>;
  if ('image' in read) return <Picture image={read.image} path={path} />;
  if ('names' in read)
    return (
      <>
        <p>{t(read.names.length > 0 ? 'live.view.folder' : 'live.view.empty')}</p>
        <ul className="live-names">
          {read.names.map((name) => (
            <li key={name}>{name}</li>
          ))}
        </ul>
        {read.more && <p>{t('live.view.more')}</p>}
      </>
    );
  return (
    <>
      {read.cut && <p>{t('live.view.cut', { count: SHOWN_CHARACTERS })}</p>}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a box that scrolls is a stop of the keyboard */}
      <pre className="live-text" tabIndex={0}>
        {read.text}
      </pre>
    </>
  );
}

export function LiveQuestions() {
  const [asked] = useStore(useController().live.questions.open);
  if (!asked) return null;
  const { question } = asked;
  if (question.kind === 'device') return <DeviceQuestion key={asked.id} asked={asked} devices={question.devices} />;
  if (question.kind === 'cell') {
    const text = t(question.cell === 'code' ? 'live.cell.text' : 'live.cell.markdown');
    return <CellQuestion key={asked.id} asked={asked} text={text} source={question.source} />;
  }
  if (question.kind === 'disconnect') return <DisconnectQuestion key={asked.id} asked={asked} />;
  return <ViewFile key={asked.id} asked={asked} runtimeId={question.runtimeId} path={question.path} />;
}
