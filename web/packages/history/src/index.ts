export { ComparePage } from './ComparePage';
export { HistoryPage } from './HistoryPage';
