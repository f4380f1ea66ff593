import { expect, test } from 'vitest';
import { addMessages, hasMessage, t } from './i18n';

addMessages('test', {
  plain: 'Hello {name}',
  files: { one: '{count} file', other: '{count} files' },
  deep: { er: 'Deep' },
});

test('places are filled and plural forms chosen', () => {
  expect(t('test.plain', { name: 'Ada' })).toBe('Hello Ada');
  expect(t('test.files', { count: 1 })).toBe('1 file');
  expect(t('test.files', { count: 1200 })).toBe('1,200 files');
  expect(t('test.deep.er')).toBe('Deep');
});

test('an unknown key shows itself and an unknown place stays', () => {
  expect(t('test.gone')).toBe('test.gone');
  expect(t('test.plain')).toBe('Hello {name}');
  expect(hasMessage('test.gone')).toBe(false);
});
