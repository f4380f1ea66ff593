export * from './i18n';
export * from './router';
export * from './theme';
