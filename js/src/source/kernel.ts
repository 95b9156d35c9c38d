/** Whether the kernel behind a picture answers, and what that means in words. */

/** Views look so often whether there is something to ask. */
export const ASK_MS = 4_000;
/** Where the page's own Jupyter tells of a kernel's end, a question is a sign of life and no more: each costs it work. */
const REST_MS = 20_000;
/** An answer that takes longer is missing. */
const PATIENCE_MS = 3_500;

/** How the page's own Jupyter says the kernel is; "unknown" where there is none to ask. */
export type Host = "idle" | "busy" | "restarting" | "disconnected" | "dead" | "unknown";

export type KernelState = "answers" | "busy" | "silent" | "restarting" | "lost" | "disconnected" | "ended";

/** States that no waiting mends: the view has to be made anew. */
export const isOver = (state: KernelState): boolean => state === "lost" || state === "ended";

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Read what a widget manager knows of its kernel; managers of other hosts may be anything. */
export function hostOf(manager: unknown): Host {
  if (!isRecord(manager) || !("kernel" in manager)) return "unknown";
  const { kernel } = manager;
  if (kernel === null) return "dead"; // it was shut down
  if (!isRecord(kernel)) return "unknown";
  const { status, connectionStatus } = kernel;
  if (kernel.isDisposed === true || status === "dead" || status === "terminating") return "dead";
  if (status === "restarting" || status === "autorestarting") return "restarting";
  if (connectionStatus === "connecting" || connectionStatus === "disconnected") return "disconnected";
  return status === "busy" ? "busy" : status === "idle" ? "idle" : "unknown";
}

/** Make a state of what the host says and of how long an answer has been missing, ms; null: none is. */
export function kernelState(host: Host, missing: number | null): KernelState {
  if (host === "dead") return "ended";
  if (host === "restarting" || host === "disconnected") return host;
  if (missing === null || missing < PATIENCE_MS) return "answers";
  return host === "busy" ? "busy" : host === "idle" ? "lost" : "silent";
}

const STAYS = "The last picture stays, an estimate of then; leverage mix and decay rate go on working.";

/**
 * What a reader is told; "" while all is well.
 *
 * @param again - how this page makes a view anew
 */
export function kernelWords(state: KernelState, again: string): string {
  switch (state) {
    case "answers":
      return "";
    case "busy":
      return "The kernel is busy with something else: bin size, candles and files wait for it.";
    case "silent":
      return `Python does not answer: it is busy, or has ended. ${STAYS} If this does not pass, ${again}.`;
    case "restarting":
      return `The kernel is starting anew. ${STAYS}`;
    case "lost":
      return `The kernel does not answer for this view: it was started anew, or it hangs. ${STAYS} To bring it back, ${again}.`;
    case "disconnected":
      return `No connection to the kernel; trying again. ${STAYS}`;
    case "ended":
      return `The kernel of this view has ended. ${STAYS} To bring it back, ${again}.`;
  }
}

/** What is told of changes: a Lumino signal. */
interface Signal {
  connect(slot: () => void): void;
  disconnect(slot: () => void): void;
}

const isSignal = (value: unknown): value is Signal =>
  isRecord(value) && typeof value.connect === "function" && typeof value.disconnect === "function";

/** Keeps account of questions and answers. */
export class KernelWatch {
  state: KernelState = "answers";
  #missingSince: number | null = null;
  #asked = 0;
  /** When each view asked last. */
  readonly #views = new Map<string, number>();
  /** Something has happened to the kernel since it answered. */
  #doubt = true;
  #kernel: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param manager - the widget manager, asked at every look
   * @param changed - called when the state is another one
   */
  constructor(
    private readonly manager: () => unknown,
    private readonly changed: () => void,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Tell whether a view that wants to ask should. */
  isDue(view: string, now = Date.now()): boolean {
    this.#listen();
    this.#look(now);
    const told = isSignal((this.#kernel as Record<string, unknown> | null)?.statusChanged);
    const last = this.#views.get(view) ?? -Infinity;
    const rests = told && !this.#doubt && this.#missingSince === null && hostOf(this.manager()) === "idle";
    if (rests && now - last < REST_MS) return false;
    this.#views.set(view, now);
    return true;
  }

  /** Something waits for an answer: ask as soon as there is an occasion. */
  doubt(): void {
    this.#doubt = true;
  }

  /** Hear of the kernel's changes, whichever it is now. */
  #listen(): void {
    const manager = this.manager();
    const kernel = isRecord(manager) ? manager.kernel : null;
    if (kernel === this.#kernel) return;
    this.#kernel = kernel;
    this.#doubt = true;
    const changes = isRecord(kernel) ? kernel.statusChanged : null;
    if (!isSignal(changes)) return;
    const heard = (): void => {
      const host = hostOf(this.manager());
      if (host === "idle" || host === "busy") return;
      this.doubt();
      this.#look();
    };
    changes.connect(heard);
    this.signal.addEventListener("abort", () => changes.disconnect(heard));
  }

  /** A question goes out. */
  asked(now = Date.now()): void {
    // A page that slept has not waited.
    if (this.#missingSince === null || now - this.#asked > 2 * ASK_MS) this.#missingSince = now;
    this.#asked = now;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (Date.now() - now < 2 * PATIENCE_MS) this.#look(); // else it slept, and asks again
    }, PATIENCE_MS);
    this.#look(now);
  }

  answered(): void {
    this.#missingSince = null;
    this.#doubt = false;
    this.#look();
  }

  #look(now = Date.now()): void {
    const missing = this.#missingSince === null ? null : now - this.#missingSince;
    const state = kernelState(hostOf(this.manager()), missing);
    if (state === this.state) return;
    this.state = state;
    this.changed();
  }
}
