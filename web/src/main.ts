// The page: views, settings and keys, and one loop that draws when something has changed.

import "./style.css";

import { drawCounts } from "./counts";
import { Curve } from "./curve";
import { advance, betaOf, LAST, start } from "./diffusion";
import digitData from "./digits.json";
import { DigitsView, gauss } from "./digits";
import { energyText, nearest, SIMILARITIES, type SimilarityName } from "./memory";
import { PlaneView } from "./plane";
import { asPython } from "./python";
import type { SeparationName } from "./separations";
import { askLibrary, given, served } from "./server";
import { State, type View } from "./state";
import { SurfaceView } from "./surface";
import { isSmooth } from "./landscape";

const START = [
  [-0.9, -0.55],
  [0.85, -0.7],
  [0.15, 0.95],
  [-0.75, 0.6],
].map((row) => Float64Array.from(row));
const DIGITS = digitData.map((row) => Float64Array.from(row, (value) => value / 16));
const HINTS: Record<View, string> = {
  plane: "Drag the cue or a pattern. Double-click adds a pattern. Rings attract, crosses are saddles.",
  surface: "Drag to turn the energy. The line is the way of the cue: it never goes up.",
  digits: "Draw on the cue, hide a part of it, and watch it being recalled.",
};

const $ = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const state = new State(
  START,
  DIGITS,
  [8, 8],
  DIGITS.map((_, i) => `digit ${i}`),
);
const curve = new Curve($("curve"));
const digits = new DigitsView(state, $<HTMLCanvasElement>("editor"), $("answers"), $("strip"));
let views: (PlaneView | SurfaceView)[] = [];
let stale = true;
let walker: Float64Array[] | null = null; // the way of the cue at a temperature
let lastTick = 0;
/** How long frames took to compute, for the tests. */
const frames: number[] = [];
const onScreen = (v: ArrayLike<number>): [number, number] => (views[0] as PlaneView).toScreen(v);
const ends = (): number[][] =>
  (state.view === "digits" ? digits.runs : views.map((view) => view.run)).map((run) => Array.from(run.states.at(-1) ?? []));
Object.assign(window, { hopfield: { state, frames, onScreen, ends } });

function setTheme(dark: boolean): void {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  state.changed("theme");
}

/** One picture for each similarity. */
function buildViews(): void {
  const place = $("planes");
  place.replaceChildren();
  views = [];
  $("digits").hidden = state.view !== "digits";
  place.hidden = state.view === "digits";
  if (state.view === "digits") return;
  for (const similarity of state.similarities) {
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("aria-label", `${state.view} of ${similarity}`);
    figure.append(canvas, document.createElement("figcaption"));
    place.append(figure);
    views.push(new (state.view === "plane" ? PlaneView : SurfaceView)(canvas, state, similarity));
  }
}

