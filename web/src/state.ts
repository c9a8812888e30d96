// What the page shows, in one place: views read it, and hear of every change.

import { Memory, type Settings, type SimilarityName } from "./memory";

export type View = "plane" | "surface" | "digits";
export type Change = "cue" | "memory" | "view" | "theme";

export interface Cloud {
  points: Float64Array[];
  /** s = -ln sigma, from 0; beta = exp(2 s)/(2 sigma_0^2). */
  time: number;
  sigma: number;
}

export class State {
  view: View = "plane";
  settings: Settings = { similarity: "euclidean", separation: { name: "softmax", alpha: 1.5 }, beta: 3 };
  /** The similarity on the right-hand side, or null for one picture. */
  second: SimilarityName | null = null;
  temperature = 0;
  chosen = -1;
  cloud: Cloud | null = null;
  plane: { patterns: Float64Array[]; cue: Float64Array };
  images: { patterns: Float64Array[]; cue: Float64Array; shape: [number, number]; names: string[] };
  private memories = new Map<string, Memory>();
  private readonly listeners: ((what: Change) => void)[] = [];

  constructor(plane: Float64Array[], images: Float64Array[], shape: [number, number], names: string[]) {
    this.plane = { patterns: plane, cue: Float64Array.of(0.45, 0.1) };
    this.images = { patterns: images, cue: images[0].slice(), shape, names };
  }

  /** The stored patterns and the cue of the view that is shown. */
  get shown(): { patterns: Float64Array[]; cue: Float64Array } {
    return this.view === "digits" ? this.images : this.plane;
  }

  /** The memory of the view that is shown, with its own similarity or the second one. */
  memory(similarity: SimilarityName = this.settings.similarity, beta = this.settings.beta): Memory {
    const key = `${this.view === "digits"}|${similarity}|${beta}`;
    let memory = this.memories.get(key);
    if (!memory) {
      if (this.memories.size > 8) this.memories.clear();
      memory = new Memory(this.shown.patterns, { ...this.settings, similarity, beta });
      this.memories.set(key, memory);
    }
    return memory;
  }

  /** The similarities that are shown, the first one first. */
  get similarities(): SimilarityName[] {
    return this.second ? [this.settings.similarity, this.second] : [this.settings.similarity];
  }

  listen(listener: (what: Change) => void): void {
    this.listeners.push(listener);
  }

  changed(what: Change): void {
    if (what === "memory") this.memories.clear();
    for (const listener of this.listeners) listener(what);
  }

  moveCue(to: Float64Array): void {
    this.shown.cue = to;
    this.cloud = null;
    this.changed("cue");
  }

  set(settings: Partial<Settings>): void {
    this.settings = { ...this.settings, ...settings };
    this.cloud = null;
    this.changed("memory");
  }

  show(view: View): void {
    this.view = view;
    this.cloud = null;
    this.memories.clear();
    this.changed("view");
  }

  setPatterns(patterns: Float64Array[]): void {
    this.shown.patterns = patterns;
    this.cloud = null;
    this.changed("memory");
  }
}
