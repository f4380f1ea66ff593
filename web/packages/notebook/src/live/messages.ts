import { addMessages } from '@labora/ui';

addMessages('live', {
  notLive: 'This output cannot act: it was saved, copied or made by somebody else. Run the cell yourself first.',
  unsupported: 'Outputs cannot do that here.',
  invalid: 'The output asked for something that cannot be done.',
  readOnly: 'You may not edit this notebook.',
  refused: 'You were asked and did not allow it.',
  noCell: 'The cell is not there any more.',
  noDevice:
    'Cameras and microphones cannot be used at this address. Open the server as http://localhost, or give it a content domain.',
  device: {
    title: 'Let this notebook use your {devices}?',
    text: 'The code of a cell that you ran in “{name}” wants it. Outputs of other people and saved ones never get it. Your browser may ask you once more.',
    allow: 'Allow until I leave the page',
    deny: 'Don’t allow',
    camera: 'camera',
    microphone: 'microphone',
    both: 'camera and microphone',
  },
  cell: {
    title: 'Add a cell to this notebook?',
    text: 'The code of a cell that you ran wants to add this below it. It is not run.',
    add: 'Add cell',
    deny: 'Don’t add',
  },
  view: {
    title: 'File {name}',
    save: 'Download',
    close: 'Close',
    loading: 'Reading the file…',
    binary: 'This file cannot be shown as text. Download it to open it elsewhere.',
    cut: 'The first {count} characters are shown.',
    failed: 'The file could not be read: {message}',
  },
  upload: {
    label: 'The code waits for files from your computer.',
    choose: 'Choose files',
    chooseOne: 'Choose a file',
    cancel: 'Cancel upload',
    sending: 'Uploading {name}: {percent} %',
    failed: '{name} could not be uploaded: {message}',
    others: '{name}’s code waits for files.',
  },
});
