/**
 * Diagrams of Mermaid in Markdown: each is drawn in a frame of its own on the content origin, as those of outputs are. No
 * text of a person is drawn by a program in the page itself. Such a frame is never live.
 */
import { DIAGRAM, say } from './core';
import type { FrameTheme } from './core/protocol';
import { usableLocation } from './frame-location';
import { FrameSlot } from './frame-slot';
import type { OutputsHost } from './host';
import { Refusal } from './live';

const FENCE = 'pre > code.language-mermaid';
/** Of a text that has more the rest stays as it is written. */
const MOST = 20;

interface Diagram {
  el: HTMLElement;
  slot: FrameSlot | null;
  left: boolean;
  source: string;
}

export interface DiagramsOptions {
  fileId: string;
  cellId: string;
  theme: FrameTheme;
  host: OutputsHost;
}

export class Diagrams {
  private shown: Diagram[] = [];
  private theme: FrameTheme;

  constructor(
    private readonly root: HTMLElement,
    private readonly options: DiagramsOptions,
  ) {
    this.theme = options.theme;
  }

  /** Shows a text. Diagrams that stood in the one before keep their frames and are drawn anew there. */
  show(fragment: DocumentFragment): void {
    const fences = Array.from(fragment.querySelectorAll(FENCE)).slice(0, MOST);
    const next = fences.map((code, at) => {
      const old = this.shown[at];
      const source = code.textContent ?? '';
      // What lies deeper would move with the list or quotation around it, and a frame that moves is loaded anew.
      const stays = old?.el.parentNode === this.root && code.parentElement?.parentNode === fragment;
      const diagram =
        old !== undefined && stays ? old : { el: document.createElement('div'), slot: null, left: false, source };
      diagram.source = source;
      return { diagram, pre: code.parentElement as HTMLElement };
    });
    const kept = new Set(next.map(({ diagram }) => diagram));
    for (const diagram of this.shown) if (!kept.has(diagram)) leave(diagram);
    const marks = new Map(next.map(({ diagram, pre }) => [pre as Node, diagram.el as Node]));
    for (const { diagram, pre } of next) if (diagram.el.parentNode !== this.root) pre.replaceWith(diagram.el);
    this.place(Array.from(fragment.childNodes, (node) => marks.get(node) ?? node));
    this.shown = next.map(({ diagram }) => diagram);
    for (const [at, { diagram, pre }] of next.entries()) this.draw(diagram, at, pre);
  }

  setTheme(theme: FrameTheme): void {
    this.theme = theme;
    for (const { slot } of this.shown) slot?.setTheme(theme);
  }

  dispose(): void {
    for (const diagram of this.shown) leave(diagram);
    this.shown = [];
  }

  /** Makes `nodes` the children of the root and moves none that is there already: they are in order. */
  private place(nodes: readonly Node[]): void {
    const stays = new Set(nodes);
    for (const node of Array.from(this.root.childNodes)) if (!stays.has(node)) node.remove();
    let before = this.root.firstChild;
    for (const node of nodes) {
      if (node === before) before = node.nextSibling;
      else this.root.insertBefore(node, before);
    }
  }

  private draw(diagram: Diagram, at: number, pre: HTMLElement): void {
    const outputs = () => [
      { id: 'diagram', output_type: 'display_data' as const, data: { [DIAGRAM]: diagram.source }, metadata: {} },
    ];
    if (diagram.slot !== null) return diagram.slot.setOutputs(outputs());
    if (diagram.el.className !== '') return;
    diagram.el.className = 'lo-diagram';
    const { fileId, cellId, host } = this.options;
    const start = async () => {
      const location = await usableLocation(await host.frameLocation(fileId, false));
      if (diagram.left) return;
      const options = {
        key: `${fileId}/${cellId}/diagram-${at}`,
        location,
        title: say('diagram'),
        theme: this.theme,
        externalImages: false,
        isLive: () => false,
        devices: () => [],
        ask: () => Promise.reject(new Refusal('not_live', say('notLive'))),
        onTall: () => {},
        readBlob: () => Promise.reject(new Refusal('not_live', say('notLive'))),
        onKey: (key: Parameters<NonNullable<OutputsHost['onFrameKey']>>[1]) => host.onFrameKey?.(cellId, key),
        onFocus: () => host.onFrameFocus?.(cellId),
      };
      diagram.slot = new FrameSlot(diagram.el, options, outputs());
    };
    // Without a frame it stays as it is written.
    start().catch(() => diagram.left || diagram.el.replaceWith(pre));
  }
}

function leave(diagram: Diagram): void {
  diagram.left = true;
  diagram.slot?.dispose();
  diagram.el.remove();
}
