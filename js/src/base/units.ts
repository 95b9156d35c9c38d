/** Numbers and times as text. */

const UNITS = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
  [1, ""],
] as const;

/**
 * An amount with three significant figures: $1.24B, $3.1M, $12K, $950. Twin of checks.usd_text.
 *
 * @param currency - the market's currency if it is not USD: 1.24B BTC; "" for USD
 */
export function usd(value: number, currency = ""): string {
  const amount = rounded(Math.abs(value), 3);
  const [size, unit] = UNITS.find(([least]) => least <= amount) ?? [1, ""];
  return `${value < 0 && amount > 0 ? "-" : ""}${inCurrency(`${general(amount / size, 6)}${unit}`, currency)}`;
}

/** A number >= 0 of coins with at most two decimals, small ones with three figures: 98.35K, 1.2M, 950, 0.00123. */
export function coins(value: number): string {
  if (value < 1) return String(rounded(value, 3));
  const decimals = (amount: number): number => Number(amount.toFixed(2));
  const [size, unit] = UNITS.find(([least]) => decimals((value / least) * 1000) >= 1000) ?? [1, ""];
  return `${decimals(value / size)}${unit}`;
}

/** A number as text with its currency; "" for USD. */
export const inCurrency = (text: string, currency: string): string =>
  currency === "" ? `$${text}` : `${text} ${currency}`;

/** A number >= 0 rounded to significant figures as Python does: exact ties go to even, while toPrecision rounds up. */
function rounded(value: number, figures: number): number {
  const [digits, power] = value.toExponential(29).split("e") as [string, string];
  const head = digits.slice(0, figures + 1);
  const tie = /[02468]$/.test(head) && /^50*$/.test(digits.slice(figures + 1));
  return Number(tie ? `${head}e${power}` : value.toPrecision(figures));
}

/** A number >= 0 formatted like Python's `format(value, f".{figures}g")`. */
export function general(value: number, figures: number): string {
  const shown = rounded(value, figures);
  const [digits, power] = shown.toExponential().split("e") as [string, string];
  if (+power >= -4 && +power < figures) return String(shown);
  return `${digits}e${power.replace(/\b\d$/, "0$&")}`;
}

/** Price with the symbol's decimals and thousands separators. */
export function price(value: number, decimals: number): string {
  const [whole, part] = Math.abs(value).toFixed(decimals).split(".") as [string, string?];
  return `${value < 0 ? "−" : ""}${whole.replace(/\B(?=(\d{3})+$)/g, ",")}${part ? `.${part}` : ""}`;
}

/** Decimals that a step such as 0.05 or 250 needs, at most 12. */
export function decimalsOf(step: number): number {
  for (let d = 0; d < 12; d++) if (Math.abs(Number(step.toFixed(d)) - step) <= step * 1e-9) return d;
  return 12;
}

/** A fraction as a signed percentage: +1.42 %. */
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

/** A duration in hours as text: 35 min, 18 h, 2.4 d. */
export function duration(hours: number): string {
  if (hours < 59.5 / 3600) return `${Math.round(hours * 3600)} s`;
  if (hours < 59.5 / 60) return `${Math.round(hours * 60)} min`;
  if (hours < 47.5) return `${hours < 9.95 ? hours.toFixed(1) : Math.round(hours)} h`;
  const days = hours / 24;
  return `${days < 9.95 ? Number(days.toFixed(1)) : Math.round(days)} d`;
}

/** A decay rate per hour as a half-life, worded as in Python's Turnover.caption. */
export function halfLife(rate: number): string {
  if (!(rate > 0)) return "nothing closes by itself";
  const hours = Math.LN2 / rate;
  return `half closes within ${hours < 48 ? `${general(hours, 3)} h` : `${general(hours / 24, 3)} d`}`;
}
