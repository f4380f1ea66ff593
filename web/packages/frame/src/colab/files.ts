/**
 * The upload of programs that bring their own (`google.colab._files`): their output shows a chooser that is disabled until
 * Python asks, and Python takes the files piece by piece, with one call of `_uploadFilesContinue` each. Nothing here needs
 * the page: what is read is what the person chose in this output.
 */
import { say } from '@labora/outputs/core';

/** Small, as such programs expect: each piece is an answer to a script. */
const PIECE_BYTES = 100 * 1024;

export type Step = { action: 'starting' } | { action: 'append'; file: string; data: string } | { action: 'complete' };

const COMPLETE: Step = { action: 'complete' };
const running = new WeakMap<Element, AsyncGenerator<Step, void>>();

/** Lets the person choose in the input of this id and begins; the first step comes once they chose or cancelled. */
export async function uploadFiles(inputId: string, outputId: string): Promise<Step> {
  const input = document.getElementById(inputId);
  const place = document.getElementById(outputId);
  if (!(input instanceof HTMLInputElement) || place === null) throw new Error('The place of this upload is gone.');
  running.set(place, steps(input, place));
  return uploadFilesContinue(outputId);
}

/** Gives the next step of the upload that reports into the element of this id. */
export async function uploadFilesContinue(outputId: string): Promise<Step> {
  const place = document.getElementById(outputId);
  const begun = place === null ? undefined : running.get(place);
  return (await begun?.next())?.value ?? COMPLETE;
}

async function* steps(input: HTMLInputElement, place: HTMLElement): AsyncGenerator<Step, void> {
  const files = await chosen(input, place);
  yield { action: 'starting' };
  const list = document.createElement('ul');
  place.append(list);
  for (const file of files) {
    const line = document.createElement('li');
    list.append(line);
    // An empty file is one empty piece: Python hears of it by that alone.
    for (let at = 0; at === 0 || at < file.size; at += PIECE_BYTES) {
      const data = await base64(file.slice(at, at + PIECE_BYTES));
      const n = file.size === 0 ? 100 : Math.min(100, Math.round(((at + PIECE_BYTES) / file.size) * 100));
      line.textContent = say('uploadProgress', { name: file.name, n });
      yield { action: 'append', file: file.name, data };
    }
  }
}

async function chosen(input: HTMLInputElement, place: HTMLElement): Promise<readonly File[]> {
  const cancel = document.createElement('button');
  cancel.textContent = say('uploadCancel');
  place.replaceChildren();
  input.after(cancel);
  input.disabled = false;
  const files = await new Promise<readonly File[]>((resolve) => {
    input.addEventListener('change', () => resolve([...(input.files ?? [])]), { once: true });
    cancel.addEventListener('click', () => resolve([]), { once: true });
  });
  cancel.remove();
  input.disabled = true;
  return files;
}

function base64(part: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(String(reader.result).split(',')[1] ?? ''));
    reader.addEventListener('error', () => reject(reader.error ?? new Error('The file could not be read.')));
    reader.readAsDataURL(part);
  });
}
