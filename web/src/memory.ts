// A universal Hopfield network in the adiabatic limit (tau_memory = 0), as hopfield.UniversalHopfield has it.

import { separate, type Separation } from "./separations";

export type SimilarityName = "dot" | "euclidean" | "cosine" | "manhattan";
export const SIMILARITIES: SimilarityName[] = ["euclidean", "dot", "cosine", "manhattan"];

export interface Settings {
  similarity: SimilarityName;
  separation: Separation;
  beta: number;
}

/** Patterns are rows, (N, I). The memory neurons are in equilibrium: h = sim(M, v), f = sep(beta h). */
export class Memory {
  readonly width: number;
  readonly count: number;
  readonly f: Float64Array;
  private readonly h: Float64Array;
  private readonly norms: Float64Array;
  private orders: Int32Array[] | null = null;
  /** L_h at the last state that was looked at. */
  private value = 0;

  constructor(
    readonly patterns: readonly Float64Array[],
    readonly settings: Settings,
  ) {
    this.count = patterns.length;
    this.width = patterns[0].length;
    this.f = new Float64Array(this.count);
    this.h = new Float64Array(this.count);
    this.norms = Float64Array.from(patterns, (m) => Math.hypot(...m));
  }

  /** The leak of the value neurons: 1 for the dot product, 0 for the others, whose memories then stay put. */
  get leak(): number {
    return this.settings.similarity === "dot" ? 1 : 0;
  }

  /** f = sep(beta sim(M, v)); the same array at each call. */
  weights(v: Float64Array): Float64Array {
    const { patterns: M, h, width } = this;
    const kind = this.settings.similarity;
    const length = kind === "cosine" ? Math.hypot(...v) : 1;
    for (let i = 0; i < this.count; i++) {
      const m = M[i];
      let s = 0;
      if (kind === "euclidean") for (let k = 0; k < width; k++) s -= (m[k] - v[k]) ** 2;
      else if (kind === "manhattan") for (let k = 0; k < width; k++) s -= Math.abs(m[k] - v[k]);
      else for (let k = 0; k < width; k++) s += m[k] * v[k];
      if (kind === "cosine") s = length > 0 && this.norms[i] > 0 ? s / (length * this.norms[i]) : 0;
      h[i] = s;
    }
    const { separation, beta } = this.settings;
    this.value = separate(separation, beta, h, this.f);
    return this.f;
  }

  /** E = l |v|^2/2 - L_h(sim(M, v)). */
  energy(v: Float64Array): number {
    this.weights(v);
    let square = 0;
    for (let k = 0; k < this.width; k++) square += v[k] * v[k];
    return (this.leak * square) / 2 - this.value;
  }

  /** M^T f, one application of the rule. */
  recall(v: Float64Array): Float64Array {
    const f = this.weights(v);
    const out = new Float64Array(this.width);
    for (let i = 0; i < this.count; i++) {
      if (f[i] === 0) continue;
      for (let k = 0; k < this.width; k++) out[k] += f[i] * this.patterns[i][k];
    }
    return out;
  }

  /** The velocity of the value neurons, tau_v = 1; where a force jumps, its element of least norm. */
  velocity(v: Float64Array): Float64Array {
    const f = this.weights(v);
    const { patterns: M, width, count } = this;
    const out = new Float64Array(width);
    const kind = this.settings.similarity;
    if (kind === "dot") for (let k = 0; k < width; k++) out[k] = -v[k];
    if (kind === "manhattan") {
      for (let k = 0; k < width; k++) {
        let push = 0;
        let kink = 0;
        for (let i = 0; i < count; i++) {
          const gap = M[i][k] - v[k];
          if (gap === 0) kink += f[i];
          else push += gap > 0 ? f[i] : -f[i];
        }
        out[k] = Math.sign(push) * Math.max(Math.abs(push) - kink, 0);
      }
      return out;
    }
    for (let i = 0; i < count; i++) {
      if (f[i] === 0) continue;
      const m = M[i];
      if (kind === "dot") for (let k = 0; k < width; k++) out[k] += f[i] * m[k];
      else if (kind === "euclidean") for (let k = 0; k < width; k++) out[k] += 2 * f[i] * (m[k] - v[k]);
      else if (this.norms[i] > 0) for (let k = 0; k < width; k++) out[k] += (f[i] * m[k]) / this.norms[i];
    }
    if (kind === "cosine") {
      let square = 0;
      let along = 0;
      for (let k = 0; k < width; k++) {
        square += v[k] * v[k];
        along += v[k] * out[k];
      }
      const length = Math.sqrt(square);
      for (let k = 0; k < width; k++) out[k] = square > 0 ? (out[k] - (v[k] * along) / square) / length : 0;
    }
    return out;
  }

