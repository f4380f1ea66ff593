/** Listeners by topic, in the shape that `useSyncExternalStore` wants. */
export class Emitter<Topic = string> {
  readonly #listeners = new Map<Topic, Set<() => void>>();

  /** Calls `listener` on every change of `topic`; returns how to stop that. */
  on(topic: Topic, listener: () => void): () => void {
    let set = this.#listeners.get(topic);
    if (!set) this.#listeners.set(topic, (set = new Set()));
    set.add(listener);
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.#listeners.get(topic) === set) this.#listeners.delete(topic);
    };
  }

  emit(topic: Topic): void {
    for (const listener of Array.from(this.#listeners.get(topic) ?? [])) listener();
  }

  emitAll(): void {
    for (const topic of Array.from(this.#listeners.keys())) this.emit(topic);
  }
}

/** One immutable value with listeners. */
export class Store<T> {
  readonly #emitter = new Emitter<0>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => this.#emitter.on(0, listener);

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    this.#emitter.emit(0);
  }

  patch(part: Partial<T>): void {
    for (const key of Object.keys(part) as (keyof T)[]) {
      if (!Object.is(part[key], this.#value[key])) return this.set({ ...this.#value, ...part });
    }
  }
}
