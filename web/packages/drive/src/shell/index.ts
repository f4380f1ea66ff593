export * from './AccountMenu';
export * from './TopBar';
export * from './account';
export * from './instance';
export * from './kinds';