  /** One step of Relaxation(dt): the value equation with f frozen, solved exactly. dt may be Infinity. */
  step(v: Float64Array, dt: number): Float64Array {
    const kind = this.settings.similarity;
    if (kind === "manhattan") return this.median(v, this.weights(v), dt);
    if (kind === "cosine") return this.turn(v, dt);
    const target = this.recall(v);
    let total = 0;
    for (let i = 0; i < this.count; i++) total += this.f[i];
    if (kind === "euclidean") {
      if (total === 0) return v.slice(); // no support holds the state: nothing pulls
      for (let k = 0; k < this.width; k++) target[k] /= total;
    }
    const keep = Math.exp(-dt * (kind === "dot" ? 1 : 2 * total));
    for (let k = 0; k < this.width; k++) target[k] += keep * (v[k] - target[k]);
    return target;
  }

  /** Manhattan: the proximal weighted median, max over k = 0..N of min(m_(k+1), p_k) in each coordinate. */
  private median(v: Float64Array, f: Float64Array, dt: number): Float64Array {
    const { patterns: M, width, count } = this;
    this.orders ??= Array.from({ length: width }, (_, k) =>
      Int32Array.from({ length: count }, (_, i) => i).sort((a, b) => M[a][k] - M[b][k] || a - b),
    );
    const out = new Float64Array(width);
    for (let k = 0; k < width; k++) {
      const order = this.orders[k];
      let total = 0;
      for (let i = 0; i < count; i++) total += f[i];
      let below = 0;
      let best = -Infinity;
      for (let j = 0; j <= count; j++) {
        const force = total - 2 * below;
        const p = dt === Infinity ? (force > 0 ? Infinity : force < 0 ? -Infinity : v[k]) : v[k] + dt * force;
        const upper = j < count ? M[order[j]][k] : Infinity;
        best = Math.max(best, Math.min(upper, p));
        if (j < count) below += f[order[j]];
      }
      out[k] = best;
    }
    return out;
  }

  /** Cosine: a rotation towards F = sum f_i M_i/|M_i| that keeps |v|; tan(theta/2) shrinks by e^(-|F| dt/|v|^2). */
  private turn(v: Float64Array, dt: number): Float64Array {
    const f = this.weights(v);
    const { width, count } = this;
    const force = new Float64Array(width);
    for (let i = 0; i < count; i++) {
      if (this.norms[i] > 0) for (let k = 0; k < width; k++) force[k] += (f[i] * this.patterns[i][k]) / this.norms[i];
    }
    const length = Math.hypot(...v);
    const strength = Math.hypot(...force);
    if (length === 0 || strength === 0) return v.slice();
    let cosine = 0;
    for (let k = 0; k < width; k++) cosine += (v[k] / length) * (force[k] / strength);
    let sine2 = 0;
    const across = new Float64Array(width);
    for (let k = 0; k < width; k++) {
      const target = force[k] / strength;
      const gap = target - (v[k] / length) * cosine;
      sine2 += gap * gap;
      across[k] = v[k] / length - target * cosine;
    }
    const shrink = Math.exp((-strength / length / length) * dt);
    const a = cosine > 0 ? 1 + cosine : sine2 / (1 - cosine);
    const a2 = a * a;
    const b2 = sine2 * shrink * shrink;
    if (!(a2 + b2 > 0)) return v.slice();
    const out = new Float64Array(width);
    for (let k = 0; k < width; k++) {
      out[k] = (length * ((force[k] / strength) * (a2 - b2) + across[k] * (2 * a * shrink))) / (a2 + b2);
    }
    return out;
  }
}

export interface Run {
  times: number[];
  states: Float64Array[];
  energy: number[];
}

/** Steps of Relaxation(dt) to time t1, or until the state moves by less than `still`. */
export function simulate(memory: Memory, start: Float64Array, dt: number, t1: number, still = 0): Run {
  const run: Run = { times: [0], states: [start.slice()], energy: [memory.energy(start)] };
  const steps = Math.round(t1 / dt);
  let v = start;
  for (let n = 1; n <= steps; n++) {
    const next = memory.step(v, dt);
    let moved = 0;
    for (let k = 0; k < next.length; k++) moved = Math.max(moved, Math.abs(next[k] - v[k]));
    v = next;
    run.times.push(n * dt);
    run.states.push(v);
    run.energy.push(memory.energy(v));
    if (moved <= still) break;
  }
  return run;
}

/** The row of the pattern that is nearest to v: by direction for the cosine, by distance for the others. */
export function nearest(memory: Memory, v: Float64Array): number {
  const cosine = memory.settings.similarity === "cosine";
  let best = 0;
  let least = Infinity;
  memory.patterns.forEach((m, i) => {
    let gap = 0;
    if (cosine) {
      for (let k = 0; k < v.length; k++) gap -= m[k] * v[k];
      gap /= Math.hypot(...m) || 1;
    } else for (let k = 0; k < v.length; k++) gap += (m[k] - v[k]) ** 2;
    if (gap < least) [least, best] = [gap, i];
  });
  return best;
}

/** An energy in words, which no end of a line cuts in two. */
export function energyText(energy: number): string {
  return `E\u00a0=\u00a0${energy.toPrecision(5).replaceAll("-", "\u2212")}`;
}
