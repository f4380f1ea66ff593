// @vitest-environment jsdom
import { beforeEach, expect, test } from 'vitest';
import { uploadFiles, uploadFilesContinue } from './files';

const input = () => document.querySelector('input') as HTMLInputElement;
const choose = (files: readonly File[]) => {
  Object.defineProperty(input(), 'files', { value: files });
  input().dispatchEvent(new Event('change'));
};

beforeEach(() => {
  document.body.innerHTML = '<input id="in" type="file" disabled><output id="out">Run the cell.</output>';
});

test('files arrive whole, in pieces, in order, and an empty one too', async () => {
  const bytes = Uint8Array.from({ length: 250_000 }, (_, at) => at % 251);
  const first = uploadFiles('in', 'out');
  expect(input().disabled).toBe(false);
  choose([new File([bytes], 'a.bin'), new File([], 'empty.txt')]);
  expect(await first).toEqual({ action: 'starting' });
  expect(input().disabled).toBe(true);
  const got: Record<string, string> = {};
  let pieces = 0;
  for (
    let step = await uploadFilesContinue('out');
    step.action !== 'complete';
    step = await uploadFilesContinue('out')
  ) {
    if (step.action !== 'append') throw new Error(step.action);
    got[step.file] = (got[step.file] ?? '') + atob(step.data);
    pieces += 1;
  }
  expect(pieces).toBe(4);
  expect(got['empty.txt']).toBe('');
  expect(Uint8Array.from(got['a.bin'] ?? '', (character) => character.charCodeAt(0))).toEqual(bytes);
  expect(document.getElementById('out')?.textContent).toBe('a.bin: 100% doneempty.txt: 100% done');
  // Whoever asks again is not left waiting.
  expect(await uploadFilesContinue('out')).toEqual({ action: 'complete' });
});

test('a cancelled upload is complete at once, and one without a place fails', async () => {
  const first = uploadFiles('in', 'out');
  document.querySelector('button')?.click();
  expect(await first).toEqual({ action: 'starting' });
  expect(await uploadFilesContinue('out')).toEqual({ action: 'complete' });
  expect(document.querySelector('button')).toBeNull();
  await expect(uploadFiles('elsewhere', 'out')).rejects.toThrow(/gone/);
  expect(await uploadFilesContinue('elsewhere')).toEqual({ action: 'complete' });
});
