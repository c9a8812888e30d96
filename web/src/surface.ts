// The energy over the plane as a surface that can be turned, with the way of the cue upon it.

import { pointers, sharpen } from "./canvas";
import { patternColour, theme } from "./colours";
import { fit, Picture, type Box } from "./landscape";
import { simulate, type Run, type SimilarityName } from "./memory";
import type { State } from "./state";

const SIDE = 56;

export class SurfaceView {
  private turn = 0.68;
  private tilt = 0.75;
  private picture!: Picture;
  private box!: Box;
  run!: Run;

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly state: State,
    public similarity: SimilarityName,
  ) {
    this.renew();
    pointers(
      canvas,
      () => true,
      ({ dx, dy }) => {
        this.turn += dx * 0.008;
        this.tilt = Math.min(1.5, Math.max(0.15, this.tilt + dy * 0.006));
        this.state.changed("cue");
      },
    );
  }

  renew(): void {
    const memory = this.state.memory(this.similarity);
    this.box = fit(this.state.plane.patterns);
    this.picture = new Picture(memory, this.box, SIDE, false);
    this.picture.work(Infinity);
    while (this.picture.work(Infinity));
    this.follow();
  }

  follow(): void {
    this.run = simulate(this.state.memory(this.similarity), this.state.plane.cue, 0.1, 40, 1e-9);
  }

  turnBy(angle: number): void {
    this.turn += angle;
    this.state.changed("cue");
  }

  draw(): void {
    const { context, width, height } = sharpen(this.canvas);
    const { ink, paper, dark } = theme();
    context.fillStyle = `rgb(${paper.join(" ")})`;
    context.fillRect(0, 0, width, height);
    const { energies } = this.picture;
    const ranked = Float64Array.from(energies).sort();
    const low = ranked[0];
    const high = ranked[Math.floor(0.9 * ranked.length)]; // the walls may rise out of the picture
    const { left, right, bottom, top } = this.box;
    const half = (right - left) / 2;
    const [cx, cy] = [(left + right) / 2, (bottom + top) / 2];
    const [c, s, up, flat] = [Math.cos(this.turn), Math.sin(this.turn), Math.cos(this.tilt), Math.sin(this.tilt)];
    const scale = 0.35 * Math.min(width, height * 1.25);
    const lift = (energy: number): number => {
      const height = (energy - low) / (high - low || 1);
      return 0.85 * (height < 1 ? height : 1 + 0.3 * Math.tanh((height - 1) / 0.3)) - 0.4;
    };
    const project = (x: number, y: number, energy: number): [number, number, number] => {
      const [u, w] = [(x - cx) / half, (y - cy) / half];
      const across = c * u - s * w;
      const deep = s * u + c * w;
      return [width / 2 + scale * across, 0.54 * height - scale * (flat * lift(energy) + up * deep), deep];
    };
    const corners: [number, number, number][] = [];
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const v = this.picture.place(column, row);
        corners.push(project(v[0], v[1], energies[row * SIDE + column]));
      }
    }
    const things: { deep: number; paint: () => void }[] = []; // painted in this order: the far ones first
    for (let row = 0; row < SIDE - 1; row++) {
      for (let column = 0; column < SIDE - 1; column++) {
        const at = row * SIDE + column;
        const round = [at, at + 1, at + SIDE + 1, at + SIDE];
        const paint = (): void => {
          const level = (lift(round.reduce((sum, i) => sum + energies[i], 0) / 4) + 0.4) / 1.06;
          const light = dark ? 24 + 46 * level : 46 + 46 * level;
          context.fillStyle = context.strokeStyle = `hsl(${205 + 30 * level} ${62 - 40 * level}% ${light}%)`;
          context.lineWidth = 1;
          context.beginPath();
          round.forEach((i, n) => (n ? context.lineTo(corners[i][0], corners[i][1]) : context.moveTo(corners[i][0], corners[i][1])));
          context.closePath();
          context.fill();
          context.stroke();
        };
        things.push({ deep: (corners[at][2] + corners[at + SIDE + 1][2]) / 2, paint });
      }
    }
    // What lies on the surface comes after the faces around it; a valley behind a hill shows through, paler.
    const upon: { deep: number; paint: () => void }[] = [];
    const before = 5 / SIDE;
    const way = this.run.states.map((v, n) => project(v[0], v[1], this.run.energy[n]));
    for (let n = 1; n < way.length; n++) {
      const [[x0, y0, near], [x1, y1, far]] = [way[n - 1], way[n]];
      const paint = (): void => {
        context.strokeStyle = dark ? "#ffd166" : "#b3261e";
        context.lineWidth = 3;
        context.lineCap = "round";
        context.beginPath();
        context.moveTo(x0, y0);
        context.lineTo(x1, y1);
        context.stroke();
      };
      upon.push({ deep: (near + far) / 2 - before, paint });
    }
    const mark = (v: Float64Array, energy: number, radius: number, colour: string): void => {
      const [x, y, deep] = project(v[0], v[1], energy);
      const paint = (): void => {
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.fillStyle = colour;
        context.fill();
        context.lineWidth = 1.5;
        context.strokeStyle = ink;
        context.stroke();
      };
      upon.push({ deep: deep - before, paint });
    };
    const memory = this.state.memory(this.similarity);
    this.state.plane.patterns.forEach((m, i) => mark(m, memory.energy(m), 5, patternColour(i)));
    const end = this.run.states.length - 1;
    mark(this.run.states[0], this.run.energy[0], 7, dark ? "#fff" : "#111");
    mark(this.run.states[end], this.run.energy[end], 4, dark ? "#ffd166" : "#b3261e");
    things.push(...upon);
    things.sort((a, b) => b.deep - a.deep);
    for (const { paint } of things) paint();
    context.globalAlpha = 0.3;
    for (const { paint } of upon) paint();
    context.globalAlpha = 1;
  }
}
