// Colours that a colour-blind reader can tell apart (Okabe and Ito's), and those of the theme.

const FAMILY = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a900", "#7a5195"];

export type RGB = [number, number, number];

function rgb(hex: string): RGB {
  if (hex.length === 4) return [1, 2, 3].map((at) => 17 * parseInt(hex[at], 16)) as RGB; // as minifiers write #ffffff
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as RGB;
}

/** The colour of a pattern; those beyond eight come again, lighter and darker. */
export function patternColour(i: number): string {
  const [r, g, b] = patternRGB(i);
  return `rgb(${r} ${g} ${b})`;
}

export function patternRGB(i: number): RGB {
  const base = rgb(FAMILY[i % FAMILY.length]);
  const round = Math.floor(i / FAMILY.length) % 3;
  const towards = round === 1 ? 255 : 0;
  const part = round === 0 ? 0 : 0.35;
  return base.map((c) => Math.round(c + part * (towards - c))) as RGB;
}

export interface Theme {
  dark: boolean;
  ink: string;
  faint: string;
  paper: RGB;
  accent: string;
}

export function theme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    dark: document.documentElement.dataset.theme === "dark",
    ink: read("--ink"),
    faint: read("--faint"),
    paper: rgb(read("--paper")),
    accent: read("--accent"),
  };
}
