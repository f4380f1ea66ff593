export { DrivePage, type DrivePageProps } from './DrivePage';
export { FilePage } from './FilePage';
export { ShareDialog, type ShareDialogProps } from './dialogs/ShareDialog';
