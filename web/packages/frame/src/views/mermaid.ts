/** Mermaid diagrams. */
import mermaidModule from 'mermaid';
import { type ViewEnv } from '@labora/outputs/core';
import { type Drawing } from './lazy';

let count = 0;

export function mermaid(place: HTMLElement, _env: ViewEnv): Drawing {
  return {
    themed: true,
    async draw(value) {
      const theme = document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'default';
      // What it cannot read is said by us: its own picture of that would stay in the page for good.
      mermaidModule.initialize({ startOnLoad: false, securityLevel: 'strict', suppressErrorRendering: true, theme });
      const { svg } = await mermaidModule.render(`mermaid-${++count}`, String(value));
      place.className = 'svg-output mermaid-output';
      place.innerHTML = svg;
      place.querySelector('svg')?.setAttribute('role', 'img');
    },
  };
}
