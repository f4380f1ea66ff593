/** What is known of the chosen files, or of the folder that is shown. */
import { type ReactNode, useEffect, useState } from 'react';
import { type File, api } from '@labora/api';
import { Avatar, Button, Icon, IconButton, Link, formatBytes, formatDateTime, formatWhen, t } from '@labora/ui';
import { FileIcon, kindName } from '../list/FileIcon';
import { linkTo } from '../list/actions';
import { type Details, useDetails } from './useDetails';
import './details.css';

export interface DetailsPaneProps {
  files: File[];
  /** Shown when nothing is chosen. */
  folderId: string | null;
  me: string;
  onClose: () => void;
  onShare: (file: File) => void;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{t(`files.details.${name}`)}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Section({ title, children, action }: { title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <section>
      <div className="details-title">
        <h3>{title}</h3>
        {action}
      </div>
      {children}
    </section>
  );
}

const person = (who: { id: string; name: string }, me: string): string => (who.id === me ? t('drive.me') : who.name);

function Place({ file, above }: { file: File; above: Details['above'] }) {
  if (!above || !file.parent_id) return null;
  const parent = above.at(-1);
  if (!parent) return null;
  const isRoot = parent.parent_id === null;
  return (
    <Fact name="place">
      <Link href={isRoot ? '/' : `/folders/${parent.id}`} className="details-link">
        <Icon name={isRoot ? 'home' : 'folder-fill'} size={16} />
        <span className="ui-truncate">{isRoot ? t('drive.view.drive') : parent.name}</span>
      </Link>
    </Fact>
  );
}

function sizeText(file: File, { contents }: Details): string {
  if (file.kind !== 'folder') return formatBytes(file.size ?? 0);
  if (!contents) return '…';
  return t('files.details.inside', { count: contents.items, size: formatBytes(contents.total_bytes) });
}

function Target({ file }: { file: File }) {
  const link = linkTo(file);
  if (file.kind !== 'shortcut') return null;
  return (
    <Fact name="target">
      {link ? (
        <Link href={link} className="details-link">
          {t(`files.kind.${file.target?.kind ?? 'file'}`)}
        </Link>
      ) : (
        t(file.target?.trashed ? 'files.details.inTrash' : 'files.details.nowhere')
      )}
    </Fact>
  );
}

function Access({
  file,
  me,
  permissions,
  onShare,
}: { file: File; me: string; onShare: (file: File) => void } & Details) {
  const shares = file.abilities.includes('share');
  return (
    <Section
      title={t('files.details.access')}
      action={
        shares && (
          <Button size="sm" icon="person_add" onClick={() => onShare(file)}>
            {t('drive.action.share')}
          </Button>
        )
      }
    >
      {permissions ? (
        <ul className="details-people">
          {permissions.map((given) => (
            <li key={given.id}>
              {given.account ? (
                <Avatar name={given.account.name} color={given.account.color} size={24} />
              ) : (
                <Icon name={given.kind === 'anyone' ? 'link' : 'group'} />
              )}
              <span className="ui-truncate">
                {given.account ? person(given.account, me) : t(`share.kind.${given.kind}`)}
              </span>
              <span className="details-role">{t(`share.role.${given.role}`)}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="details-note">
          {t(file.shared ? 'files.details.shared' : 'files.details.private', {
            role: t(`share.role.${file.role}`),
          })}
        </p>
      )}
    </Section>
  );
}

function History({ file, me, revisions }: { file: File; me: string } & Details) {
  if (!revisions || revisions.length === 0) return null;
  return (
    <Section
      title={t('files.details.history')}
      action={
        file.kind === 'notebook' && (
          <Link href={`/drive/${file.id}/history`} className="details-link">
            {t('files.details.allRevisions')}
          </Link>
        )
      }
    >
      <ol className="details-revisions">
        {revisions.map((revision) => (
          <li key={revision.id}>
            <span className="ui-truncate">
              {revision.name ?? t('files.details.revision', { count: revision.number })}
            </span>
            <span className="details-role" title={formatDateTime(revision.created_at)}>
              {formatWhen(revision.created_at)}
              {revision.author && ` · ${person(revision.author, me)}`}
            </span>
          </li>
        ))}
      </ol>
    </Section>
  );
}

function One({ file, me, onShare }: { file: File; me: string; onShare: (file: File) => void }) {
  const details = useDetails(file);
  const isRoot =
    file.parent_id === null && file.kind === 'folder' && file.owner.id === me && details.above?.length === 0;
  return (
    <>
      <dl className="details-facts">
        <Fact name="kind">{kindName(file)}</Fact>
        <Target file={file} />
        {file.kind !== 'shortcut' && <Fact name="size">{sizeText(file, details)}</Fact>}
        <Fact name="owner">{person(file.owner, me)}</Fact>
        <Place file={file} above={details.above} />
        {file.trashed_at && <Fact name="trashed">{formatDateTime(file.trashed_at)}</Fact>}
        <Fact name="modified">
          {formatDateTime(file.modified_at)}
          {file.modified_by && ` ${t('drive.by', { name: person(file.modified_by, me) })}`}
        </Fact>
        {file.opened_at && <Fact name="opened">{formatDateTime(file.opened_at)}</Fact>}
        <Fact name="made">{formatDateTime(file.created_at)}</Fact>
        {file.read_only_reason && <Fact name="readOnly">{file.read_only_reason}</Fact>}
      </dl>
      {!isRoot && file.kind !== 'shortcut' && <Access file={file} me={me} onShare={onShare} {...details} />}
      <History file={file} me={me} {...details} />
    </>
  );
}

function Several({ files, me }: { files: File[]; me: string }) {
  const folders = files.filter((file) => file.kind === 'folder').length;
  const bytes = files.reduce((sum, file) => sum + (file.kind === 'folder' ? 0 : (file.size ?? 0)), 0);
  const owners = [...new Map(files.map((file) => [file.owner.id, file.owner])).values()];
  const last = files.reduce((best, file) => (file.modified_at > best ? file.modified_at : best), '');
  return (
    <dl className="details-facts">
      <Fact name="items">
        {[
          folders > 0 && t('files.details.folders', { count: folders }),
          files.length > folders && t('files.details.files', { count: files.length - folders }),
        ]
          .filter(Boolean)
          .join(', ')}
      </Fact>
      {files.length > folders && <Fact name="size">{formatBytes(bytes)}</Fact>}
      <Fact name="owner">
        {owners.length <= 3
          ? owners.map((owner) => person(owner, me)).join(', ')
          : t('files.details.owners', { count: owners.length })}
      </Fact>
      <Fact name="modified">{formatDateTime(last)}</Fact>
    </dl>
  );
}

function useFolder(id: string | null): File | null {
  const [folder, setFolder] = useState<File | null>(null);
  useEffect(() => {
    const control = new AbortController();
    setFolder((before) => (before?.id === id ? before : null));
    if (id !== null) api.file(id, control.signal).then(setFolder, () => undefined);
    return () => control.abort();
  }, [id]);
  return folder;
}

export function DetailsPane({ files, folderId, me, onClose, onShare }: DetailsPaneProps) {
  const folder = useFolder(files.length === 0 ? folderId : null);
  const one = files.length === 1 ? files[0] : files.length === 0 ? folder : null;
  const title = one
    ? one.parent_id === null && folderId === 'root' && files.length === 0
      ? t('drive.view.drive')
      : one.name
    : files.length
      ? t('files.chosen', { count: files.length })
      : t('files.details.title');
  return (
    <aside className="details" aria-label={t('files.details.title')}>
      <div className="details-head">
        {one ? <FileIcon file={one} /> : <Icon name="info" />}
        <h2>{title}</h2>
        <IconButton size="sm" icon="close" label={t('files.details.hide')} onClick={onClose} />
      </div>
      <div className="details-body">
        {one && <One key={one.id} file={one} me={me} onShare={onShare} />}
        {files.length > 1 && <Several files={files} me={me} />}
        {!one && files.length === 0 && <p className="details-note">{t('files.details.none')}</p>}
      </div>
    </aside>
  );
}
