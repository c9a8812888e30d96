// Use the page as a reader would, in Chromium without a window: drag, slide, draw, copy, ask.
//
//   node test/browser.mjs ADDRESS [FOLDER]    ADDRESS: of a running `hopfield explore` or a file's; FOLDER: for pictures
//
// Prints one JSON object: what was seen, the programs that were copied, and times; exits with 1 if something is wrong.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
});
const problems = [];
const elsewhere = [];

async function open(options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (line) => line.type() === "error" && problems.push(line.text()));
  page.on("request", (request) => {
    const own = request.url().startsWith(address) || request.url().startsWith("data:");
    if (!own) elsewhere.push(request.url());
  });
  await page.goto(address);
  await page.waitForFunction(() => window.hopfield.ends().length === 1);
  return page;
}

const see = (page, what) => page.evaluate(what);
const cue = (page) => see(page, () => Array.from(hopfield.state.shown.cue));
const patterns = (page) => see(page, () => hopfield.state.shown.patterns.map((m) => Array.from(m)));
const ends = (page) => see(page, () => hopfield.ends());
const said = (page) => page.textContent("#said");
const gap = (a, b) => Math.hypot(...a.map((x, i) => x - b[i]));

async function place(page, v) {
  const box = await page.locator("#planes canvas").first().boundingBox();
  const [x, y] = await page.evaluate((v) => hopfield.onScreen(v), v);
  return [box.x + x, box.y + y];
}

async function drag(page, from, to) {
  await page.mouse.move(...(await place(page, from)));
  await page.mouse.down();
  const goal = await place(page, to);
  await page.mouse.move(...goal, { steps: 12 });
  await page.mouse.up();
}

async function slide(page, id, value) {
  await page.locator(id).evaluate((input, value) => {
    input.value = String(value);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }, value);
}

async function copied(page) {
  await page.click("#python");
  const text = await page.inputValue("#program textarea");
  await page.keyboard.press("Escape");
  return { text, ends: await ends(page) };
}

