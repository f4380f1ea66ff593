/** What a notebook's own metadata says about how it is saved. */
import type { NotebookDocument } from '@labora/document';

export interface NotebookSettings {
  /** Outputs are not saved, as Colaboratory writes it. */
  omit: boolean;
  /** What is personal in the metadata goes with every save. */
  strip: boolean;
}

type Section = Readonly<Record<string, unknown>>;

const section = (metadata: Section, name: string): Section => {
  const found = metadata[name];
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Section) : {};
};

export function settingsOf(metadata: Section): NotebookSettings {
  return {
    omit: section(metadata, 'colab')['private_outputs'] === true,
    strip: section(metadata, 'labora')['strip_personal'] === true,
  };
}

/** Changes what differs, as one step that can be undone; the rest of the metadata stays as it is. */
export function changeSettings(doc: NotebookDocument, wanted: NotebookSettings): void {
  const metadata = doc.metadata();
  const now = settingsOf(metadata);
  const put = (name: string, key: string, on: boolean) => {
    const { [key]: _, ...rest } = section(metadata, name);
    const members = on ? { ...rest, [key]: true } : rest;
    doc.setMetadata(name, Object.keys(members).length > 0 ? members : undefined);
  };
  if (wanted.omit !== now.omit) put('colab', 'private_outputs', wanted.omit);
  if (wanted.strip !== now.strip) put('labora', 'strip_personal', wanted.strip);
}
