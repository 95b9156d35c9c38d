import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ASK_MS, hostOf, isAlone, isOver, KernelWatch, kernelState, kernelWords } from "../../src/source/kernel";

const manager = (status: string, connectionStatus = "connected") => ({ kernel: { status, connectionStatus } });

describe("the state of the host", () => {
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

describe("the state that is shown", () => {
  it("waits before it reports a host that seems alive", () => {
    for (const host of ["idle", "busy", "unknown"] as const) {
      expect(kernelState(host, null)).toBe("answers");
      expect(kernelState(host, 3_499)).toBe("answers");
    }
    expect(kernelState("idle", 3_500)).toBe("lost");
    expect(kernelState("idle", 3_500, false)).toBe("saved");
    expect(kernelState("busy", 3_500)).toBe("busy");
    expect(kernelState("unknown", 3_500)).toBe("silent");
  });

  it("reports at once what the host knows", () => {
    expect(kernelState("dead", null)).toBe("ended");
    expect(kernelState("disconnected", null)).toBe("disconnected");
    expect(kernelState("restarting", null)).toBe("restarting");
  });

  it("has a text and advice for each state", () => {
    expect(kernelWords("answers", "x")).toBe("");
    expect(kernelWords("saved", "run its cell again")).toMatch(/^As saved: .* run its cell\.$/);
    expect(kernelWords("absent", "run its cell again")).not.toContain("run");
    for (const state of ["silent", "lost", "ended"] as const)
      expect(kernelWords(state, "turn round")).toContain("turn round");
    for (const state of ["silent", "restarting", "lost", "disconnected", "ended"] as const) {
      expect(kernelWords(state, "x")).toContain("The last picture stays");
    }
    expect(isOver("lost") && isOver("ended")).toBe(true);
    expect((["saved", "absent", "lost", "ended"] as const).every(isAlone)).toBe(true);
    expect((["answers", "busy", "silent", "restarting", "disconnected"] as const).some(isAlone)).toBe(false);
    expect(isOver("busy") || isOver("saved") || isOver("silent") || isOver("disconnected")).toBe(false);
  });
});

it("takes a view that no kernel ever answered for one of a saved notebook", () => {
  const manager = { kernel: { status: "idle", connectionStatus: "connected" } };
  const end = new AbortController();
  const watch = new KernelWatch(
    () => manager,
    () => undefined,
    end.signal,
  );
  watch.asked(0);
  watch.isDue("a", 4_000);
  expect(watch.state).toBe("saved");
  watch.answered();
  expect(watch.state).toBe("answers");
  watch.asked(10_000);
  watch.isDue("a", 14_000);
  expect(watch.state).toBe("lost");
  end.abort();
});

describe("due pings", () => {
  const told = () => {
    const slots = new Set<() => void>();
    const statusChanged = { connect: (f: () => void) => slots.add(f), disconnect: (f: () => void) => slots.delete(f) };
    const kernel = { status: "idle", connectionStatus: "connected", statusChanged };
    const change = (status: string): void => {
      kernel.status = status;
      for (const slot of slots) slot();
    };
    return { manager: { kernel }, change, slots };
  };

  it("are rare if the host reports the end of a kernel, and frequent otherwise", () => {
    const host = told();
    const end = new AbortController();
    const watch = new KernelWatch(
      () => host.manager,
      () => undefined,
      end.signal,
    );
    expect(watch.isDue("a", 0)).toBe(true);
    watch.answered();
    expect([watch.isDue("a", 4_000), watch.isDue("b", 4_000)]).toEqual([false, true]); // separately for each view
    expect([watch.isDue("a", 19_999), watch.isDue("a", 20_000)]).toEqual([false, true]);
    const alone = new KernelWatch(
      () => undefined,
      () => undefined,
      end.signal,
    );
    alone.answered();
    expect([alone.isDue("a", 0), alone.isDue("a", 1)]).toEqual([true, true]);
    end.abort();
  });

  it("come as soon as the kernel has changed", () => {
    const host = told();
    const end = new AbortController();
    const states: string[] = [];
    const watch: KernelWatch = new KernelWatch(
      () => host.manager,
      () => states.push(watch.state),
      end.signal,
    );
    watch.isDue("a", 0);
    watch.answered();
    host.change("busy");
    host.change("idle");
    expect(watch.isDue("a", 1)).toBe(false);
    host.change("autorestarting");
    host.change("idle"); // before anything was due
    expect(states).toEqual(["restarting"]);
    expect(watch.isDue("a", 2)).toBe(true);
    watch.answered();
    watch.doubt();
    expect(watch.isDue("a", 3)).toBe(true);
    watch.answered();
    host.change("busy");
    expect(watch.isDue("a", 4)).toBe(true); // it may be busy for long
    expect(host.slots.size).toBe(1);
    end.abort();
    expect(host.slots.size).toBe(0);
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

  it("reports a silent kernel within ten seconds, and one that answers again", () => {
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

  it("reports nothing while answers arrive, however slowly", () => {
    const { watch, states, stop } = watched({ value: manager("idle") });
    for (let i = 0; i < 20; i++) {
      vi.advanceTimersByTime(3_400);
      watch.answered();
    }
    expect(states).toEqual([]);
    stop();
  });

  it("does not count time during which the page was suspended", () => {
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

  it("stops when its view is gone", () => {
    const { states, end, stop } = watched({ value: manager("idle") });
    stop();
    end.abort();
    vi.advanceTimersByTime(60_000);
    expect(states).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
