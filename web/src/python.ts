// The same memory and the same run as a program.

import type { State } from "./state";

function numbers(v: ArrayLike<number>): string {
  return `[${Array.from(v, (x) => String(x)).join(", ")}]`;
}

export function separationName(state: State): string {
  const { name, alpha } = state.settings.separation;
  if (name !== "entmax") return name;
  return alpha === 2 ? "sparsemax" : `entmax(${alpha})`;
}

export function asPython(state: State): string {
  const { patterns, cue } = state.shown;
  const { similarity, beta } = state.settings;
  const rows = patterns.map((m) => `    ${numbers(m)},`).join("\n");
  const other = state.second
    ? `\nother = UniversalHopfield(patterns, "${state.second}", "${separationName(state)}", beta=${beta}, tau_memory=0.0)` +
      `\nprint("${state.second}:", simulate(other, cue, t1=40, integrator=Relaxation(0.1)).states["value"][-1])`
    : "";
  return `import numpy as np
from hopfield import Relaxation, UniversalHopfield, check_lyapunov, simulate

patterns = np.array([
${rows}
])
cue = np.array(${numbers(cue)})
memory = UniversalHopfield(patterns, "${similarity}", "${separationName(state)}", beta=${beta}, tau_memory=0.0)
run = simulate(memory, cue, t1=40, integrator=Relaxation(0.1))
print("end:", run.states["value"][-1])
print("energy:", run.energy[0], "->", run.energy[-1])
print("the energy falls:", check_lyapunov(memory, run).holds)${other}
`;
}
