import { exchange } from '@labora/api';
import { t, toast } from '@labora/ui';
import './messages';

/**
 * Prints the whole notebook: its page as a file, in a frame of this origin where no script runs. The notebook's own page
 * shows only what is near the window, and its outputs in frames that a printer would cut.
 */
export function printNotebook(fileId: string): void {
  document.querySelector('iframe[data-print]')?.remove();
  const told = toast({ message: t('exchange.print.preparing'), duration: 60_000 });
  const frame = document.createElement('iframe');
  frame.dataset['print'] = '';
  frame.title = t('exchange.print.frame');
  frame.setAttribute('sandbox', 'allow-same-origin allow-modals');
  // Shown to nobody, but laid out: what is not displayed cannot be printed.
  frame.style.cssText = 'position:fixed;inset:auto 100% 100% auto;width:210mm;height:297mm;border:0;visibility:hidden';
  frame.tabIndex = -1;
  frame.setAttribute('aria-hidden', 'true');
  frame.onload = () => {
    told();
    const page = frame.contentWindow;
    if (!page || frame.contentDocument?.contentType !== 'text/html') {
      toast({ kind: 'error', message: failure(frame) });
      frame.remove();
      return;
    }
    page.onafterprint = () => frame.remove();
    page.focus();
    page.print();
  };
  frame.src = exchange.printPage(fileId);
  document.body.append(frame);
}

/** What the server said instead of the page. */
function failure(frame: HTMLIFrameElement): string {
  try {
    const { message } = JSON.parse(frame.contentDocument?.body.innerText ?? '') as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // no answer of this server
  }
  return t('errors.unknown');
}
