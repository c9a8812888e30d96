// The energy along a run, drawn by uPlot.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { theme } from "./colours";
import type { Run } from "./memory";

const COLOURS = { light: ["#0072b2", "#d55e00"], dark: ["#56b4e9", "#e69f00"] };

/** The range of an axis of energies: never so small that rounding looks like a rise. */
function span(_: uPlot, low: number, high: number): uPlot.Range.MinMax {
  const least = 1e-3 * Math.max(1, Math.abs(low), Math.abs(high));
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  return uPlot.rangeNum(low, high, 0.1, true);
}

export class Curve {
  private chart: uPlot | null = null;
  private names = "";

  constructor(private readonly place: HTMLElement) {
    new ResizeObserver(() => this.resize()).observe(place);
  }

  private resize(): void {
    this.chart?.setSize({ width: this.place.clientWidth, height: 190 });
  }

  /** Forget the drawing, so that the next one has the colours of the theme. */
  reset(): void {
    this.chart?.destroy();
    this.chart = null;
  }

  draw(runs: Run[], names: string[]): void {
    const longest = runs.reduce((a, b) => (b.times.length > a.times.length ? b : a));
    const rows = runs.map((run) => longest.times.map((_, n) => run.energy[Math.min(n, run.energy.length - 1)]));
    const data = [longest.times, ...rows] as uPlot.AlignedData;
    if (!this.chart || this.names !== names.join()) {
      this.reset();
      this.names = names.join();
      const { ink, faint, dark } = theme();
      const colours = dark ? COLOURS.dark : COLOURS.light;
      const axis = { stroke: ink, grid: { stroke: faint, width: 1 }, ticks: { stroke: faint }, font: "12px system-ui" };
      this.chart = new uPlot(
        {
          width: this.place.clientWidth || 320,
          height: 190,
          cursor: { y: false },
          legend: { show: names.length > 1, live: false, markers: { fill: (_, k) => colours[k - 1] } },
          scales: { x: { time: false }, ...Object.fromEntries(names.map((_, k) => [`y${k}`, { range: span }])) },
          series: [
            { label: "t (tau_value)" },
            ...names.map((name, k) => ({
              label: `E, ${name}`,
              stroke: colours[k],
              width: 2,
              scale: `y${k}`,
              value: (_: uPlot, value: number | null) => (value === null ? "" : value.toPrecision(6)),
            })),
          ],
          axes: [
            { ...axis, label: "t (tau_value)", labelSize: 18, labelFont: "12px system-ui" },
            ...names.map((_, k) => ({ ...axis, scale: `y${k}`, side: k ? 1 : 3, size: 54, grid: { ...axis.grid, show: !k }, label: `energy, ${names[k]}`, labelSize: 16, labelFont: "12px system-ui" })),
          ] as uPlot.Axis[],
        },
        data,
        this.place,
      );
    } else this.chart.setData(data);
  }
}
