/** Binary search in sorted arrays. */

/** Last index of an ascending array whose value is at most `value`; -1 if there is none. */
export function lastAtMost(values: ArrayLike<number>, value: number): number {
  let low = 0;
  for (let high = values.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
