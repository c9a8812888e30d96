// Where the flow of a memory in the plane comes to rest, and from where it gets there.

import { Memory } from "./memory";

export interface FixedPoint {
  state: Float64Array;
  energy: number;
  /** Directions in which the energy falls: 0 is an attractor, 1 a saddle, 2 a peak. */
  index: number;
}

export interface Box {
  left: number;
  right: number;
  bottom: number;
  top: number;
}

/** A square that holds the patterns, with room around them. */
export function fit(patterns: readonly Float64Array[]): Box {
  const xs = patterns.map((m) => m[0]);
  const ys = patterns.map((m) => m[1]);
  const x = (Math.max(...xs) + Math.min(...xs)) / 2;
  const y = (Math.max(...ys) + Math.min(...ys)) / 2;
  const spread = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  const half = 0.72 * (spread || 2 * Math.max(1, Math.abs(x), Math.abs(y)));
  return { left: x - half, right: x + half, bottom: y - half, top: y + half };
}

/** Whether the velocity is continuous, so that saddles can be looked for by Newton's method. */
export function isSmooth(memory: Memory): boolean {
  const { similarity, separation } = memory.settings;
  return (similarity === "dot" || similarity === "euclidean") && separation.name !== "epanechnikov";
}

/** Where a state comes to rest; the steps double, so that slow ends are reached too. */
export function settle(memory: Memory, start: Float64Array, tolerance: number): Float64Array {
  let v = start;
  let dt = 0.1;
  for (let n = 0; n < 400; n++) {
    const next = memory.step(v, dt);
    let moved = 0;
    for (let k = 0; k < next.length; k++) moved = Math.max(moved, Math.abs(next[k] - v[k]));
    v = next;
    if (moved <= tolerance * Math.min(1, dt)) break;
    if (n > 60) dt = Math.min(dt * 1.2, 1e3);
  }
  return v;
}

type Pair = [number, number];

function velocity(memory: Memory, x: number, y: number): Pair {
  const out = memory.velocity(Float64Array.of(x, y));
  return [out[0], out[1]];
}

/** Central differences of the velocity, [[a, b], [c, d]] row by row. */
function jacobian(memory: Memory, x: number, y: number, h: number): [number, number, number, number] {
  const [right, left] = [velocity(memory, x + h, y), velocity(memory, x - h, y)];
  const [up, down] = [velocity(memory, x, y + h), velocity(memory, x, y - h)];
  const over = 1 / (2 * h);
  return [(right[0] - left[0]) * over, (up[0] - down[0]) * over, (right[1] - left[1]) * over, (up[1] - down[1]) * over];
}

/** Newton's method for a zero of the velocity, or null where it does not get there. */
function polish(memory: Memory, start: Pair, scale: number): Pair | null {
  let [x, y] = start;
  for (let n = 0; n < 40; n++) {
    const [p, q] = velocity(memory, x, y);
    const [a, b, c, d] = jacobian(memory, x, y, 1e-5 * scale);
    const det = a * d - b * c;
    if (!(Math.abs(det) > 1e-14)) return null;
    let dx = -(d * p - b * q) / det;
    let dy = -(a * q - c * p) / det;
    const length = Math.hypot(dx, dy);
    const most = 0.1 * scale;
    if (length > most) [dx, dy] = [(dx * most) / length, (dy * most) / length];
    x += dx;
    y += dy;
    if (length < 1e-11 * scale) return Math.hypot(...velocity(memory, x, y)) < 1e-9 * Math.max(1, scale) ? [x, y] : null;
  }
  return null;
}

/**
 * The fixed points in the plane. Saddles are looked for where both parts of the velocity change sign on a grid, and on a
 * finer one while the sum of (-1)^index, which is 1 for all of them together, is not; where the force jumps, only
 * attractors are looked for. For the cosine they are rays: `rays` has their angles.
 */
export function fixedPoints(memory: Memory): FixedPoint[] {
  const box = fit(memory.patterns);
  const scale = box.right - box.left;
  const found: FixedPoint[] = [];
  const add = (x: number, y: number, index: number): void => {
    if (found.some((p) => Math.hypot(p.state[0] - x, p.state[1] - y) < 1e-6 * scale)) return;
    const state = Float64Array.of(x, y);
    found.push({ state, energy: memory.energy(state), index });
  };
  if (memory.settings.similarity === "cosine") return found;
  const smooth = isSmooth(memory);
  const classify = (x: number, y: number): number => {
    const [a, b, c, d] = jacobian(memory, x, y, 1e-5 * scale);
    const det = a * d - b * c;
    return det < 0 ? 1 : a + d < 0 ? 0 : 2;
  };
  for (const m of memory.patterns) {
    const [x, y] = settle(memory, m, 1e-12 * scale);
    const end = smooth ? polish(memory, [x, y], scale) : null;
    if (end) add(...end, classify(...end));
    else if (!smooth) add(x, y, 0);
  }
  if (!smooth) return found;
  const middle: Pair = [(box.left + box.right) / 2, (box.bottom + box.top) / 2];
  const centre = polish(memory, middle, scale);
  if (centre) add(...centre, classify(...centre));
  for (const cells of [32, 64, 128]) {
    for (const start of crossings(memory, box, cells)) {
      const end = polish(memory, start, scale);
      if (end) add(...end, classify(...end));
    }
    if (found.reduce((sum, p) => sum + (p.index === 1 ? -1 : 1), 0) === 1) break;
  }
  return found;
}

