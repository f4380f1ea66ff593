/** PDF files, page by page: a sandboxed frame has no viewer of the browser's own. */
import { getDocument, GlobalWorkerOptions, type PDFDocumentProxy } from 'pdfjs-dist';
// oxlint-disable-next-line import/default -- the build makes it: the file's address
import worker from 'pdfjs-dist/build/pdf.worker.min.mjs?url';
import { say, type ViewEnv } from '@labora/outputs/core';
import { type Drawing } from './lazy';

const PAGES_AT_ONCE = 5;
GlobalWorkerOptions.workerSrc = new URL(worker, import.meta.url).href;

export function pdf(place: HTMLElement, _env: ViewEnv): Drawing {
  let file: PDFDocumentProxy | null = null;
  let url = '';
  return {
    async draw(value) {
      const blob = value as Blob;
      await file?.loadingTask.destroy();
      file = await getDocument({ data: await blob.arrayBuffer() }).promise;
      URL.revokeObjectURL(url);
      url = URL.createObjectURL(new Blob([blob], { type: 'application/pdf' }));
      const pages = document.createElement('div');
      pages.className = 'pdf-output';
      const save = document.createElement('a');
      save.className = 'lo-button';
      save.download = 'document.pdf';
      save.href = url;
      save.textContent = say('savePdf');
      place.replaceChildren(pages, save);
      await showPages(file, pages, 1);
    },
    dispose() {
      URL.revokeObjectURL(url);
      void file?.loadingTask.destroy();
    },
  };
}

async function showPages(file: PDFDocumentProxy, box: HTMLElement, from: number): Promise<void> {
  const until = Math.min(file.numPages, from + PAGES_AT_ONCE - 1);
  for (let number = from; number <= until; number += 1) box.append(await drawPage(file, number));
  if (until === file.numPages) return;
  const more = document.createElement('button');
  more.className = 'lo-button';
  more.textContent = say('morePages', { n: file.numPages - until });
  more.onclick = () => {
    more.remove();
    void showPages(file, box, until + 1);
  };
  box.append(more);
}

async function drawPage(file: PDFDocumentProxy, number: number): Promise<HTMLCanvasElement> {
  const page = await file.getPage(number);
  const natural = page.getViewport({ scale: 1 });
  const width = Math.min(document.body.clientWidth - 4, natural.width * 1.5);
  const sharp = Math.min(2, window.devicePixelRatio || 1);
  const viewport = page.getViewport({ scale: (width / natural.width) * sharp });
  const canvas = document.createElement('canvas');
  canvas.width = Math.floor(viewport.width);
  canvas.height = Math.floor(viewport.height);
  canvas.style.width = `${Math.floor(width)}px`;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', say('pdfPage', { n: number }));
  await page.render({ canvas, viewport }).promise;
  return canvas;
}
