export * from './client';
export * from './request';
export * from './sharing';
export * from './types';
export * from './upload';
