import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ASK_MS, hostOf, isOver, KernelWatch, kernelState, kernelWords } from "../src/kernel";

const manager = (status: string, connectionStatus = "connected") => ({ kernel: { status, connectionStatus } });

describe("what the host says", () => {
  it.each([
    [manager("idle"), "idle"],
    [manager("busy"), "busy"],
    [manager("dead"), "dead"],
    [manager("terminating"), "dead"],
    [manager("autorestarting"), "restarting"],
    [manager("idle", "connecting"), "disconnected"],
    [manager("busy", "disconnected"), "disconnected"],
    [manager("dead", "disconnected"), "dead"],
    [{ kernel: null }, "dead"],
    [{ kernel: { status: "idle", isDisposed: true } }, "dead"],
    [{ kernel: undefined }, "unknown"],
    [{ kernel: { status: 7 } }, "unknown"],
    [{}, "unknown"],
    [undefined, "unknown"],
    ["kernel", "unknown"],
  ])("reads %j as %s", (value, host) => expect(hostOf(value)).toBe(host));
});

describe("what that means", () => {
  it("waits before it says anything of a host that seems alive", () => {
    for (const host of ["idle", "busy", "unknown"] as const) {
      expect(kernelState(host, null)).toBe("answers");
      expect(kernelState(host, 3_999)).toBe("answers");
    }
    expect(kernelState("idle", 4_000)).toBe("lost");
    expect(kernelState("busy", 4_000)).toBe("busy");
    expect(kernelState("unknown", 4_000)).toBe("silent");
  });

  it("says at once what the host knows", () => {
    expect(kernelState("dead", null)).toBe("ended");
    expect(kernelState("disconnected", null)).toBe("disconnected");
    expect(kernelState("restarting", null)).toBe("restarting");
  });

  it("has words and a cure for each state", () => {
    expect(kernelWords("answers", "x")).toBe("");
    for (const state of ["silent", "lost", "ended"] as const)
      expect(kernelWords(state, "turn round")).toContain("turn round");
    for (const state of ["silent", "restarting", "lost", "disconnected", "ended"] as const) {
      expect(kernelWords(state, "x")).toContain("The last picture stays");
    }
    expect(isOver("lost") && isOver("ended")).toBe(true);
    expect(isOver("busy") || isOver("silent") || isOver("disconnected")).toBe(false);
  });
});

describe("the watch", () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => void vi.useRealTimers());

  const watched = (host: { value: unknown }) => {
    const states: string[] = [];
    const end = new AbortController();
    const watch: KernelWatch = new KernelWatch(
      () => host.value,
      () => states.push(watch.state),
      end.signal,
    );
    const beat = setInterval(() => watch.asked(), ASK_MS);
    watch.asked();
    return { watch, states, end, stop: () => clearInterval(beat) };
  };

  it("tells of a silent kernel within ten seconds, whenever it died, and of one that answers again", () => {
    for (let died = 0; died < ASK_MS; died += 500) {
      const { watch, states, stop } = watched({ value: undefined });
      watch.answered();
      vi.advanceTimersByTime(died);
      const at = Date.now();
      while (states.length === 0) vi.advanceTimersByTime(100);
      expect(states).toEqual(["silent"]);
      expect(Date.now() - at).toBeLessThanOrEqual(9_000);
      watch.answered();
      expect(states).toEqual(["silent", "answers"]);
      stop();
    }
  });

  it("says nothing while answers come, however slowly", () => {
    const { watch, states, stop } = watched({ value: manager("idle") });
    for (let i = 0; i < 20; i++) {
      vi.advanceTimersByTime(3_500);
      watch.answered();
    }
    expect(states).toEqual([]);
    stop();
  });

  it("does not count the time that a page slept", () => {
    const { watch, states, stop } = watched({ value: manager("idle") });
    watch.answered();
    stop();
    watch.asked();
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(4_000);
    expect(states).toEqual([]);
    watch.asked();
    expect(states).toEqual([]);
  });

  it("is quiet once its view has gone", () => {
    const { states, end, stop } = watched({ value: manager("idle") });
    stop();
    end.abort();
    vi.advanceTimersByTime(60_000);
    expect(states).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
