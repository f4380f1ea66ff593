export { BadgeDialog, SaveAsGist, SaveToGitHub } from './SaveDialogs';
export { DownloadDialog, type ExchangeDialogProps } from './DownloadDialog';
export { GitHubPage } from './GitHubPage';
export { GitHubToken } from './GitHubToken';
export { ImportPage } from './ImportPage';
export { printNotebook } from './print';
