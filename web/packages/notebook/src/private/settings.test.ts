import { expect, test } from 'vitest';
import { NotebookDocument } from '@labora/document';
import { changeSettings, settingsOf } from './settings';

test('settings are members of sections of which everything else stays', () => {
  const doc = new NotebookDocument();
  doc.setMetadata('colab', { provenance: [], private_outputs: false });
  doc.setMetadata('x', { y: 1 });
  expect(settingsOf(doc.metadata())).toEqual({ omit: false, strip: false });
  changeSettings(doc, { omit: true, strip: true });
  expect(doc.metadata()).toEqual({
    colab: { provenance: [], private_outputs: true },
    labora: { strip_personal: true },
    x: { y: 1 },
  });
  changeSettings(doc, { omit: false, strip: false });
  expect(doc.metadata()).toEqual({ colab: { provenance: [] }, x: { y: 1 } });
});

test('what is no section is no setting', () => {
  expect(settingsOf({ colab: ['private_outputs'], labora: 'strip_personal' })).toEqual({ omit: false, strip: false });
  expect(settingsOf({ colab: { private_outputs: 'true' } }).omit).toBe(false);
});
