// Images: draw on the cue, hide a part of it, and watch it being recalled.

import { pointers, sharpen } from "./canvas";
import { patternColour, theme } from "./colours";
import { energyText, nearest, simulate, type Run } from "./memory";
import type { State } from "./state";

/** An image on a canvas: 0 is the paper, 1 the ink. */
export function drawImage(canvas: HTMLCanvasElement, values: ArrayLike<number>, [rows, columns]: [number, number]): void {
  const { context, width, height } = sharpen(canvas);
  const { dark } = theme();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = Math.min(1, Math.max(0, values[row * columns + column]));
      const grey = Math.round(255 * (dark ? 0.08 + 0.92 * value : 1 - 0.95 * value));
      context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
      const [x, y] = [Math.floor((column * width) / columns), Math.floor((row * height) / rows)];
      context.fillRect(x, y, Math.ceil(width / columns) + 1, Math.ceil(height / rows) + 1);
    }
  }
}

export class DigitsView {
  runs: Run[] = [];
  /** The step that is shown; it runs ahead by itself after a change of the cue. */
  at = 0;
  private readonly thumbs: HTMLCanvasElement[] = [];

  constructor(
    private readonly state: State,
    private readonly editor: HTMLCanvasElement,
    private readonly answers: HTMLElement,
    private readonly strip: HTMLElement,
  ) {
    let value = 1;
    pointers(
      editor,
      (x, y, event) => {
        value = event.button === 2 || event.shiftKey || this.pixel(x, y) > 0.6 ? 0 : 1;
        this.brush(x, y, value);
        return true;
      },
      ({ x, y }) => this.brush(x, y, value),
    );
    editor.addEventListener("contextmenu", (event) => event.preventDefault());
    this.store();
  }

  /** Show the stored patterns; a click makes one the cue. */
  store(): void {
    this.strip.replaceChildren();
    this.thumbs.length = 0;
    this.state.images.patterns.forEach((pattern, i) => {
      const button = document.createElement("button");
      button.className = "thumb";
      button.title = `Make ${this.state.images.names[i] ?? `pattern ${i}`} the cue`;
      button.setAttribute("aria-label", button.title);
      button.style.borderColor = patternColour(i);
      const canvas = document.createElement("canvas");
      button.append(canvas);
      button.addEventListener("click", () => {
        this.state.chosen = i;
        this.state.moveCue(pattern.slice());
      });
      this.strip.append(button);
      this.thumbs.push(canvas);
    });
  }

  private index(x: number, y: number): number {
    const [rows, columns] = this.state.images.shape;
    const { clientWidth: w, clientHeight: h } = this.editor;
    const column = Math.min(columns - 1, Math.max(0, Math.floor((x / w) * columns)));
    const row = Math.min(rows - 1, Math.max(0, Math.floor((y / h) * rows)));
    return row * columns + column;
  }

  private pixel(x: number, y: number): number {
    return this.state.images.cue[this.index(x, y)];
  }

  private brush(x: number, y: number, value: number): void {
    const cue = this.state.images.cue.slice();
    cue[this.index(x, y)] = value;
    this.state.moveCue(cue);
  }

  /** Set the lower half, the upper half or all of the cue to 0, or add noise of variance 0.05. */
  change(what: "bottom" | "top" | "clear" | "noise"): void {
    const [rows, columns] = this.state.images.shape;
    const cue = this.state.images.cue.map((value, i) => {
      const row = Math.floor(i / columns);
      if (what === "clear" || (what === "bottom" && row >= rows / 2) || (what === "top" && row < rows / 2)) return 0;
      return what === "noise" ? Math.min(1, Math.max(0, value + Math.sqrt(0.05) * gauss())) : value;
    });
    this.state.moveCue(cue);
  }

  follow(): void {
    this.runs = this.state.similarities.map((similarity) =>
      simulate(this.state.memory(similarity), this.state.images.cue, 0.1, 40, 1e-9),
    );
    this.at = 0;
  }

  /** Go on with the recall; true until it stands still. */
  tick(): boolean {
    const last = Math.max(...this.runs.map((run) => run.states.length)) - 1;
    if (this.at >= last) return false;
    this.at++;
    return true;
  }

  draw(): void {
    const { shape, names, cue } = this.state.images;
    drawImage(this.editor, cue, shape);
    while (this.answers.children.length > this.runs.length) this.answers.lastChild?.remove();
    this.runs.forEach((run, k) => {
      const similarity = this.state.similarities[k];
      let figure = this.answers.children[k] as HTMLElement | undefined;
      if (!figure) {
        figure = document.createElement("figure");
        figure.append(document.createElement("canvas"), document.createElement("figcaption"));
        this.answers.append(figure);
      }
      const step = Math.min(this.at, run.states.length - 1);
      const v = run.states[step];
      drawImage(figure.children[0] as HTMLCanvasElement, v, shape);
      const near = nearest(this.state.memory(similarity), v);
      figure.children[1].textContent =
        `${similarity}, t = ${run.times[step].toFixed(1)}: nearest is ${names[near] ?? `pattern ${near}`}, ` +
        energyText(run.energy[step]);
    });
    this.thumbs.forEach((canvas, i) => drawImage(canvas, this.state.images.patterns[i], shape));
  }
}

/** A normal number by Box and Muller. */
export function gauss(): number {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
