export * from './AccountMenu';
export * from './TopBar';
export * from './account';
export * from './drafts';
export * from './instance';
export * from './kinds';
export { LettersSetting } from '../notices/LettersSetting';
export { NoticeBell } from '../notices/NoticeBell';
export { NoAccess } from '../share/NoAccess';