async function picture(page, name) {
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

const found = { programs: [] };
try {
  const page = await open({ colorScheme: "light" });
  found.firstPaint = await see(page, () => performance.getEntriesByName("first-contentful-paint")[0].startTime);

  // The plane: the cue, a pattern, beta, a second similarity.
  const stored = await patterns(page);
  await drag(page, await cue(page), [-0.8, -0.4]);
  assert(gap(await cue(page), [-0.8, -0.4]) < 0.02, "the cue follows the mouse");
  assert(gap((await ends(page))[0], stored[0]) < 0.1, "and ends at the pattern beside it");
  await slide(page, "#beta", 1.5);
  assert.match(await said(page), /4 attractors/);
  await slide(page, "#beta", -2);
  assert.match(await said(page), /1 attractor,/);
  await slide(page, "#beta", 1);
  await drag(page, stored[1], [0.5, -0.2]);
  assert(gap((await patterns(page))[1], [0.5, -0.2]) < 0.02, "a pattern follows the mouse");
  await page.waitForTimeout(800);
  await picture(page, "plane");
  await page.selectOption("#second", "manhattan");
  assert.equal(await page.locator("#planes canvas").count(), 2);
  await page.waitForTimeout(800);
  await picture(page, "beside");
  found.programs.push(await copied(page));
  await page.selectOption("#second", "");
  for (const similarity of ["dot", "cosine", "manhattan", "euclidean"]) {
    for (const separation of ["epanechnikov", "entmax", "softmax"]) {
      await page.selectOption("#similarity", similarity);
      await page.selectOption("#separation", separation);
      found.programs.push(await copied(page));
    }
  }

  // Adding and removing, by mouse and by keys.
  await page.mouse.dblclick(...(await place(page, [0.1, 0.1])));
  assert.equal((await patterns(page)).length, 5);
  await page.keyboard.press("Delete");
  assert.equal((await patterns(page)).length, 4);
  const before = await cue(page);
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Shift+ArrowUp");
  assert(gap(await cue(page), [before[0] - 0.02, before[1] + 0.1]) < 1e-12, "arrows move the cue");
  await page.keyboard.press("n");
  assert.equal((await patterns(page)).length, 5);
  await page.click("#remove");
  assert.equal((await patterns(page)).length, 4);
  const beta = await see(page, () => hopfield.state.settings.beta);
  await page.keyboard.press("+");
  assert((await see(page, () => hopfield.state.settings.beta)) > beta);

  // Noise, and noise that becomes patterns.
  await slide(page, "#temperature", 0.1);
  await page.waitForTimeout(400);
  assert.match(await said(page), /wanders/);
  await slide(page, "#temperature", 0);
  await page.click("#anneal");
  await page.waitForTimeout(500);
  await picture(page, "annealing");
  await page.waitForFunction(() => /Annealing/.test(document.querySelector("#said").textContent));
  const last = () => see(page, () => hopfield.state.cloud.points.map((v) => Array.from(v)));
  let cloud = await last();
  for (let tries = 0; tries < 100; tries++) {
    await page.waitForTimeout(200);
    const next = await last();
    if (next.every((v, i) => gap(v, cloud[i]) === 0)) break;
    cloud = next;
  }
  const kept = await patterns(page);
  const far = Math.max(...cloud.map((v) => Math.min(...kept.map((m) => gap(v, m)))));
  const left = await see(page, () => hopfield.state.cloud.sigma * Math.exp(-hopfield.state.cloud.time));
  assert(far < 5 * left, `every point of the cloud ends within the noise that is left, ${left}, of a pattern (the farthest: ${far})`);
  found.cloud = { far, left };

  // The surface turns.
  await page.click("[data-view=surface]");
  await page.waitForTimeout(300);
  const surface = page.locator("#planes canvas").first();
  const seen = await surface.screenshot();
  const box = await surface.boundingBox();
  await page.mouse.move(box.x + 200, box.y + 200);
  await page.mouse.down();
  await page.mouse.move(box.x + 300, box.y + 230, { steps: 5 });
  await page.mouse.up();
  await page.waitForTimeout(200);
  assert.notDeepEqual(await surface.screenshot(), seen);
  await picture(page, "surface");

  // Digits: hide a half, see it recalled, draw.
  await page.click("[data-view=digits]");
  const whole = await cue(page);
  await page.click("[data-change=bottom]");
  assert((await cue(page)).slice(32).every((x) => x === 0), "the lower half is hidden");
  const digits = await patterns(page);
  assert(gap((await ends(page))[0], digits[0]) < 0.5, "and recalled");
  assert.match(await said(page), /ends at digit 0/);
  const editor = await page.locator("#editor").boundingBox();
  await page.mouse.move(editor.x + editor.width * 0.1, editor.y + editor.height * 0.9);
  await page.mouse.down();
  await page.mouse.move(editor.x + editor.width * 0.9, editor.y + editor.height * 0.9, { steps: 10 });
  await page.mouse.up();
  assert((await cue(page)).slice(56).filter((x) => x > 0).length >= 6, "the mouse draws");
  assert(gap(await cue(page), whole) > 0);
  await page.click("#theme");
  assert.equal(await see(page, () => document.documentElement.dataset.theme), "dark");
  await page.waitForTimeout(1500);
  await picture(page, "digits");
  found.programs.push(await copied(page));
  await page.click("[data-view=plane]");
  await page.waitForTimeout(800);
  await picture(page, "dark");

  // The library's answers, where it listens.
  if (await page.locator("#library").isVisible()) {
    found.answers = {};
    for (const verb of ["simulate", "fixed-points", "basins", "radius"]) {
      await page.click(`[data-ask=${verb}]`);
      await page.waitForFunction(() => !/computes|^$/.test(document.querySelector("#answer").textContent));
      found.answers[verb] = await page.textContent("#answer");
    }
  }

  // Two hundred patterns: what a frame costs while the cue is dragged.
  await page.evaluate(() => {
    const random = (n) => (Math.sin(n * 12.9898) * 43758.5453) % 1;
    hopfield.state.setPatterns(Array.from({ length: 200 }, (_, i) => Float64Array.of(2 * random(i + 1), 2 * random(i + 401))));
    hopfield.state.set({ beta: 30 });
    hopfield.frames.length = 0;
  });
  const from = await place(page, await cue(page));
  await page.mouse.move(...from);
  await page.mouse.down();
  for (let i = 0; i < 60; i++) {
    await page.mouse.move(from[0] + 2 * i, from[1] - i);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  await page.mouse.up();
  found.frames = await see(page, () => {
    const sorted = [...hopfield.frames].sort((a, b) => a - b);
    return { count: sorted.length, median: sorted[sorted.length >> 1], most: sorted.at(-1) };
  });
  await page.close();

  // A finger.
  const touched = await open({ colorScheme: "dark", hasTouch: true, viewport: { width: 420, height: 860 } });
  const goal = await place(touched, [0.3, 0.3]);
  await touched.touchscreen.tap(...goal);
  assert(gap(await cue(touched), [0.3, 0.3]) < 0.02, "a tap moves the cue");
  assert(await see(touched, () => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out of a small screen");
  await picture(touched, "small");

  assert.deepEqual(problems, []);
  assert.deepEqual(elsewhere, []);
  console.log(JSON.stringify(found));
} finally {
  await browser.close();
}
