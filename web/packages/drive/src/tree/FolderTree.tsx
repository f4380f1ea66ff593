/** The folders of My Drive in the navigation; arrows go through it, files can be dropped on it. */
import { type KeyboardEvent, useRef, useState } from 'react';
import { Icon, classes, navigate, t } from '@labora/ui';
import { useDropTarget } from '../list/drag';
import { type Tree, setOpen, useTree } from './folders';
import './tree.css';

interface Node {
  id: string;
  name: string;
  parent: string;
  level: number;
}

/** What of the tree is seen, from top to bottom. */
function seen(tree: Tree, parent: string, level: number): Node[] {
  const found: Node[] = [];
  for (const { id, name } of tree.branches.get(parent)?.folders ?? []) {
    found.push({ id, name, parent, level });
    if (tree.open.has(id)) found.push(...seen(tree, id, level + 1));
  }
  return found;
}

interface ItemProps {
  node: Node;
  tree: Tree;
  current: string | null;
  active: string | undefined;
  onActive: (id: string) => void;
}

function Item({ node, tree, current, active, onActive }: ItemProps) {
  const open = tree.open.has(node.id);
  const branch = tree.branches.get(node.id);
  const leaf = open && branch?.status === 'ready' && branch.folders.length === 0;
  const drop = useDropTarget({ kind: 'folder', id: node.id, name: node.name }, () => setOpen(node.id, true));
  return (
    <li
      role="treeitem"
      aria-level={node.level}
      aria-expanded={leaf ? undefined : open}
      aria-current={node.id === current ? 'page' : undefined}
      aria-selected={node.id === current}
      aria-label={node.name}
      data-folder={node.id}
      tabIndex={node.id === active ? 0 : -1}
      onFocus={(event) => event.target === event.currentTarget && onActive(node.id)}
      {...drop.handlers}
      className={classes('tree-item', drop.over && 'drop-over')}
      style={{ paddingInlineStart: 4 + node.level * 14 }}
      onClick={() => navigate(`/folders/${node.id}`)}
    >
      <span
        role="presentation"
        className={classes('tree-fold', leaf && 'tree-leaf')}
        data-fold=""
        onClick={(event) => {
          event.stopPropagation();
          setOpen(node.id, !open);
        }}
      >
        <Icon name={open ? 'keyboard_arrow_down' : 'chevron_right'} size={18} />
      </span>
      <Icon name="folder-fill" size={18} className="tree-folder" />
      <span className="ui-truncate" title={node.name}>
        {node.name}
      </span>
    </li>
  );
}

export function FolderTree({ current }: { current: string | null }) {
  const tree = useTree();
  const nodes = seen(tree, 'root', 1);
  const [at, setAt] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const known = new Set(nodes.map((node) => node.id));
  const active = [at, current].find((id) => id !== null && known.has(id)) ?? nodes[0]?.id;
  const root = tree.branches.get('root');

  function go(id: string | undefined) {
    if (id === undefined) return;
    setAt(id);
    list.current?.querySelector<HTMLElement>(`[data-folder="${CSS.escape(id)}"]`)?.focus();
  }
  function key(event: KeyboardEvent) {
    const index = nodes.findIndex((node) => node.id === active);
    const node = nodes[index];
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const open = tree.open.has(node.id);
    if (event.key === 'ArrowDown') go(nodes[index + 1]?.id);
    else if (event.key === 'ArrowUp') go(nodes[index - 1]?.id);
    else if (event.key === 'Home') go(nodes[0]?.id);
    else if (event.key === 'End') go(nodes.at(-1)?.id);
    else if (event.key === 'ArrowRight') {
      if (!open) setOpen(node.id, true);
      else if (nodes[index + 1]?.parent === node.id) go(nodes[index + 1]?.id);
    } else if (event.key === 'ArrowLeft') {
      if (open) setOpen(node.id, false);
      else if (known.has(node.parent)) go(node.parent);
    } else if (event.key === 'Enter' || event.key === ' ') navigate(`/folders/${node.id}`);
    else return;
    event.preventDefault();
  }

  if (root?.status === 'failed') return <p className="tree-note">{t('files.tree.failed')}</p>;
  if (root?.status === 'ready' && nodes.length === 0) return <p className="tree-note">{t('drive.move.none')}</p>;
  if (nodes.length === 0) return null;
  return (
    <>
      <ul role="tree" aria-label={t('files.tree.label')} className="tree" ref={list} onKeyDown={key}>
        {nodes.map((node) => (
          <Item key={node.id} node={node} tree={tree} current={current} active={active} onActive={setAt} />
        ))}
      </ul>
      {root?.more && <p className="tree-note">{t('files.tree.more')}</p>}
    </>
  );
}
