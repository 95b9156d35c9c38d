import { describe, expect, test } from "vitest";
import { pillOf } from "../../src/panels/live_pill";
import type { Live } from "../../src/source/settings";

const NOON = Date.UTC(2026, 10, 23, 12, 0, 0);
const feed = (facts: Partial<Live>): Live => ({
  state: "live",
  since: NOON - 60_000,
  last: NOON,
  message: "",
  everyMs: 5000,
  heard: null,
  ...facts,
});

describe("the pill", () => {
  test.each([
    [{}, 400, "live", "live · now"],
    [{}, 3200, "live", "live · 3 s ago"],
    [{ message: "no liquidations" }, 400, "live", "live · now: no liquidations"],
    [{}, 15_000, "live", "live · 15 s ago"],
    [{}, 15_001, "delayed", "delayed 15 s"],
    [{}, 40_000, "delayed", "delayed 40 s"],
    [{}, 600_000, "delayed", "delayed 10 min"],
    [{ everyMs: 300_000 }, 840_000, "live", "live · 14 min ago"],
    [{ last: null }, 40_000, "live", "live"],
    [{ state: "delayed" }, 4000, "delayed", "delayed 4 s"],
    [{ state: "delayed", message: "the venue is slow" }, 40_000, "delayed", "delayed 40 s: the venue is slow"],
    [{ state: "delayed", last: null }, 0, "delayed", "delayed"],
    [{ state: "disconnected", since: NOON + 180_000 }, 400_000, "disconnected", "disconnected since 12:03 UTC"],
    [{ state: "disconnected", since: null }, 0, "disconnected", "disconnected"],
    [{ state: "stopped", message: "no view is open" }, 0, "stopped", "stopped: no view is open"],
    [{ state: "stopped", since: NOON }, 9000, "stopped", "stopped since 12:00 UTC"],
    [{ state: "off" }, 1e6, "off", ""],
  ] as [Partial<Live>, number, string, string][])("%j after %i ms is %s: %s", (facts, after, state, text) => {
    expect(pillOf(feed(facts), NOON + after)).toMatchObject({ state, text });
  });

  test("a day later the date is shown too", () => {
    const text = pillOf(feed({ state: "disconnected", since: NOON }), NOON + 24 * 3_600_000).text;
    expect(text).toBe("disconnected since 11-23 12:00 UTC");
  });

  test("the age of messages is measured by the page's own clock, not the kernel's", () => {
    const ahead = feed({ last: NOON + 3_600_000, heard: NOON });
    expect(pillOf(ahead, NOON + 2500).text).toBe("live · 2 s ago");
    expect(pillOf(ahead, NOON + 40_000).text).toBe("delayed 40 s");
    expect(pillOf(feed({ last: NOON + 60_000 }), NOON).text).toBe("live · now"); // the kernel's clock is ahead
  });

  test("the announced text does not change every second", () => {
    const spoken = [0, 1000, 7000, 15_000].map((after) => pillOf(feed({}), NOON + after).spoken);
    expect(new Set(spoken)).toEqual(new Set(["live"]));
    const late = [16_000, 17_000, 600_000].map((after) => pillOf(feed({}), NOON + after).spoken);
    expect(new Set(late)).toEqual(new Set(["delayed"]));
    expect(pillOf(feed({ state: "stopped", message: "x" }), NOON).spoken).toBe("stopped: x");
  });
});
