export { DrivePage, type DrivePageProps } from './DrivePage';
export { FilePage } from './FilePage';
