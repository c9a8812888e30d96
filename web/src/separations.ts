// Separations: the weights f = sep(beta h) and the Lagrangian L(h) = L(beta h)/beta whose gradient they are.

export type SeparationName = "softmax" | "entmax" | "epanechnikov";

export interface Separation {
  name: SeparationName;
  alpha: number; // of entmax, 1 < alpha <= 2; 2 is sparsemax
}

const EPS = 1e-30; // what the library's LogSumReLU adds inside its logarithm

/** f = sep(beta h), written over `out`; returns L(h). */
export function separate(sep: Separation, beta: number, h: Float64Array, out: Float64Array): number {
  if (sep.name === "softmax") return softmax(beta, h, out);
  if (sep.name === "entmax") return entmax(sep.alpha, beta, h, out);
  return epanechnikov(beta, h, out);
}

/** L = log sum exp(beta h)/beta. */
function softmax(beta: number, h: Float64Array, out: Float64Array): number {
  const n = h.length;
  let top = -Infinity;
  for (let i = 0; i < n; i++) if (h[i] > top) top = h[i];
  let total = 0;
  for (let i = 0; i < n; i++) total += out[i] = Math.exp(beta * (h[i] - top));
  for (let i = 0; i < n; i++) out[i] /= total;
  return top + Math.log(total) / beta;
}

/** L = log(eps + sum relu(1 + beta h))/beta: weights only for patterns whose support holds the state. */
function epanechnikov(beta: number, h: Float64Array, out: Float64Array): number {
  const n = h.length;
  let total = EPS;
  for (let i = 0; i < n; i++) total += Math.max(0, 1 + beta * h[i]);
  for (let i = 0; i < n; i++) out[i] = beta * h[i] > -1 ? 1 / total : 0;
  return Math.log(total) / beta;
}

/**
 * p = relu((alpha - 1) beta h - theta)^(1/(alpha - 1)) with sum one, L = p.h + (1 - sum p^alpha)/(alpha (alpha - 1) beta).
 * Theta is found by bisection, then polished by Newton's method.
 */
function entmax(alpha: number, beta: number, h: Float64Array, out: Float64Array): number {
  const n = h.length;
  const power = 1 / (alpha - 1);
  let top = -Infinity;
  for (let i = 0; i < n; i++) if (h[i] > top) top = h[i];
  const scale = (alpha - 1) * beta;
  let theta = -1;
  for (let width = 0.5, k = 0; k < 36; k++, width /= 2) {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const z = scale * (h[i] - top) - theta - width;
      if (z > 0) sum += z ** power;
    }
    if (sum >= 1) theta += width;
  }
  for (let k = 0; k < 2; k++) {
    let sum = 0;
    let slope = 0;
    for (let i = 0; i < n; i++) {
      const z = scale * (h[i] - top) - theta;
      if (z > 0) {
        sum += z ** power;
        slope += power * z ** (power - 1);
      }
    }
    theta += (sum - 1) / slope;
  }
  let total = 0;
  for (let i = 0; i < n; i++) {
    const z = scale * (h[i] - top) - theta;
    total += out[i] = z > 0 ? z ** power : 0;
  }
  let value = 0;
  let spread = 0;
  for (let i = 0; i < n; i++) {
    out[i] /= total;
    if (out[i] > 0) {
      value += out[i] * (h[i] - top);
      spread += out[i] ** alpha;
    }
  }
  return top + value + (1 - spread) / (alpha * (alpha - 1) * beta);
}
