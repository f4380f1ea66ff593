/** How fast bytes go, over the last seconds. */
const SPAN = 5_000;

export class Pace {
  #samples: [at: number, sent: number][] = [];

  /** Notes how much was sent by now. */
  note(sent: number, now: number): void {
    const last = this.#samples.at(-1);
    // What was sent again after a break is no progress.
    if (last && sent < last[1]) this.#samples = [];
    this.#samples.push([now, sent]);
    while (this.#samples.length > 2 && (this.#samples[0]?.[0] ?? now) < now - SPAN) this.#samples.shift();
  }

  /** Bytes a second; null while there is too little to tell. */
  speed(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last[0] - first[0] < 400 || last[1] <= first[1]) return null;
    return (1000 * (last[1] - first[1])) / (last[0] - first[0]);
  }

  clear(): void {
    this.#samples = [];
  }
}
