export { NotebookPage, type NotebookPageProps } from './NotebookPage';
