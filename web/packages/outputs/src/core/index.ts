/** What shows outputs, without React: the page and the output frame share it. */
export * from './ansi';
export * from './buttons';
export * from './dom';
export * from './mime';
export * from './output-list';
export * from './stream-view';
export * from './strings';
export * from './types';
export * from './values';
