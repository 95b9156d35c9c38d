/** Positions of cells on screen: affine maps, and cropping a bitmap to the part in view. */

/** `pixel = origin + index * unit`. */
export interface Affine {
  origin: number;
  unit: number;
}

/** The affine map through two points. */
export function affineThrough(a: number, pixelA: number, b: number, pixelB: number): Affine {
  const unit = (pixelB - pixelA) / (b - a);
  return { origin: pixelA - a * unit, unit };
}

export const apply = (map: Affine, index: number): number => map.origin + index * map.unit;
export const invert = (map: Affine, pixel: number): number => (pixel - map.origin) / map.unit;

/** One axis of a drawImage call: source start and size in bitmap pixels, target start and size on screen. */
export interface Strip {
  source: number;
  sourceSize: number;
  target: number;
  targetSize: number;
}

/**
 * Crop `count` bitmap pixels, positioned by `map`, to the screen range [0, size]; null if none is in view.
 * Only whole bitmap pixels are kept, so that their edges stay where the map puts them.
 */
export function visibleStrip(map: Affine, count: number, size: number): Strip | null {
  const first = Math.max(Math.floor(invert(map, 0)), 0);
  const last = Math.min(Math.ceil(invert(map, size)), count);
  if (!(last > first) || !(map.unit > 0)) return null;
  const target = apply(map, first);
  return { source: first, sourceSize: last - first, target, targetSize: apply(map, last) - target };
}
