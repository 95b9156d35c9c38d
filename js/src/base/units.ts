/** Numbers and times in words. */

/** USD with three figures: $1.24M, $830k. */
export function usd(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  for (const [unit, name] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (size >= unit * 0.9995) return `${sign}$${figures(size / unit)}${name}`;
  }
  return size === 0 ? "$0" : `${sign}$${size >= 0.01 ? figures(size) : size.toExponential(1)}`;
}

function figures(size: number): string {
  return size.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/** Price with the symbol's own decimals and thin thousands. */
export function price(value: number, decimals: number): string {
  const [whole, part] = Math.abs(value).toFixed(decimals).split(".") as [string, string?];
  return `${value < 0 ? "−" : ""}${whole.replace(/\B(?=(\d{3})+$)/g, ",")}${part ? `.${part}` : ""}`;
}

/** Decimals that a step such as 0.05 or 250 needs, at most 12. */
export function decimalsOf(step: number): number {
  for (let d = 0; d < 12; d++) if (Math.abs(Number(step.toFixed(d)) - step) <= step * 1e-9) return d;
  return 12;
}

/** Signed percent of a fraction: +1.42 %. */
export function percent(fraction: number, digits = 2): string {
  const value = fraction * 100;
  return `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(digits)} %`;
}

/** Time in UTC: 2026-02-05 13:35. */
export function utc(ms: number, seconds = false): string {
  return new Date(ms)
    .toISOString()
    .slice(0, seconds ? 19 : 16)
    .replace("T", " ");
}

/** A length of time in words: 35 min, 18 h, 2.4 days. */
export function duration(hours: number): string {
  if (hours < 59.5 / 3600) return `${Math.round(hours * 3600)} s`;
  if (hours < 59.5 / 60) return `${Math.round(hours * 60)} min`;
  if (hours < 47.5) return `${hours < 9.95 ? hours.toFixed(1) : Math.round(hours)} h`;
  const days = hours / 24;
  return `${days < 9.95 ? days.toFixed(1) : Math.round(days)} days`;
}

/** What a decay rate per hour means. */
export function halfLife(rate: number): string {
  return rate > 0 ? `half closes within ${duration(Math.LN2 / rate)}` : "nothing closes by itself";
}
