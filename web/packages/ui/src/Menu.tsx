/**
 * Menus from one list of items, so that a menu bar, a button's menu, a context menu and a command palette can share it:
 * items are data (`MenuItem`), the three components only show them.
 */
import { ContextMenu as RadixContext, DropdownMenu as RadixDropdown, Menubar as RadixBar } from 'radix-ui';
import { type ReactElement, type ReactNode, useState } from 'react';
import { Icon, type IconName } from './Icon';
import { classes } from './classes';

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
  items?: MenuItem[];
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
      </>
    );
    if (item.items) {
      return (
        <P.Sub key={item.id}>
          <P.SubTrigger className={className} disabled={item.disabled ?? false}>
            {label}
            <Icon name="chevron_right" size={18} className="ui-menu-more" />
          </P.SubTrigger>
          <P.Portal>
            <P.SubContent className="ui-menu" collisionPadding={8} sideOffset={2}>
              <Items parts={parts} items={item.items} />
            </P.SubContent>
          </P.Portal>
        </P.Sub>
      );
    }
    const shared = { className, disabled: item.disabled ?? false, onSelect: () => item.onSelect?.() };
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
  /** False: focus does not return to the trigger, for actions that put it elsewhere. */
  returnFocus?: boolean;
}

export function Menu({ trigger, items, label, align = 'start', header, returnFocus = true }: MenuProps) {
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
            if (!returnFocus) event.preventDefault();
          }}
        >
          {header && <div className="ui-menu-header">{header}</div>}
          {open && <Items parts={RadixDropdown} items={listed(items)} />}
        </RadixDropdown.Content>
      </RadixDropdown.Portal>
    </RadixDropdown.Root>
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
  return (
    <RadixBar.Root className="ui-menubar" aria-label={label} value={open} onValueChange={setOpen}>
      {menus.map((menu) => (
        <RadixBar.Menu key={menu.id} value={menu.id}>
          <RadixBar.Trigger className="ui-menubar-trigger">{menu.label}</RadixBar.Trigger>
          <RadixBar.Portal>
            <RadixBar.Content className="ui-menu" align="start" sideOffset={4} collisionPadding={8}>
              {open === menu.id && <Items parts={RadixBar} items={listed(menu.items)} />}
            </RadixBar.Content>
          </RadixBar.Portal>
        </RadixBar.Menu>
      ))}
    </RadixBar.Root>
  );
}
