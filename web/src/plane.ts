// Patterns in the plane: basins and energy as a map, the cue, its way to a memory, and the fixed points.

import { pointers, sharpen } from "./canvas";
import { patternColour, patternRGB, theme, type RGB } from "./colours";
import { betaOf } from "./diffusion";
import { fit, fixedPoints, Picture, rays, type Box, type FixedPoint } from "./landscape";
import { Memory, nearest, simulate, type Run, type SimilarityName } from "./memory";
import type { State } from "./state";

const SIDE = 192; // cells of the map along a side

export class PlaneView {
  picture: Picture;
  points: FixedPoint[] = [];
  run: Run;
  private box: Box;
  private readonly image: HTMLCanvasElement;
  private held: "cue" | number | null = null;
  private painted = false;
  private moment = NaN; // the beta of the annealing that the image shows

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly state: State,
    public similarity: SimilarityName,
  ) {
    this.image = document.createElement("canvas");
    this.image.width = this.image.height = SIDE;
    this.box = fit(state.plane.patterns);
    this.picture = new Picture(this.memory, this.box, SIDE, true);
    this.run = simulate(this.memory, state.plane.cue, 0.1, 1);
    this.renew();
    pointers(
      canvas,
      (x, y) => this.press(x, y),
      ({ x, y }) => this.drag(x, y),
      () => this.release(),
    );
    canvas.addEventListener("dblclick", (event) => this.add(event.offsetX, event.offsetY));
  }

  get memory(): Memory {
    return this.state.memory(this.similarity);
  }

  /** After a change of the memory: a new map, new fixed points, a new run. */
  renew(): void {
    if (this.held === null) this.box = fit(this.state.plane.patterns);
    this.picture = new Picture(this.memory, this.box, SIDE, true);
    this.painted = false;
    this.points = this.held === null ? fixedPoints(this.memory) : [];
    this.follow();
  }

  /** After a move of the cue: a new run, and nothing else. */
  follow(): void {
    this.run = simulate(this.memory, this.state.plane.cue, 0.1, 40, 1e-9);
  }

  /** Where a point of the plane is on the canvas, in CSS pixels. */
  toScreen(v: ArrayLike<number>): [number, number] {
    const { left, right, bottom, top } = this.box;
    const { clientWidth: w, clientHeight: h } = this.canvas;
    return [((v[0] - left) / (right - left)) * w, ((top - v[1]) / (top - bottom)) * h];
  }

  private toPlane(x: number, y: number): Float64Array {
    const { left, right, bottom, top } = this.box;
    const { clientWidth: w, clientHeight: h } = this.canvas;
    return Float64Array.of(left + (x / w) * (right - left), top - (y / h) * (top - bottom));
  }

  private press(x: number, y: number): boolean {
    const distance = (v: Float64Array): number => {
      const [px, py] = this.toScreen(v);
      return Math.hypot(px - x, py - y);
    };
    const { patterns, cue } = this.state.plane;
    if (distance(cue) < 18) this.held = "cue";
    else {
      const gaps = patterns.map(distance);
      const at = gaps.indexOf(Math.min(...gaps));
      if (gaps[at] < 14) {
        this.held = at;
        this.state.chosen = at;
        this.state.changed("cue");
      } else {
        this.held = "cue";
        this.state.chosen = -1;
        this.state.moveCue(this.toPlane(x, y));
      }
    }
    return true;
  }

  private drag(x: number, y: number): void {
    const to = this.toPlane(x, y);
    if (this.held === "cue") this.state.moveCue(to);
    else if (this.held !== null) {
      const held = this.held;
      this.state.setPatterns(this.state.plane.patterns.map((m, i) => (i === held ? to : m)));
    }
  }

  private release(): void {
    const moved = typeof this.held === "number";
    this.held = null;
    if (moved) this.state.changed("memory");
  }

  private add(x: number, y: number): void {
    this.state.setPatterns([...this.state.plane.patterns, this.toPlane(x, y)]);
    this.state.chosen = this.state.plane.patterns.length - 1;
  }

  /** Make the map finer for some milliseconds; true while there is something to do. */
  work(milliseconds: number): boolean {
    if (this.state.cloud) return this.anneal(betaOf(this.state.cloud));
    if (!Number.isNaN(this.moment)) [this.moment, this.painted] = [NaN, false];
    if (this.picture.finished && this.painted) return false;
    const changed = this.picture.work(performance.now() + milliseconds);
    if (changed || !this.painted) this.paint();
    return true;
  }

  /** While beta grows the map is the energy of the moment, without basins. */
  private anneal(beta: number): boolean {
    if (beta === this.moment) return false;
    this.moment = beta;
    const memory = new Memory(this.state.plane.patterns, { ...this.memory.settings, similarity: "euclidean", beta });
    const picture = new Picture(memory, this.box, 48, false);
    while (picture.work(Infinity));
    this.paint(picture);
    return true;
  }

  private paint(picture: Picture = this.picture): void {
    const { labels, energies, lowest, highest, side } = picture;
    const context = this.image.getContext("2d");
    if (!context) return;
    this.image.width = this.image.height = side;
    const { dark } = theme();
    const paper: RGB = dark ? [16, 19, 26] : [255, 255, 255];
    const tints = new Map<number, RGB>();
    const tint = (label: number): RGB => {
      let colour = tints.get(label);
      if (!colour) {
        const end = picture.endOf(label);
        colour = end ? this.tintOf(end) : [0, 114, 178];
        tints.set(label, colour);
      }
      return colour;
    };
    const pixels = context.createImageData(side, side);
    const span = highest - lowest || 1;
    for (let i = 0; i < side * side; i++) {
      const height = (energies[i] - lowest) / span;
      const level = Math.sqrt(height);
      const ring = 1 - 0.07 * Number(Math.floor(level * 18) % 2 === 0); // contour bands of the energy
      const part = (dark ? 0.62 : 0.6) * (1 - 0.75 * level) * ring;
      const [r, g, b] = tint(labels[i]);
      pixels.data[4 * i] = paper[0] + part * (r - paper[0]);
      pixels.data[4 * i + 1] = paper[1] + part * (g - paper[1]);
      pixels.data[4 * i + 2] = paper[2] + part * (b - paper[2]);
      pixels.data[4 * i + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
    this.painted = true;
  }

  /** The colour of a pattern for an end that is (nearly) that pattern, grey for a mixture. */
  private tintOf(end: Float64Array): RGB {
    const at = nearest(this.memory, end);
    const m = this.state.plane.patterns[at];
    const scale = this.box.right - this.box.left;
    const cosine = this.similarity === "cosine";
    const gap = cosine
      ? Math.abs(Math.atan2(m[0] * end[1] - m[1] * end[0], m[0] * end[0] + m[1] * end[1])) / Math.PI
      : Math.hypot(m[0] - end[0], m[1] - end[1]) / scale;
    return gap < 0.12 ? patternRGB(at) : [136, 136, 136];
  }

  recolour(): void {
    this.painted = false;
  }

  draw(): void {
    const { context, width, height } = sharpen(this.canvas);
    const { ink, dark } = theme();
    context.imageSmoothingEnabled = true;
    context.drawImage(this.image, 0, 0, width, height);
    if (this.similarity === "cosine") this.drawRays(context, ink);
    if (this.state.cloud) this.drawCloud(context, ink);
    else this.drawRun(context, ink, dark);
    this.state.plane.patterns.forEach((m, i) => {
      const [x, y] = this.toScreen(m);
      context.beginPath();
      context.arc(x, y, i === this.state.chosen ? 9 : 6.5, 0, 2 * Math.PI);
      context.fillStyle = patternColour(i);
      context.fill();
      context.lineWidth = i === this.state.chosen ? 3 : 1.5;
      context.strokeStyle = ink;
      context.stroke();
    });
    if (this.state.cloud) return;
    for (const point of this.points) this.drawPoint(context, point, ink);
    this.drawCue(context, ink, dark);
  }

  private drawRun(context: CanvasRenderingContext2D, ink: string, dark: boolean): void {
    for (const [colour, thick] of [
      [dark ? "rgb(0 0 0 / .75)" : "rgb(255 255 255 / .85)", 5],
      [ink, 2],
    ] as const) {
      context.beginPath();
      this.run.states.forEach((v, n) => (n ? context.lineTo(...this.toScreen(v)) : context.moveTo(...this.toScreen(v))));
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.lineJoin = "round";
      context.stroke();
    }
    context.fillStyle = ink;
    for (let n = 10; n < this.run.states.length; n += 10) {
      context.beginPath();
      context.arc(...this.toScreen(this.run.states[n]), 2.6, 0, 2 * Math.PI); // one dot each tau
      context.fill();
    }
  }

  private drawCue(context: CanvasRenderingContext2D, ink: string, dark: boolean): void {
    const [x, y] = this.toScreen(this.state.plane.cue);
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    context.fillStyle = dark ? "#fff" : "#111";
    context.fill();
    context.lineWidth = 3;
    context.strokeStyle = dark ? "#111" : "#fff";
    context.stroke();
    context.font = "600 13px system-ui, sans-serif";
    context.fillStyle = ink;
    context.fillText("cue", x + 13, y - 8);
  }

  private drawCloud(context: CanvasRenderingContext2D, ink: string): void {
    context.fillStyle = ink;
    for (const v of this.state.cloud?.points ?? []) {
      context.beginPath();
      context.arc(...this.toScreen(v), 2, 0, 2 * Math.PI);
      context.fill();
    }
  }

  private drawRays(context: CanvasRenderingContext2D, ink: string): void {
    const far = 4 * (this.box.right - this.box.left);
    context.strokeStyle = ink;
    context.lineWidth = 1.5;
    for (const { angle, index } of rays(this.memory)) {
      context.setLineDash(index ? [5, 6] : []);
      context.beginPath();
      context.moveTo(...this.toScreen([0, 0]));
      context.lineTo(...this.toScreen([far * Math.cos(angle), far * Math.sin(angle)]));
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** A ring for what attracts, a cross for a saddle, a triangle for a peak. */
  private drawPoint(context: CanvasRenderingContext2D, point: FixedPoint, ink: string): void {
    const [x, y] = this.toScreen(point.state);
    context.strokeStyle = ink;
    context.lineWidth = 2;
    context.beginPath();
    if (point.index === 0) context.arc(x, y, 11, 0, 2 * Math.PI);
    else if (point.index === 1) {
      context.moveTo(x - 5, y - 5);
      context.lineTo(x + 5, y + 5);
      context.moveTo(x + 5, y - 5);
      context.lineTo(x - 5, y + 5);
    } else {
      context.moveTo(x, y - 6);
      context.lineTo(x + 6, y + 5);
      context.lineTo(x - 6, y + 5);
      context.closePath();
    }
    context.stroke();
  }
}
