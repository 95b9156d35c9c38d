import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Asking, NO_ANSWER, PATIENCE_MS } from "../../src/source/file_request";

const bytes = (...values: number[]): DataView => new DataView(Uint8Array.from([0, ...values]).buffer, 1);
let sent: string[] = [];
let asking: Asking;
let signal: AbortController;
const ask = (): Promise<Uint8Array> => asking.ask((id) => sent.push(id));

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  signal = new AbortController();
  asking = new Asking(signal.signal);
});
afterEach(() => {
  vi.useRealTimers();
});

test("an answer resolves to its bytes, then the next request is possible", async () => {
  for (const value of [7, 8]) {
    const answer = ask();
    asking.answer({ id: sent.at(-1), problem: "" }, bytes(1, value));
    expect([...(await answer)]).toEqual([1, value]);
  }
  expect(sent[0]).not.toBe(sent[1]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a problem rejects with its text", async () => {
  const answer = ask();
  asking.answer({ id: sent[0], problem: "<b>no</b>" }, undefined);
  await expect(answer).rejects.toThrow("<b>no</b>");
});

test("only one request runs at a time, and a refused one is not sent", async () => {
  const first = ask();
  await expect(ask()).rejects.toThrow("another table is being made");
  expect(sent.length).toBe(1);
  asking.answer({ id: sent[0] }, bytes(5));
  expect([...(await first)]).toEqual([5]);
});

test("a missing answer times out, and a late one is ignored", async () => {
  const answer = ask();
  vi.advanceTimersByTime(PATIENCE_MS - 1);
  const second = ask();
  await expect(second).rejects.toThrow("another");
  vi.advanceTimersByTime(1);
  await expect(answer).rejects.toThrow(NO_ANSWER);
  const again = ask();
  asking.answer({ id: sent[0] }, bytes(1));
  asking.answer({ id: "" }, bytes(2));
  asking.answer({}, bytes(3));
  asking.answer({ id: sent[1] }, bytes(4));
  expect([...(await again)]).toEqual([4]);
});

test("answers without a request are ignored", () => {
  asking.answer({ id: "" }, bytes(1));
  asking.answer({}, bytes(1));
  expect(vi.getTimerCount()).toBe(0);
});

test("no timer remains once the source is gone", () => {
  void ask();
  expect(vi.getTimerCount()).toBe(1);
  signal.abort();
  expect(vi.getTimerCount()).toBe(0);
});
