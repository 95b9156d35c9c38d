import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Clock } from "../../src/base/clock";
import { pillOf } from "../../src/panels/live_pill";

const NOON = Date.UTC(2026, 1, 5, 12, 0);
const DAY = Date.UTC(2026, 1, 5);
const local = (): Clock => Object.assign(new Clock(), { local: true });
const before = process.env.TZ;
const setZone = (zone: string | undefined): void => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
};

describe("a clock", () => {
  beforeAll(() => setZone("Asia/Kolkata"));
  afterAll(() => setZone(before));

  test("shows UTC by default, in any time zone", () => {
    expect(new Clock().stamp(NOON)).toBe("2026-02-05 12:00 UTC");
    expect(new Clock().tick(NOON, 3)).toBeNull();
    expect(new Clock().tick(DAY, 2)).toBe("5 Feb");
  });

  test.each([
    ["Asia/Kolkata", "2026-02-05 17:30 UTC+5:30"],
    ["America/St_Johns", "2026-02-05 08:30 UTC−3:30"],
    ["Europe/Berlin", "2026-02-05 13:00 UTC+1"],
    ["Europe/London", "2026-02-05 12:00 UTC+0"],
    ["Pacific/Auckland", "2026-02-06 01:00 UTC+13"],
  ])("tells the time in %s and how far that is from UTC", (zone, stamp) => {
    setZone(zone);
    expect(local().stamp(NOON)).toBe(stamp);
  });

  test("accounts for daylight saving time", () => {
    setZone("Europe/Berlin");
    expect(local().stamp(Date.UTC(2026, 6, 1))).toBe("2026-07-01 02:00 UTC+2");
  });

  test("labels days at local midnight, and shows the hour at UTC midnight", () => {
    setZone("Europe/Berlin");
    expect(local().tick(DAY, 2)).toBe("5 Feb 01:00");
    expect(local().tick(DAY - 3_600_000, 3)).toBe("5 Feb");
    expect(local().tick(NOON, 3)).toBe("13:00");
  });

  test("formats the pill's times, too", () => {
    setZone("Asia/Kolkata");
    const live = { state: "stopped", since: NOON, last: null, message: "", everyMs: 1000, heard: null } as const;
    expect(pillOf(live, NOON, local()).text).toBe("stopped since 17:30 UTC+5:30");
    expect(pillOf(live, NOON).text).toBe("stopped since 12:00 UTC");
    expect(pillOf(live, NOON + 86_400_000, local()).text).toBe("stopped since 02-05 17:30 UTC+5:30");
  });
});
