/** How much the page's head covers, and a little air. */
export const HEAD_PX = 112;

/** Scrolls as little as shows a cell; of one that is higher than the window, its beginning with the code. */
export function reveal(cell: Element): void {
  cell.scrollIntoView({ block: 'nearest' });
  if (cell.getBoundingClientRect().top < HEAD_PX) cell.scrollIntoView({ block: 'start' });
}
