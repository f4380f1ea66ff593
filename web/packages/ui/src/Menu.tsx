/**
 * Menus from one list of items, so that a menu bar, a button's menu, a context menu and a command palette can share it:
 * items are data (`MenuItem`), the three components only show them.
 */
import { ContextMenu as RadixContext, DropdownMenu as RadixDropdown, Menubar as RadixBar } from 'radix-ui';
import { type ReactElement, type ReactNode, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { Icon, type IconName } from './Icon';
import { classes } from './classes';
import { returnFocus as returnFocusToPage } from './focus';

export interface MenuAction {
  id: string;
  label: string;
  icon?: IconName;
  /** The shortcut as it is shown: "Ctrl+M B". */
  keys?: string;
  disabled?: boolean;
  danger?: boolean;
  /** Given: the item is a check box. */
  checked?: boolean;
  /** Given: the item opens a submenu. */
  items?: MenuItems;
  /** The menu stays open when this is chosen; `deeper` shows that more follows. */
  stays?: 'deeper' | 'back';
  onSelect?: () => void;
}

export type MenuItem = MenuAction | 'separator' | { heading: string };

/** Items as a function are asked for when the menu opens. */
export type MenuItems = MenuItem[] | (() => MenuItem[]);

type Parts = typeof RadixDropdown | typeof RadixContext | typeof RadixBar;

function Items({ parts, items }: { parts: Parts; items: MenuItem[] }) {
  // The three families have the same parts under the same names.
  const P = parts as typeof RadixDropdown;
  return items.map((item, index) => {
    if (item === 'separator') return <P.Separator key={`separator-${index}`} className="ui-menu-separator" />;
    if ('heading' in item) {
      return (
        <P.Label key={item.heading} className="ui-menu-heading">
          {item.heading}
        </P.Label>
      );
    }
    const className = classes('ui-menu-item', item.danger && 'ui-menu-danger');
    const label = (
      <>
        <span className="ui-menu-icon">
          {item.checked ? <Icon name="check" size={18} /> : item.icon && <Icon name={item.icon} size={18} />}
        </span>
        <span className="ui-menu-label">{item.label}</span>
        {item.keys && <kbd className="ui-menu-keys">{item.keys}</kbd>}
        {(item.items || item.stays === 'deeper') && <Icon name="chevron_right" size={18} className="ui-menu-more" />}
      </>
    );
    if (item.items) {
      return (
        <P.Sub key={item.id}>
          <P.SubTrigger className={className} disabled={item.disabled ?? false}>
            {label}
          </P.SubTrigger>
          <P.Portal>
            <P.SubContent className="ui-menu" collisionPadding={8} sideOffset={2}>
              <Items parts={parts} items={listed(item.items)} />
            </P.SubContent>
          </P.Portal>
        </P.Sub>
      );
    }
    const onSelect = (event: Event) => {
      if (item.stays) event.preventDefault();
      item.onSelect?.();
    };
    const shared = { className, disabled: item.disabled ?? false, onSelect };
    if (item.checked !== undefined) {
      return (
        <P.CheckboxItem key={item.id} {...shared} checked={item.checked}>
          {label}
        </P.CheckboxItem>
      );
    }
    return (
      <P.Item key={item.id} {...shared}>
        {label}
      </P.Item>
    );
  });
}

const listed = (items: MenuItems): MenuItem[] => (typeof items === 'function' ? items() : items);

export interface MenuProps {
  /** The button that opens it; it must take a ref and props. */
  trigger: ReactElement;
  items: MenuItems;
  label?: string;
  align?: 'start' | 'center' | 'end';
  /** Shown above the items: who is signed in, for one. */
  header?: ReactNode;
  /** False: focus returns to where it was in the page instead of the trigger, as a shortcut would leave it. */
  returnFocus?: boolean;
  /** Submenus take the place of the menu instead of opening beside it, where a phone has no room. */
  inPlace?: boolean;
}

export function Menu({ trigger, items, label, align = 'start', header, returnFocus = true, inPlace }: MenuProps) {
  const [open, setOpen] = useState(false);
  return (
    <RadixDropdown.Root open={open} onOpenChange={setOpen} modal={false}>
      <RadixDropdown.Trigger asChild>{trigger}</RadixDropdown.Trigger>
      <RadixDropdown.Portal>
        <RadixDropdown.Content
          className="ui-menu"
          aria-label={label}
          align={align}
          sideOffset={4}
          collisionPadding={8}
          onCloseAutoFocus={(event) => {
            if (returnFocus) return;
            event.preventDefault();
            returnFocusToPage();
          }}
        >
          {header && <div className="ui-menu-header">{header}</div>}
          {open && (inPlace ? <Levels items={items} /> : <Items parts={RadixDropdown} items={listed(items)} />)}
        </RadixDropdown.Content>
      </RadixDropdown.Portal>
    </RadixDropdown.Root>
  );
}

/** A menu whose submenus take its place; the first item leads back. */
function Levels({ items }: { items: MenuItems }) {
  const [inside, setInside] = useState<MenuAction | null>(null);
  const body = useRef<HTMLDivElement>(null);
  const go = (to: MenuAction | null) => () => {
    flushSync(() => setInside(to));
    body.current?.querySelector<HTMLElement>('[role^="menuitem"]')?.focus();
  };
  const level = listed(inside?.items ?? items).map((item): MenuItem => {
    if (item === 'separator' || 'heading' in item || !item.items) return item;
    return { id: item.id, label: item.label, stays: 'deeper', onSelect: go(item) };
  });
  const back: MenuItem[] = inside
    ? [{ id: 'back', label: inside.label, icon: 'arrow_back', stays: 'back', onSelect: go(null) }, 'separator']
    : [];
  return (
    <div ref={body}>
      <Items parts={RadixDropdown} items={[...back, ...level]} />
    </div>
  );
}

export interface ContextMenuProps {
  /** One element, which takes the right click and the menu key. */
  children: ReactElement;
  items: MenuItems;
  disabled?: boolean;
}

export function ContextMenu({ children, items, disabled = false }: ContextMenuProps) {
  const [open, setOpen] = useState(false);
  return (
    <RadixContext.Root onOpenChange={setOpen} modal={false}>
      <RadixContext.Trigger asChild disabled={disabled}>
        {children}
      </RadixContext.Trigger>
      <RadixContext.Portal>
        <RadixContext.Content className="ui-menu" collisionPadding={8}>
          {open && <Items parts={RadixContext} items={listed(items)} />}
        </RadixContext.Content>
      </RadixContext.Portal>
    </RadixContext.Root>
  );
}

export interface MenubarProps {
  label: string;
  menus: { id: string; label: string; items: MenuItems }[];
}

/** The menu bar of a document: File, Edit … Arrow keys go between the menus. */
export function Menubar({ label, menus }: MenubarProps) {
  const [open, setOpen] = useState('');
  const now = useRef('');
  /** By pointer the bar is left for the page; who came by the keyboard and presses Escape stays on the bar. */
  const pointed = useRef(false);
  const stay = useRef(false);
  function change(value: string) {
    now.current = value;
    if (value) stay.current = false;
    setOpen(value);
  }
  function closed(event: Event) {
    if (now.current || stay.current) return;
    event.preventDefault();
    returnFocusToPage();
  }
  return (
    <RadixBar.Root
      className="ui-menubar"
      aria-label={label}
      value={open}
      onValueChange={change}
      onPointerDown={() => (pointed.current = true)}
      onKeyDown={() => (pointed.current = false)}
    >
      {menus.map((menu) => (
        <RadixBar.Menu key={menu.id} value={menu.id}>
          <RadixBar.Trigger className="ui-menubar-trigger">{menu.label}</RadixBar.Trigger>
          <RadixBar.Portal>
            <RadixBar.Content
              className="ui-menu"
              align="start"
              sideOffset={4}
              collisionPadding={8}
              onEscapeKeyDown={() => (stay.current = !pointed.current)}
              onCloseAutoFocus={closed}
            >
              {open === menu.id && <Items parts={RadixBar} items={listed(menu.items)} />}
            </RadixBar.Content>
          </RadixBar.Portal>
        </RadixBar.Menu>
      ))}
    </RadixBar.Root>
  );
}
