/**
 * What an output has drawn, as one PNG: plots, canvases, drawings and images stand where they stand in the page. The page
 * asks for it when the person chooses so in its menu; an output cannot hand one over by itself.
 */

/** Smaller things are icons. */
const SMALLEST_PX = 32;
const MOST_PIXELS = 64_000_000;
const MOST_SIDE = 16_000;
/** Of a drawing with more the rest looks as its own attributes say. */
const MOST_ELEMENTS = 20_000;
const LOOKS = [
  'color', 'display', 'fill', 'fill-opacity', 'font-family', 'font-size', 'font-style', 'font-weight', 'opacity',
  'stroke', 'stroke-dasharray', 'stroke-opacity', 'stroke-width', 'text-anchor', 'visibility',
]; // prettier-ignore
/** Controls around a plot are no part of it. */
const CONTROLS = 'button, details, .lo-save, [role="toolbar"]';

interface Part {
  rect: DOMRect;
  image(scale: number): Promise<CanvasImageSource>;
}

interface Plotter {
  toImage(place: Element, options: object): Promise<string>;
}

/** Returns the PNG; null where nothing is drawn, or a part of it may not be read. */
export async function picture(root: HTMLElement): Promise<Blob | null> {
  const parts = partsOf(root);
  if (parts.length === 0) return null;
  const left = Math.min(...parts.map(({ rect }) => rect.left));
  const top = Math.min(...parts.map(({ rect }) => rect.top));
  const width = Math.max(...parts.map(({ rect }) => rect.right)) - left;
  const height = Math.max(...parts.map(({ rect }) => rect.bottom)) - top;
  const scale = Math.min(
    Math.max(2, devicePixelRatio),
    Math.sqrt(MOST_PIXELS / (width * height)),
    MOST_SIDE / Math.max(width, height),
  );
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.ceil(width * scale), Math.ceil(height * scale)];
  const context = canvas.getContext('2d');
  if (context === null) return null;
  context.scale(scale, scale);
  // It looks as it does here: what is written for a dark page cannot be read on a light one.
  context.fillStyle = ground(root);
  context.fillRect(0, 0, width, height);
  for (const { rect, image } of parts) {
    context.drawImage(await image(scale), rect.left - left, rect.top - top, rect.width, rect.height);
  }
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}

function ground(root: Element): string {
  for (let at: Element | null = root; at !== null; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (color !== 'transparent' && !/,\s*0\)$/.test(color)) return color;
  }
  return getComputedStyle(document.documentElement).getPropertyValue('--surface').trim() || '#fff';
}

/** Returns what is drawn below an element, in shadow trees too, from the back to the front. */
function partsOf(root: ParentNode): Part[] {
  return Array.from(root.children).flatMap((element) => {
    if (element.matches(CONTROLS)) return [];
    const part = partOf(element);
    if (part !== null) return isSeen(element, part.rect) ? [part] : [];
    return element.shadowRoot === null ? partsOf(element) : partsOf(element.shadowRoot).concat(partsOf(element));
  });
}

function isSeen(element: Element, rect: DOMRect): boolean {
  const { visibility, display, opacity } = getComputedStyle(element);
  const large = rect.width >= SMALLEST_PX && rect.height >= SMALLEST_PX;
  return large && visibility !== 'hidden' && display !== 'none' && opacity !== '0';
}

function partOf(element: Element): Part | null {
  const rect = element.getBoundingClientRect();
  const { Plotly } = window as unknown as { Plotly?: Plotter };
  if (element.classList.contains('js-plotly-plot') && Plotly !== undefined) {
    // The plot may be smaller than its place.
    const drawn = (element.querySelector('.svg-container') ?? element).getBoundingClientRect();
    const { width, height } = drawn;
    return {
      rect: drawn,
      image: async (scale) => load(await Plotly.toImage(element, { format: 'png', width, height, scale })),
    };
  }
  if (element instanceof HTMLCanvasElement)
    return element.width * element.height === 0 ? null : { rect, image: () => Promise.resolve(element) };
  if (element instanceof HTMLImageElement)
    return element.naturalWidth === 0 ? null : { rect, image: () => Promise.resolve(element) };
  if (element instanceof SVGSVGElement) return { rect, image: () => drawing(element, rect) };
  return null;
}

async function drawing(svg: SVGSVGElement, rect: DOMRect): Promise<CanvasImageSource> {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  keepLooks(svg, copy);
  copy.style.maxWidth = 'none';
  copy.setAttribute('width', String(rect.width));
  copy.setAttribute('height', String(rect.height));
  // Not by a blob's address: browsers do not let a drawing with text in HTML be read that came from one.
  return load(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`);
}

/** Writes into a copy how the document's rules make it look: alone they do not reach it. */
function keepLooks(svg: SVGSVGElement, copy: SVGSVGElement): void {
  const copies = [copy, ...copy.querySelectorAll<SVGElement>('*')];
  for (const [at, element] of [svg, ...svg.querySelectorAll('*')].slice(0, MOST_ELEMENTS).entries()) {
    const style = getComputedStyle(element);
    const target = copies[at]?.style;
    for (const name of LOOKS) target?.setProperty(name, style.getPropertyValue(name));
  }
}

async function load(source: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}
