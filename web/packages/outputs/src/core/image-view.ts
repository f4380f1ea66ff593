/** A raster image, at the size that its metadata asks for, with a button that saves it. */
import { h } from './dom';
import { say } from './strings';
import { type BlobRef, type DisplayOutput, isBlobRef, type ValueView, type ViewEnv } from './types';
import { inlineText } from './values';

/** Returns a size in CSS px from `metadata[mime]` or `metadata`, where Jupyter front ends look for it. */
export function imageSize(output: DisplayOutput, mime: string, side: 'width' | 'height'): number | undefined {
  const all = output.metadata ?? {};
  const own = all[mime];
  const value: unknown =
    (typeof own === 'object' && own !== null ? (own as Record<string, unknown>)[side] : undefined) ?? all[side];
  const size = typeof value === 'string' ? Number.parseFloat(value) : value;
  return typeof size === 'number' && size > 0 && size <= 20_000 ? size : undefined;
}

/** Returns what the image is called by its text form: `<Figure size 640x480 with 1 Axes>`. */
function describe(output: DisplayOutput): string {
  const text = output.data['text/plain'];
  const plain = isBlobRef(text) || text === undefined ? '' : inlineText(text).slice(0, 200);
  return plain === '' || /object at 0x/.test(plain) ? say('image') : plain.replace(/^<|>$/g, '');
}

export class ImageView implements ValueView {
  readonly el = h('div', { class: 'lo-image' });
  private readonly img = h('img', { decoding: 'async' });
  private readonly save = h('a', { class: 'lo-button lo-save' }, say('saveImage'));
  private value: unknown;
  private objectUrl: string | null = null;
  private output: DisplayOutput | null = null;

  constructor(
    private readonly env: ViewEnv,
    private readonly mime: string,
  ) {
    const named = () => {
      this.save.download = `${env.imageName?.() ?? 'image'}.${mime.slice(6).replace('jpeg', 'jpg')}`;
    };
    named();
    // The cell may have got another number since.
    this.save.addEventListener('click', named);
    this.img.addEventListener('error', () => this.fail());
    this.el.append(this.img, this.save);
  }

  update(value: unknown, output: DisplayOutput): void {
    this.output = output;
    this.img.alt = describe(output);
    this.img.title = '';
    for (const side of ['width', 'height'] as const) {
      const size = imageSize(output, this.mime, side);
      if (size === undefined) this.img.removeAttribute(side);
      else this.img.setAttribute(side, String(size));
    }
    this.el.classList.toggle('lo-image-light', needsBackground(output, this.mime));
    if (value === this.value) return;
    this.value = value;
    this.load(value);
  }

  private load(value: unknown): void {
    if (!isBlobRef(value)) return this.show(`data:${this.mime};base64,${inlineText(value).replace(/\s+/g, '')}`);
    const url = this.env.blobUrl?.(value.$blob);
    if (url !== undefined) return this.show(url);
    void this.loadObject(value);
  }

  private async loadObject(value: BlobRef): Promise<void> {
    const blob = await this.env.readBlob(value.$blob).catch(() => null);
    if (this.value !== value) return;
    if (blob === null) return this.fail();
    const before = this.objectUrl;
    this.objectUrl = URL.createObjectURL(new Blob([blob], { type: this.mime }));
    this.show(this.objectUrl);
    if (before !== null) URL.revokeObjectURL(before);
  }

  private show(url: string): void {
    if (this.img.parentNode !== this.el) this.el.replaceChildren(this.img, this.save);
    this.img.src = url;
    this.save.href = url;
  }

  private fail(): void {
    const again = () => this.load(this.value);
    const button = h('button', { type: 'button', onclick: again }, say('retry'));
    this.el.replaceChildren(h('div', { class: 'lo-gap' }, say('loadFailed'), ' ', button));
  }

  text(): string {
    return this.output === null ? '' : describe(this.output);
  }

  dispose(): void {
    if (this.objectUrl !== null) URL.revokeObjectURL(this.objectUrl);
    this.el.remove();
  }
}

/** matplotlib and IPython mark transparent figures that were drawn for a light page. */
function needsBackground(output: DisplayOutput, mime: string): boolean {
  const all = output.metadata ?? {};
  const own = all[mime];
  const value = (typeof own === 'object' && own !== null ? own : all) as Record<string, unknown>;
  return value['needs_background'] === 'light';
}
