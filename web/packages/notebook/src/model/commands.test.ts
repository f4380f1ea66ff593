// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { commandOf, commands, isEnabled, menus } from './commands';
import type { NotebookController } from './controller';

/** A notebook as somebody with these abilities sees it. */
const seenWith = (abilities: string[]): NotebookController => {
  const status = { abilities, file: { playground_of: null }, readOnlyReason: null };
  return { canEdit: abilities.includes('edit'), client: { status: { get: () => status } } } as never;
};

test('every command is there once, and every menu has what it names', () => {
  expect(new Set(commands.map((command) => command.id)).size).toBe(commands.length);
  for (const { items } of menus) for (const id of items) if (id !== '-') expect(commandOf(id).id).toBe(id);
});

test('who may copy but not edit can run all, in a playground', () => {
  expect(isEnabled(commandOf('run.all'), seenWith(['read', 'copy']))).toBe(true);
  expect(isEnabled(commandOf('run.all'), seenWith(['read']))).toBe(false);
});
