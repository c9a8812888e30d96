import { describe, expect, it } from "vitest";

import { fixedPoints } from "../src/landscape";
import { Memory, simulate, type SimilarityName } from "../src/memory";
import type { SeparationName } from "../src/separations";
import golden from "./golden.json";

const LIMIT = 1e-12;

/** The largest difference, as a share of the largest number (at least 1). */
function difference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  let size = 1;
  let worst = 0;
  for (let i = 0; i < theirs.length; i++) size = Math.max(size, Math.abs(theirs[i]));
  for (let i = 0; i < theirs.length; i++) worst = Math.max(worst, Math.abs(ours[i] - theirs[i]) / size);
  return worst;
}

describe("the page's arithmetic and the library's", () => {
  let worst = 0;
  for (const known of golden.memories) {
    const given = golden.inputs[known.input];
    const label = `${known.similarity}, ${known.separation.name} ${known.separation.alpha}, beta ${known.beta}, ${given.patterns[0].length} values`;
    it(label, () => {
      const memory = new Memory(
        given.patterns.map((row) => Float64Array.from(row)),
        {
          similarity: known.similarity as SimilarityName,
          separation: { name: known.separation.name as SeparationName, alpha: known.separation.alpha },
          beta: known.beta,
        },
      );
      known.answers.forEach((answer, k) => {
        const query = Float64Array.from(given.queries[k]);
        const run = simulate(memory, query, 0.1, 1, -1);
        const found = {
          weights: difference(memory.weights(query).slice(), answer.weights),
          recall: difference(memory.recall(query), answer.recall),
          state: difference(run.states[10], answer.state),
          energies: difference(run.energy, answer.energies),
        };
        for (const [name, gap] of Object.entries(found)) expect(gap, name).toBeLessThan(LIMIT);
        worst = Math.max(worst, ...Object.values(found));
      });
    });
  }
  it("differ by rounding", () => {
    console.log(`largest difference: ${worst.toExponential(1)}`);
    expect(worst).toBeGreaterThan(0);
  });
});

describe("fixed points in the plane", () => {
  for (const known of golden.censuses) {
    it(`${known.similarity}, beta ${known.beta}`, () => {
      const memory = new Memory(
        known.patterns.map((row) => Float64Array.from(row)),
        { similarity: known.similarity as SimilarityName, separation: { name: "softmax", alpha: 1.5 }, beta: known.beta },
      );
      const found = fixedPoints(memory);
      expect(found.map((p) => p.index).sort()).toEqual([...known.index].sort());
      known.states.forEach((state, i) => {
        const gaps = found.map((p) => Math.hypot(p.state[0] - state[0], p.state[1] - state[1]));
        const at = gaps.indexOf(Math.min(...gaps));
        expect(gaps[at]).toBeLessThan(1e-8);
        expect(found[at].index).toBe(known.index[i]);
        expect(Math.abs(found[at].energy - known.energy[i])).toBeLessThan(1e-10);
      });
    });
  }
});
