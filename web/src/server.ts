// Questions to the library, where `hopfield explore` serves the page.

import { separationName } from "./python";
import type { State } from "./state";

const token = document.documentElement.dataset.served ?? "";

/** Whether a library listens; elsewhere the page computes by itself. */
export const served = token !== "";

export interface Given {
  patterns: number[][];
  shape: [number, number] | null;
  names: string[];
}

async function ask<T>(verb: string, body?: unknown): Promise<T> {
  const answer = await fetch(`/api/${verb}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "Content-Type": "application/json", "X-Hopfield-Token": token },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const found: unknown = await answer.json();
  if (!answer.ok) throw new Error((found as { error: string }).error);
  return found as T;
}

export function given(): Promise<Given | null> {
  return ask<Given | null>("model");
}

/** Ask about the memory that is shown: "recall", "simulate", "fixed-points", "basins" or "radius". */
export function askLibrary<T>(verb: string, state: State, more: Record<string, unknown> = {}): Promise<T> {
  const { patterns, cue } = state.shown;
  return ask<T>(verb, {
    patterns: patterns.map((m) => Array.from(m)),
    query: Array.from(cue),
    similarity: state.settings.similarity,
    separation: separationName(state),
    beta: state.settings.beta,
    ...more,
  });
}
