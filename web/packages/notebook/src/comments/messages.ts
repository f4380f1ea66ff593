import { addMessages } from '@labora/ui';

addMessages('notebook', {
  commands: { insert_comment: 'Add a comment', view_comments: 'Comments' },
  copiedWithoutComments: 'This is your copy. It has the content of the notebook, not its comments.',
});
