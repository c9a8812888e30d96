// How many attractors there are as beta grows, under the slider of beta.

import { sharpen } from "./canvas";
import { theme } from "./colours";
import { fit, settle } from "./landscape";
import { Memory } from "./memory";
import type { State } from "./state";

const PARTS = 40;
let known: { key: string; counts: number[] } = { key: "", counts: [] };
let waiting = 0;

/** The number of ends that the stored patterns have at one beta. */
function count(patterns: Float64Array[], memory: Memory): number {
  const box = fit(patterns.map((m) => Float64Array.of(m[0], m[1] ?? 0)));
  const scale = box.right - box.left;
  const ends: Float64Array[] = [];
  for (const m of patterns) {
    const end = settle(memory, m, 1e-7 * scale);
    if (!ends.some((e) => e.every((x, k) => Math.abs(x - end[k]) < 2e-3 * scale))) ends.push(end);
  }
  return ends.length;
}

export function drawCounts(canvas: HTMLCanvasElement, state: State): void {
  const patterns = state.shown.patterns;
  const { similarity, separation } = state.settings;
  const text = document.getElementById("counts-text");
  const shown = similarity !== "cosine" && patterns.length <= 40;
  canvas.hidden = !shown;
  if (text) text.hidden = !shown;
  if (!shown) return;
  const key = JSON.stringify([patterns.map((m) => Array.from(m)), similarity, separation]);
  clearTimeout(waiting);
  if (key === known.key) return paint(canvas, state);
  // Not while a pattern is dragged: only when nothing has changed for a while.
  waiting = window.setTimeout(() => {
    const counts = Array.from({ length: PARTS + 1 }, (_, n) =>
      count(patterns, new Memory(patterns, { similarity, separation, beta: 10 ** (-2 + (4 * n) / PARTS) })),
    );
    known = { key, counts };
    paint(canvas, state);
  }, 250);
}

function paint(canvas: HTMLCanvasElement, state: State): void {
  const { context, width, height } = sharpen(canvas);
  const { ink, accent } = theme();
  const most = Math.max(2, ...known.counts);
  context.clearRect(0, 0, width, height);
  context.strokeStyle = accent;
  context.lineWidth = 2;
  context.beginPath();
  const edge = 8; // half the slider's knob
  const at = (n: number): number => edge + (n / PARTS) * (width - 2 * edge);
  known.counts.forEach((count, n) => {
    const y = height - 3 - ((height - 8) * (count - 1)) / (most - 1);
    if (n === 0) context.moveTo(at(0), y);
    else {
      context.lineTo(at(n - 0.5), y);
      context.lineTo(at(n), y);
    }
  });
  context.stroke();
  const now = at(((Math.log10(state.settings.beta) + 2) / 4) * PARTS);
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(now, 0);
  context.lineTo(now, height);
  context.stroke();
  context.fillStyle = ink;
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(String(known.counts.at(-1)), width - 2, 20);
}
