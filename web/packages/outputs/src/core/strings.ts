/** What outputs say to people, in one place; frames carry it too, which is why it is not in the app's catalogue. */

export const STRINGS = {
  hidden: '… {n} lines hidden',
  showMore: 'Show 1,000 more',
  showAll: 'Show all',
  showLess: 'Show less',
  loading: 'Loading …',
  loadFailed: 'This part of the output could not be loaded.',
  retry: 'Try again',
  copy: 'Copy',
  copied: 'Copied',
  copyOutput: 'Copy output',
  copyFailed: 'Could not copy',
  clearOutput: 'Clear output',
  fullScreen: 'Full screen',
  saveImage: 'Save image',
  outputTools: 'Tools of the output',
  eachOutput: 'One of the outputs',
  outputNumber: '{n}. {name}',
  removeOutput: 'Remove this output',
  display: 'Display',
  diagram: 'Diagram',
  needsRuntime: 'This map is drawn by a program of the runtime. Run the cell to see it.',
  noPicture: 'This output has nothing that can be saved as an image.',
  expand: 'Show in full height',
  collapse: 'Scroll inside',
  pipReplaced: 'Imported before another version was installed: {packages}. Restart to use what is installed now.',
  pipRestart: 'Restart runtime',
  framesHidden: 'Show {n} hidden lines of the traceback',
  traceback: 'Traceback',
  stdout: 'Standard output',
  stderr: 'Standard error',
  image: 'Image output',
  unknownType: 'This output cannot be shown here. Its types are: {types}.',
  unknownOutput: 'An output of the unknown kind “{kind}”. It is kept in the file as it is.',
  lineCut: ' … {n} more characters in this line',
  items: '{n} items',
  keys: '{n} keys',
  moreItems: 'Show {n} more',
  activeOutput: 'Output of the cell',
  frameSilent: 'The output’s frame did not start. The network may block {origin}.',
  frameNoisy: 'This output sent too many messages and was stopped.',
  noFrame: 'The output has no frame to run this in: it did not start, or was cut off.',
  replaced: 'The output was replaced.',
  notLive: 'This output cannot act: it was saved, copied or made by somebody else. Run the cell yourself first.',
  drawFailed: 'This output could not be drawn: {message}',
  savePdf: 'Save PDF',
  morePages: 'Show {n} more pages',
  pdfPage: 'Page {n}',
  reload: 'Load it again',
  externalImage: 'Image on {host}, not loaded',
  widgetOthers: 'On {name}’s machine: you see what it does.',
  widgetSaved: 'As it was saved. Run the cell to bring it to life.',
  widgetNone: 'Run the cell to bring this widget to life.',
  widgetEnded: 'Its kernel has ended. Run the cell to bring it to life again.',
  widgetSlider: 'Slider',
  widgetColour: 'Colour',
  widgetProgress: 'Progress',
  widgetPlay: 'Play',
  widgetPause: 'Pause',
  widgetStop: 'Stop',
  widgetRepeat: 'Repeat',
  widgetFailed: 'This widget could not be drawn. {message}',
  uploadCancel: 'Cancel upload',
  uploadProgress: '{name}: {n}% done',
  tooLargeToCopy: 'Too large to copy; download the notebook instead',
} as const;

export type StringKey = keyof typeof STRINGS;

export type Say = (key: StringKey, values: Readonly<Record<string, string | number>>) => string;

const english: Say = (key, values) =>
  STRINGS[key].replace(/\{(\w+)\}/g, (_place, name: string) => {
    const value = values[name];
    return typeof value === 'number' ? value.toLocaleString('en') : (value ?? '');
  });

let translate: Say = english;

/** Lets the page say these in its own language. */
export function setTranslator(translator: Say): void {
  translate = translator;
}

/** Returns a text with its `{name}` places filled in. */
export function say(key: StringKey, values: Readonly<Record<string, string | number>> = {}): string {
  return translate(key, values);
}
