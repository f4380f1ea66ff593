import { addMessages } from '@labora/ui';

addMessages('live', {
  notLive: 'This output cannot act: it was saved, copied or made by somebody else. Run the cell yourself first.',
  unsupported: 'Outputs cannot do that here.',
  invalid: 'The output asked for something that cannot be done.',
  readOnly: 'You may not edit this notebook.',
  refused: 'You were asked and did not allow it.',
  askedAlready: 'This cell shows a dialog already, or one was closed just now. Try again in a few seconds.',
  replaced: 'The cell shows the outputs of a later run now.',
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
    markdown: 'The code of a cell that you ran wants to add this as text below it.',
    add: 'Add cell',
    deny: 'Don’t add',
  },
  disconnect: {
    text: 'The output of a cell that you ran wants to end your runtime. Its variables, files in /content and installed packages are lost. The notebook and its outputs stay.',
  },
  view: {
    title: 'File {name}',
    save: 'Download',
    close: 'Close',
    loading: 'Reading the file…',
    binary: 'This file cannot be shown as text. Download it to open it elsewhere.',
    large: 'This image is too large to be shown here. Download it to open it elsewhere.',
    folder: 'This is a folder. It holds:',
    empty: 'This folder is empty.',
    more: 'There is more in it than is listed here.',
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
  },
});
