export * from './AccountMenu';
export * from './TopBar';
export * from './account';
export * from './drafts';
export * from './instance';
export * from './kinds';
