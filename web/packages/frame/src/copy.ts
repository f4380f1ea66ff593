/** Copies by the selection: a frame has no right to the clipboard API, and a click in it is the reader's own. */
export function copyText(text: string): Promise<void> {
  const area = document.createElement('textarea');
  area.value = text;
  area.style.cssText = 'position:fixed;opacity:0';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done ? Promise.resolve() : Promise.reject(new Error('The browser did not allow it.'));
}
