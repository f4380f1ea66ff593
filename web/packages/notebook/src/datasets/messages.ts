import { addMessages } from '@labora/ui';

addMessages('datasets', {
  title: 'Data sets',
  close: 'Close the data sets',
  intro:
    'This server holds these for everybody, under /opt/datasets. Keras and torchvision find them there by themselves.',
  signIn: 'Sign in to see the data sets of this server.',
  pictures: { one: 'One picture', other: '{count} pictures' },
  rows: { one: 'One row', other: '{count} rows' },
  things: '{count} {unit}',
  state: {
    held: 'Ready',
    included: 'Ready',
    missing: 'Not on this server',
    fetching: 'Being fetched',
    failed: 'Could not be fetched',
  },
  insert: 'Insert loading code',
  inserted: 'The code is in a cell of its own.',
  fetch: 'Fetch ({size})',
  fetchPlain: 'Fetch',
  again: 'Fetch again',
  progressOf: 'How much of {name} is here',
  progress: '{done} of {of}',
  ask: 'Ask whoever runs this server to fetch it: labora dataset fetch {name}',
  licence: 'Licence',
  credit: 'Credit',
  copyCredit: 'Copy credit',
  copyCitation: 'Copy citation',
  copied: 'It is on the clipboard.',
  home: 'Its page',
  /** What a button says to who cannot see whose it is. */
  labelOf: '{label}: {name}',
});
