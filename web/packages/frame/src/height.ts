/** Tells the page how high the content is, at most once per painted frame, or how high the program wants it to be. */
import { type Bridge } from './bridge';
import { type Post } from './bridge';

export class Height {
  private last = -1;
  private asked = 0;
  private wanted: number | null = null;
  private most = Number.POSITIVE_INFINITY;

  constructor(
    private readonly post: Post,
    private readonly bridge: Bridge,
  ) {}

  start(): void {
    const ask = () => this.ask();
    const observer = new ResizeObserver(ask);
    observer.observe(document.body);
    // Content that is placed outside the flow changes no size of the body.
    new MutationObserver(ask).observe(document.body, { childList: true, subtree: true, attributes: true });
    document.fonts.addEventListener('loadingdone', ask);
    addEventListener('load', ask, true);
    this.report();
  }

  /**
   * Sets the height in px; negative, or with `auto`, it follows the content. `maxHeight`: the frame scrolls inside beyond
   * that; without it, or when it is larger than any screen, the page shows the output in full.
   */
  set(px: number, auto: boolean, { maxHeight }: { maxHeight?: number }): void {
    this.wanted = auto || !(px >= 0) ? null : px;
    this.most = typeof maxHeight === 'number' && maxHeight > 0 ? maxHeight : Number.POSITIVE_INFINITY;
    this.bridge.setTall(this.wanted !== null || typeof maxHeight === 'number');
    this.ask();
  }

  private ask(): void {
    if (this.asked === 0) this.asked = requestAnimationFrame(() => this.report());
  }

  private report(): void {
    this.asked = 0;
    const content = contentHeight();
    const px = Math.min(this.wanted ?? content, this.most);
    document.documentElement.classList.toggle('bounded', px < content);
    if (px === this.last) return;
    this.last = px;
    this.post({ t: 'height', px });
  }
}

function contentHeight(): number {
  const { body } = document;
  return Math.ceil(Math.max(body.getBoundingClientRect().height, body.scrollHeight));
}
