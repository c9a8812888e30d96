// Annealing: points of pure noise, and beta that grows until each of them is a stored pattern.

import { gauss } from "./digits";
import { Memory } from "./memory";
import type { Cloud, State } from "./state";

export const LAST = 5; // the time s = -ln(sigma/sigma_0) at which the play ends
const STEP = 0.04;

/** Noise of the size of the patterns around their mean. */
export function start(state: State, count = 240): Cloud {
  const { patterns } = state.plane;
  const mean = [0, 1].map((k) => patterns.reduce((sum, m) => sum + m[k], 0) / patterns.length);
  const spread = Math.max(...patterns.map((m) => Math.hypot(m[0] - mean[0], m[1] - mean[1])));
  const sigma = 1.2 * (spread || 1);
  const points = Array.from({ length: count }, () => Float64Array.of(mean[0] + sigma * gauss(), mean[1] + sigma * gauss()));
  return { points, time: 0, sigma };
}

/**
 * One step of the probability-flow equation dv/ds = E[x | v] - v: with beta(s) = exp(2 s)/(2 sigma_0^2) the conditional
 * mean of the data is the Euclidean memory's recall. The linear equation with the mean frozen is solved exactly (DDIM).
 */
export function advance(state: State, cloud: Cloud): Cloud {
  const beta = Math.exp(2 * cloud.time) / (2 * cloud.sigma ** 2);
  const memory = new Memory(state.plane.patterns, {
    similarity: "euclidean",
    separation: { name: "softmax", alpha: 1.5 },
    beta,
  });
  const keep = Math.exp(-STEP);
  const points = cloud.points.map((v) => {
    const mean = memory.recall(v);
    return Float64Array.of(mean[0] + keep * (v[0] - mean[0]), mean[1] + keep * (v[1] - mean[1]));
  });
  return { ...cloud, points, time: cloud.time + STEP };
}

export function betaOf(cloud: Cloud): number {
  return Math.exp(2 * cloud.time) / (2 * cloud.sigma ** 2);
}
