import { addMessages } from '@labora/ui';

addMessages('storage', {
  high: 'Your storage is {percent} % full',
  full: 'Your storage is full',
  used: '{used} of {limit} are used.',
  fullText: 'Notebooks are still saved; new files, copies and uploads are refused.',
  trash: 'The trash holds {size} of it: ',
  toTrash: 'empty the trash',
  trashDays: {
    one: 'Files are deleted for ever after {count} day in the trash.',
    other: 'Files are deleted for ever after {count} days in the trash.',
  },
  trashKept: 'Files stay here until you delete them for ever.',
});
