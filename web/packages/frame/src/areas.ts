/**
 * Where the outputs of the cell go: one after another into the area that is active when their turn comes. A program moves
 * it with `google.colab.output.setActiveOutputArea`, and may hold the outputs after it back.
 */
import { enqueue } from './scripts';

export class Areas {
  private active: HTMLElement;

  constructor(readonly main: HTMLElement) {
    this.active = main;
  }

  get current(): HTMLElement {
    return this.active.isConnected ? this.active : this.main;
  }

  set current(area: HTMLElement) {
    this.active = area;
  }

  /** Takes the next output's place in line; what is returned is called with its element. */
  readonly seat = (): ((element: HTMLElement) => void) => {
    let element: HTMLElement | null = null;
    void enqueue(() => {
      const area = this.current;
      if (element?.isConnected === true && area !== this.main) area.append(element);
      return Promise.resolve();
    });
    return (made) => (element = made);
  };

  /** Everything was cleared: what programs put beside their outputs goes too. */
  empty(): void {
    for (const id of ['output-header', 'output-footer']) document.getElementById(id)?.replaceChildren();
    this.main.replaceChildren();
    this.active = this.main;
  }
}
