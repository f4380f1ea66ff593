import { addMessages } from '@labora/ui';

addMessages('widgets', {
  saved: { one: 'One widget is saved in the notebook.', other: '{count} widgets are saved in the notebook.' },
});
