import type { Messages } from '@labora/ui';

export const en: Messages = {
  app: { name: 'Labora' },
};
