/** From USD to colour: scales, steps and palettes. */

export type ScaleName = "linear" | "sqrt" | "log";
export const SCALES: readonly ScaleName[] = ["linear", "sqrt", "log"];

/** What the colours span: what is in view, or everything. */
export const CONTRASTS = ["view", "whole"] as const;
export type ContrastName = (typeof CONTRASTS)[number];

/** Anchors from sparse to dense, interpolated linearly in sRGB. */
const ANCHORS = {
  plasma: "1d0c45 3a1073 5a1592 7b1d9c 9c2793 ba3683 d34a6f e7625a f57f43 fba12f fcc627 f4ef45",
  viridis: "2a0a45 443983 3b528b 31688e 287c8e 21918c 1fa088 35b779 6ece58 a5db36 d2e21b fde725",
  cividis: "00204c 00306f 2f3f6d 4a4f6c 5e5f6e 717072 848279 989376 aea571 c5b869 ddcc5c fee838",
  inferno: "0c0826 240c4f 420a68 5d126e 781c6d 932667 ae305c c73e4c dd513a ed6925 f98e09 fcffa4",
  greys: "1b1a22 e9e8ee", // of the estimate where something else has the colours
} as const;

export type PaletteName = keyof typeof ANCHORS;
/** Those on offer. */
export const PALETTES: readonly PaletteName[] = (Object.keys(ANCHORS) as PaletteName[]).filter(
  (name) => name !== "greys",
);

/** Steps of a palette; step 0 is "not painted", steps 1 to 255 are colours. */
export const STEPS = 256;

/** Cells below this share of the brightest cell are not painted; the log scale starts here. */
export const FLOOR = 1e-3;

/** Colours of a palette as [r, g, b] by step - 1, shape (255, 3). */
export function paletteOf(name: PaletteName): Uint8Array {
  const anchors = ANCHORS[name].split(" ").map((hex) => [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)));
  const colours = new Uint8Array((STEPS - 1) * 3);
  for (let step = 0; step < STEPS - 1; step++) {
    const place = (step / (STEPS - 2)) * (anchors.length - 1);
    const i = Math.min(Math.floor(place), anchors.length - 2);
    for (let c = 0; c < 3; c++) {
      const value = anchors[i]![c]! + (anchors[i + 1]![c]! - anchors[i]![c]!) * (place - i);
      colours[step * 3 + c] = Math.floor(value + 0.5);
    }
  }
  return colours;
}

/** Palette as RGBA pixels by step, little-endian, step 0 transparent. */
export function pixelsOf(name: PaletteName): Uint32Array {
  const colours = paletteOf(name);
  const pixels = new Uint32Array(STEPS);
  for (let s = 1; s < STEPS; s++) {
    pixels[s] = (255 << 24) | (colours[s * 3 - 1]! << 16) | (colours[s * 3 - 2]! << 8) | colours[s * 3 - 3]!;
  }
  return pixels;
}

/** The range of USD that the palette spans. */
export interface Span {
  low: number;
  high: number;
}

/** Span of a threshold, whose two handles are shares of the brightest cell. */
export function spanOf(brightest: number, threshold: readonly [number, number]): Span {
  const low = Math.max(threshold[0], FLOOR) * brightest;
  return { low, high: Math.max(threshold[1] * brightest, low * (1 + 1e-6)) };
}

/** Position in [0, 1] of a value on the colour bar. */
export function positionOf(value: number, { low, high }: Span, scale: ScaleName): number {
  const x = scale === "log" ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  const u = Math.min(Math.max(x, 0), 1);
  return scale === "sqrt" ? Math.sqrt(u) : u;
}

/** Value at a position in [0, 1] of the colour bar: the inverse of positionOf. */
export function valueAt(position: number, { low, high }: Span, scale: ScaleName): number {
  if (scale === "log") return low * (high / low) ** position;
  return low + (high - low) * (scale === "sqrt" ? position * position : position);
}

/**
 * Lower edges of the steps 1 to 255, as float32 bits, ascending: the step of a value is the number of
 * edges at or below it. Floats >= 0 sort like their bits, so integers are compared instead of floats.
 */
export function stepEdges(span: Span, scale: ScaleName): Uint32Array {
  const edges = new Float32Array(STEPS - 1);
  for (let k = 0; k < STEPS - 1; k++) edges[k] = valueAt(k / (STEPS - 1), span, scale);
  return new Uint32Array(edges.buffer);
}

/** Initial guess of the step from the upper 16 bits of a value: exact for the smallest such value, never too high. */
export function stepTable(edges: Uint32Array): Uint8Array {
  const table = new Uint8Array(0x7f81);
  let step = 0;
  for (let upper = 0; upper < table.length; upper++) {
    while (step < edges.length && edges[step]! <= upper << 16) step++;
    table[upper] = step;
  }
  return table;
}
