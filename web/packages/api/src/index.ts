export * from './client';
export * from './request';
export * from './datasets';
export * from './secrets';
export * from './sharing';
export * from './types';
export * from './upload';
export * from './exchange';