function showSettings(): void {
  const { similarity, separation, beta } = state.settings;
  $<HTMLSelectElement>("similarity").value = similarity;
  $<HTMLSelectElement>("second").value = state.second ?? "";
  $<HTMLSelectElement>("separation").value = separation.name;
  $("alpha-row").hidden = separation.name !== "entmax";
  $<HTMLInputElement>("alpha").value = String(separation.alpha);
  $("alpha-value").textContent = separation.alpha === 2 ? "2 (sparsemax)" : String(separation.alpha);
  $<HTMLInputElement>("beta").value = String(Math.log10(beta));
  $("beta-value").textContent = String(beta);
  $("temperature-value").textContent = String(state.temperature);
  $<HTMLInputElement>("temperature").value = String(state.temperature);
  const walks = similarity === "dot" || similarity === "euclidean";
  $<HTMLInputElement>("temperature").disabled = !walks || state.view !== "plane";
  $("temperature-row").title = walks ? "" : "Only dot and Euclidean have a smooth flow for which noise has a law.";
  $("hint").textContent = HINTS[state.view];
  $<HTMLButtonElement>("anneal").disabled = state.view !== "plane" || similarity !== "euclidean";
  $<HTMLButtonElement>("anneal").title =
    similarity === "euclidean" ? "Noise becomes stored patterns as beta grows" : "Annealing needs the Euclidean similarity";
  for (const id of ["add", "remove"]) $<HTMLButtonElement>(id).disabled = state.view === "digits";
  for (const tab of document.querySelectorAll<HTMLElement>("[data-view]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.view === state.view));
  }
}

function say(): void {
  const said = $("said");
  if (state.cloud) {
    said.textContent = `Annealing: beta = ${betaOf(state.cloud).toPrecision(3)}. Each point follows the reverse diffusion of the stored patterns.`;
    return;
  }
  if (state.view === "digits") {
    const end = digits.runs[0].states.at(-1) as Float64Array;
    said.textContent = `The recall ends at ${state.images.names[nearest(state.memory(), end)]}; its energy falls all the way.`;
    return;
  }
  if (state.view === "plane" && state.temperature > 0) {
    said.textContent = `At temperature ${state.temperature} the state wanders; exp(-E/T) says where it is found.`;
    return;
  }
  const parts = views.map((view) => {
    if (!(view instanceof PlaneView)) return "";
    if (view.similarity === "cosine") return "For the cosine whole rays are at rest (dashed ones part the basins).";
    const count = (index: number): number => view.points.filter((p) => p.index === index).length;
    const stable = `${view.similarity}: ${count(0)} attractor${count(0) === 1 ? "" : "s"}`;
    return isSmooth(view.memory)
      ? `${stable}, ${count(1)} saddle${count(1) === 1 ? "" : "s"}, ${count(2)} peak${count(2) === 1 ? "" : "s"}.`
      : `${stable} found from the patterns.`;
  });
  said.textContent = parts.join(" ");
}

function caption(): void {
  for (const view of views) {
    if (!(view instanceof PlaneView)) continue;
    const end = view.run.states.at(-1) as Float64Array;
    const figure = view.canvas.nextElementSibling;
    if (figure && state.cloud) figure.textContent = "";
    else if (figure) {
      figure.textContent =
        `${view.similarity}: the cue ends at (${end[0].toFixed(3)}, ${end[1].toFixed(3)}), ` +
        energyText(view.run.energy.at(-1) as number);
    }
  }
}

/** Euler-Maruyama: dv = velocity dt + sqrt(2 T) dW. */
function wander(view: PlaneView): void {
  walker ??= [state.plane.cue.slice()];
  let v = walker[walker.length - 1];
  const dt = 0.01 / Math.max(1, state.settings.beta / 10);
  for (let n = 0; n < 6; n++) {
    const push = view.memory.velocity(v);
    const size = Math.sqrt(2 * state.temperature * dt);
    v = Float64Array.of(v[0] + push[0] * dt + size * gauss(), v[1] + push[1] * dt + size * gauss());
  }
  walker.push(v);
  if (walker.length > 400) walker.shift();
  view.run = { times: walker.map((_, n) => n * 6 * dt), states: walker, energy: walker.map((w) => view.memory.energy(w)) };
}

function frame(now: number): void {
  const began = performance.now();
  let worked = stale;
  if (state.cloud && state.cloud.time < LAST) {
    state.cloud = advance(state, state.cloud);
    stale = true;
    say();
  }
  const hot = state.view === "plane" && state.temperature > 0 && !state.cloud;
  if (hot) {
    wander(views[0] as PlaneView);
    stale = true;
  }
  for (const view of views) if (view instanceof PlaneView && view.work(stale ? 5 : 9)) stale = true;
  if (state.view === "digits" && now - lastTick > 60) {
    lastTick = now;
    if (digits.tick()) stale = true;
  }
  if (stale) {
    worked = true;
    stale = false;
    for (const view of views) view.draw();
    if (state.view === "digits") digits.draw();
    caption();
  }
  if (worked) {
    frames.push(performance.now() - began);
    if (frames.length > 600) frames.shift();
  }
  requestAnimationFrame(frame);
}

function drawCurve(): void {
  const runs =
    state.view === "digits" ? digits.runs : views.map((view) => view.run);
  if (runs.length) curve.draw(runs, state.similarities);
}

state.listen((what) => {
  stale = true;
  if (what === "theme") {
    curve.reset();
    for (const view of views) if (view instanceof PlaneView) view.recolour();
  }
  if (what === "view") buildViews();
  if (what === "memory") for (const view of views) view.renew();
  if (what === "memory" || what === "view" || what === "cue") {
    walker = null;
    if (state.view === "digits") digits.follow();
    else if (what === "cue") for (const view of views) view.follow();
  }
  if (what !== "cue") {
    showSettings();
    drawCounts($<HTMLCanvasElement>("counts"), state);
  }
  drawCurve();
  say();
});

function wire(): void {
  const first = $<HTMLSelectElement>("similarity");
  const second = $<HTMLSelectElement>("second");
  second.append(new Option("nothing", ""));
  for (const name of SIMILARITIES) {
    first.append(new Option(name, name));
    second.append(new Option(name, name));
  }
  first.addEventListener("change", () => {
    state.temperature = 0;
    state.settings = { ...state.settings, similarity: first.value as SimilarityName };
    state.show(state.view);
  });
  second.addEventListener("change", () => {
    state.second = second.value ? (second.value as SimilarityName) : null;
    state.show(state.view);
  });
  const separation = $<HTMLSelectElement>("separation");
  const alpha = $<HTMLInputElement>("alpha");
  const choose = (): void =>
    state.set({ separation: { name: separation.value as SeparationName, alpha: Number(alpha.value) } });
  separation.addEventListener("change", choose);
  alpha.addEventListener("input", choose);
  const beta = $<HTMLInputElement>("beta");
  beta.addEventListener("input", () => state.set({ beta: Number((10 ** Number(beta.value)).toPrecision(3)) }));
  $<HTMLInputElement>("temperature").addEventListener("input", (event) => {
    state.temperature = Number((event.target as HTMLInputElement).value);
    showSettings();
    state.changed("cue");
  });
  for (const tab of document.querySelectorAll<HTMLElement>("[data-view]")) {
    tab.addEventListener("click", () => {
      if (tab.dataset.view !== "plane") state.temperature = 0;
      state.show(tab.dataset.view as View);
    });
  }
  for (const button of document.querySelectorAll<HTMLElement>("[data-change]")) {
    button.addEventListener("click", () => digits.change(button.dataset.change as "bottom"));
  }
  $("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
  $("replay").addEventListener("click", () => state.changed("cue"));
  $("anneal").addEventListener("click", play);
  $("add").addEventListener("click", add);
  $("remove").addEventListener("click", remove);
  $("python").addEventListener("click", copy);
  addEventListener("resize", () => (stale = true));
  addEventListener("keydown", key);
  wireLibrary();
}

function play(): void {
  if (state.view === "digits") return state.changed("cue");
  if ($<HTMLButtonElement>("anneal").disabled) return;
  state.cloud = start(state);
  stale = true;
}

function add(): void {
  if (state.view === "digits") return;
  state.setPatterns([...state.plane.patterns, state.plane.cue.slice()]);
  state.chosen = state.plane.patterns.length - 1;
}

function remove(): void {
  const { patterns } = state.plane;
  if (state.view === "digits" || state.chosen < 0) {
    $("said").textContent = "Click a pattern first: the one with the thick rim is the one that goes.";
    return;
  }
  if (patterns.length === 1) {
    $("said").textContent = "A memory needs one pattern at least.";
    return;
  }
  const gone = state.chosen;
  state.chosen = -1;
  state.setPatterns(patterns.filter((_, i) => i !== gone));
}

function copy(): void {
  const text = asPython(state);
  const dialog = $<HTMLDialogElement>("program");
  const area = dialog.querySelector("textarea") as HTMLTextAreaElement;
  area.value = text;
  dialog.showModal();
  area.select();
  void navigator.clipboard?.writeText(text).catch(() => {}); // where the browser forbids it, the text is selected
}

function key(event: KeyboardEvent): void {
  const on = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(on.tagName)) return;
  if ($<HTMLDialogElement>("program").open) return;
  const arrows: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, 1],
    ArrowDown: [0, -1],
  };
  const arrow = arrows[event.key];
  if (arrow && state.view === "plane") {
    const size = event.shiftKey ? 0.1 : 0.02;
    state.moveCue(state.plane.cue.map((x, k) => x + size * arrow[k]));
  } else if (arrow && state.view === "surface") {
    for (const view of views) if (view instanceof SurfaceView) view.turnBy(0.1 * arrow[0]);
  } else if (event.key === "n" || event.key === "N") add();
  else if (event.key === "Delete" || event.key === "Backspace") remove();
  else if (event.key === "+" || event.key === "-") {
    const by = event.key === "+" ? 0.05 : -0.05;
    const to = Math.min(2, Math.max(-2, Math.log10(state.settings.beta) + by));
    state.set({ beta: Number((10 ** to).toPrecision(3)) });
  } else if (event.key === " " && on.tagName !== "BUTTON") play();
  else if (event.key === "p" || event.key === "P") copy();
  else return;
  event.preventDefault();
}

function wireLibrary(): void {
  $("library").hidden = !served;
  const answer = $("answer");
  for (const button of document.querySelectorAll<HTMLElement>("[data-ask]")) {
    button.addEventListener("click", () => {
      const verb = button.dataset.ask as string;
      answer.textContent = "The library computes ...";
      askLibrary<{ text: string }>(verb, state, { pattern: Math.max(0, state.chosen) })
        .then((found) => (answer.textContent = found.text))
        .catch((problem: Error) => (answer.textContent = problem.message));
    });
  }
}

async function begin(): Promise<void> {
  const found = served ? await given() : null;
  if (found) {
    const rows = found.patterns.map((row) => Float64Array.from(row));
    if (rows[0].length === 2) state.plane = { patterns: rows, cue: rows[0].map((x) => 0.8 * x + 0.02) };
    else {
      state.images = { patterns: rows, cue: rows[0].slice(), shape: found.shape ?? [1, rows[0].length], names: found.names };
      state.view = "digits";
      digits.store();
    }
  }
  wire();
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
  state.show(state.view);
  requestAnimationFrame(frame);
}

void begin();
