/** Commands as menu items. */
import type { MenuItem } from '@labora/ui';
import { commandOf, isEnabled } from '../model/commands';
import type { NotebookController } from '../model/controller';
import { showKeys } from '../model/keys';

export function menuItems(controller: NotebookController, ids: readonly string[]): MenuItem[] {
  return ids.map((id): MenuItem => {
    if (id === '-') return 'separator';
    const command = commandOf(id);
    const checked = command.checked?.(controller);
    const { items } = command;
    return {
      id,
      label: command.title,
      ...(command.icon ? { icon: command.icon } : {}),
      ...(command.keys?.[0] ? { keys: showKeys(command.keys[0]) } : {}),
      ...(command.danger ? { danger: true } : {}),
      ...(checked === undefined ? {} : { checked }),
      ...(items ? { items: () => items(controller) } : {}),
      disabled: !isEnabled(command, controller),
      onSelect: () => command.run(controller),
    };
  });
}
