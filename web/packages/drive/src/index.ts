export { DrivePage, type DrivePageProps } from './DrivePage';
