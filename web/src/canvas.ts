// A canvas that is as sharp as the screen, and pointers on it.

/** Fit the canvas's pixels to its place on the page; returns its size in CSS pixels. */
export function sharpen(canvas: HTMLCanvasElement): { context: CanvasRenderingContext2D; width: number; height: number } {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser has no canvas.");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

export interface Drag {
  x: number;
  y: number;
  dx: number;
  dy: number;
}

/** Mouse, pen and touch alike: `press` says whether it takes the pointer, `move` follows it until it is let go. */
export function pointers(
  canvas: HTMLCanvasElement,
  press: (x: number, y: number, event: PointerEvent) => boolean,
  move: (drag: Drag) => void,
  release: () => void = () => {},
): void {
  let last: { x: number; y: number } | null = null;
  const place = (event: PointerEvent): { x: number; y: number } => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  canvas.style.touchAction = "none";
  canvas.addEventListener("pointerdown", (event) => {
    const at = place(event);
    if (!press(at.x, at.y, event)) return;
    last = at;
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
    canvas.focus({ preventScroll: true });
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const at = place(event);
    move({ ...at, dx: at.x - last.x, dy: at.y - last.y });
    last = at;
  });
  const end = (): void => {
    if (last) release();
    last = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}