/** Middles of the cells of a grid in which both parts of the velocity take both signs. */
function crossings(memory: Memory, box: Box, cells: number): Pair[] {
  const side = cells + 1;
  const p = new Float64Array(side * side);
  const q = new Float64Array(side * side);
  const at = (i: number): Pair => [
    box.left + ((i % side) / cells) * (box.right - box.left),
    box.bottom + (Math.floor(i / side) / cells) * (box.top - box.bottom),
  ];
  for (let i = 0; i < side * side; i++) [p[i], q[i]] = velocity(memory, ...at(i));
  const mixed = (u: Float64Array, i: number): boolean => {
    const up = Number(u[i] > 0) + Number(u[i + 1] > 0) + Number(u[i + side] > 0) + Number(u[i + side + 1] > 0);
    return up > 0 && up < 4;
  };
  const starts: Pair[] = [];
  for (let i = 0; i < side * (side - 1); i++) {
    if (i % side === cells || !mixed(p, i) || !mixed(q, i)) continue;
    const [x, y] = at(i);
    const [right, top] = at(i + side + 1);
    starts.push([(x + right) / 2, (y + top) / 2]);
  }
  return starts;
}

/** Angles of the rays on which a cosine memory rests, with their index: 0 attracts, 1 parts two of them. */
export function rays(memory: Memory): { angle: number; index: number }[] {
  const speed = (angle: number): number => {
    const [p, q] = velocity(memory, Math.cos(angle), Math.sin(angle));
    return q * Math.cos(angle) - p * Math.sin(angle);
  };
  const found: { angle: number; index: number }[] = [];
  const parts = 720;
  for (let n = 0; n < parts; n++) {
    let low = ((n - 0.5) * 2 * Math.PI) / parts;
    let high = ((n + 0.5) * 2 * Math.PI) / parts;
    const rising = speed(low) > 0;
    if (rising === speed(high) > 0) continue;
    for (let k = 0; k < 45; k++) {
      const middle = (low + high) / 2;
      if (speed(middle) > 0 === rising) low = middle;
      else high = middle;
    }
    found.push({ angle: low, index: rising ? 0 : 1 });
  }
  return found;
}

/** A picture of basins and energies that gets finer as long as it is given time. */
export class Picture {
  readonly labels: Int16Array;
  readonly energies: Float64Array;
  /** The side of the squares of the pass that is running; 0 when every cell is known. */
  coarse = 16;
  lowest = Infinity;
  highest = -Infinity;
  private next = 0;
  private readonly ends: Float64Array[] = [];

  constructor(
    readonly memory: Memory,
    readonly box: Box,
    readonly side: number,
    private readonly labelled: boolean,
  ) {
    this.labels = new Int16Array(side * side).fill(-1);
    this.energies = new Float64Array(side * side);
    if (labelled) for (const m of memory.patterns) this.end(settle(memory, m, 1e-9));
  }

  get finished(): boolean {
    return this.coarse === 0;
  }

  /** Where the middle of a cell lies; row 0 is the top. */
  place(column: number, row: number): Float64Array {
    const { left, right, bottom, top } = this.box;
    return Float64Array.of(
      left + ((column + 0.5) / this.side) * (right - left),
      top - ((row + 0.5) / this.side) * (top - bottom),
    );
  }

  /** Fill cells until the clock says `until` (performance.now()); true if anything changed. */
  work(until: number): boolean {
    if (this.finished) return false;
    do {
      const size = this.coarse;
      const across = Math.ceil(this.side / size);
      if (this.next >= across * across) {
        this.next = 0;
        this.coarse = size === 1 ? 0 : size / 2;
        if (this.finished) return true;
        continue;
      }
      const column = (this.next % across) * size;
      const row = Math.floor(this.next / across) * size;
      this.next++;
      if (size < 16 && column % (2 * size) === 0 && row % (2 * size) === 0) continue; // known from the coarser pass
      this.fill(column, row, size);
    } while (performance.now() < until);
    return true;
  }

  private fill(column: number, row: number, size: number): void {
    const middle = this.place(column, row);
    const energy = this.memory.energy(middle);
    this.lowest = Math.min(this.lowest, energy);
    this.highest = Math.max(this.highest, energy);
    const label = this.labelled ? this.label(middle) : -1;
    for (let y = row; y < Math.min(row + size, this.side); y++) {
      for (let x = column; x < Math.min(column + size, this.side); x++) {
        this.labels[y * this.side + x] = label;
        this.energies[y * this.side + x] = energy;
      }
    }
  }

  /** The pattern nearest to where the flow ends, by steps of 0.1 until an end that is known is very near. */
  private label(start: Float64Array): number {
    const near = 1e-3 * (this.box.right - this.box.left);
    let v = start;
    let dt = 0.1;
    for (let n = 0; n < 300; n++) {
      const next = this.memory.step(v, dt);
      const moved = Math.hypot(next[0] - v[0], next[1] - v[1]);
      v = next;
      for (let i = 0; i < this.ends.length; i++) {
        if (Math.hypot(this.ends[i][0] - v[0], this.ends[i][1] - v[1]) < near) return i;
      }
      if (moved <= 1e-9 * dt) break;
      if (n > 40) dt = Math.min(dt * 1.3, 1e3);
    }
    return this.end(v);
  }

  /** The number of an end, a new one if it was not seen before. For the cosine an end is a direction. */
  private end(v: Float64Array): number {
    const near = 2e-3 * (this.box.right - this.box.left);
    const ray = this.memory.settings.similarity === "cosine";
    const at = this.ends.findIndex((e) => {
      if (!ray) return Math.hypot(e[0] - v[0], e[1] - v[1]) < near;
      return Math.abs(Math.atan2(e[0] * v[1] - e[1] * v[0], e[0] * v[0] + e[1] * v[1])) < 1e-3;
    });
    return at >= 0 ? at : this.ends.push(v) - 1;
  }

  /** The state in which label i ends. */
  endOf(label: number): Float64Array | undefined {
    return this.ends[label];
  }
}
