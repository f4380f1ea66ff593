/** State of ipywidgets 7 (controls 1.x, base 1.x) in the words of ipywidgets 8, whose views draw both. */

const RENAMED: Readonly<Record<string, string>> = {
  description_tooltip: 'tooltip',
  _playing: 'playing',
  _repeat: 'repeat',
};
const SIDES = ['top', 'right', 'bottom', 'left'];

/** A copy of a model's state, or of a part of it, that ipywidgets 8 understands; what is 8's already stays as it is. */
export function modernise(state: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const modern: Record<string, unknown> = { ...state };
  for (const [old, now] of Object.entries(RENAMED)) {
    if (old in modern && (modern[now] === undefined || modern[now] === null)) modern[now] = modern[old];
  }
  const titles = modern['_titles'];
  if (typeof titles === 'object' && titles !== null && modern['titles'] === undefined) {
    modern['titles'] = listed(titles as Record<string, unknown>, modern['children']);
  }
  if (typeof modern['border'] === 'string') {
    for (const side of SIDES) modern[`border_${side}`] ??= modern['border'];
  }
  if (modern['overflow'] === undefined || modern['overflow'] === null) {
    const [x, y] = [modern['overflow_x'], modern['overflow_y']];
    if (typeof x === 'string' || typeof y === 'string')
      modern['overflow'] = `${String(x ?? 'visible')} ${String(y ?? 'visible')}`;
  }
  return modern;
}

/** ipywidgets 7 keeps the titles of tabs by their number. */
function listed(titles: Record<string, unknown>, children: unknown): string[] {
  const last = Math.max(-1, ...Object.keys(titles).map(Number).filter(Number.isSafeInteger));
  const length = Array.isArray(children) ? children.length : Math.min(last + 1, 1_000);
  return Array.from({ length }, (_none, at) => String(titles[at] ?? ''));
}
