export * from './Everyone';
export * from './History';
export * from './Meter';
export * from './PortPage';
export * from './Ports';
export * from './Runtime';
export * from './Sessions';
export * from './SessionsDialog';
