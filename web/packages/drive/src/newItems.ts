import { type MenuItem, navigate, t } from '@labora/ui';

/** How something new comes into the folder that is shown. */
export interface NewActions {
  notebook: () => void;
  folder: () => void;
  upload: () => void;
  uploadFolder: () => void;
}

/** The menu of it: the same behind the button and over the empty space of a folder. */
export const newItems = (create: NewActions): MenuItem[] => [
  { id: 'notebook', label: t('drive.new.notebook'), icon: 'data_object', onSelect: create.notebook },
  { id: 'folder', label: t('drive.new.folder'), icon: 'create_new_folder', onSelect: create.folder },
  'separator',
  { id: 'upload', label: t('drive.new.upload'), icon: 'upload_file', onSelect: create.upload },
  { id: 'upload-folder', label: t('files.uploadFolder'), icon: 'drive_folder_upload', onSelect: create.uploadFolder },
  { id: 'import', label: t('drive.new.import'), icon: 'cloud_download', onSelect: () => navigate('/url') },
];
