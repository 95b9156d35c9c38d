/** Detects whether the kernel behind a picture responds, and describes its state to the user. */

/** Interval at which views check whether a ping is due. */
export const ASK_MS = 4_000;
/** Interval of pings if Jupyter reports the end of a kernel: pings are then keep-alives only, and cost it work. */
const REST_MS = 20_000;
/** A reply that takes longer counts as missing. */
const PATIENCE_MS = 3_500;

/** The kernel's state according to the page's Jupyter; "unknown" on pages without Jupyter. */
export type Host = "idle" | "busy" | "restarting" | "disconnected" | "dead" | "unknown";

export type KernelState =
  | "answers"
  | "busy"
  | "silent"
  | "restarting"
  | "saved"
  | "absent"
  | "lost"
  | "disconnected"
  | "ended";

/** States that do not recover by themselves: the view has to be recreated. */
export const isOver = (state: KernelState): boolean => state === "lost" || state === "ended";

/** States in which this view gets nothing from Python any more. */
export const isAlone = (state: KernelState): boolean => isOver(state) || state === "saved" || state === "absent";

/** Whether a page brings the state of widgets along, as nbconvert and Sphinx write it: then there is no kernel. */
export const hasSavedState = (page: ParentNode): boolean =>
  page.querySelector('script[type="application/vnd.jupyter.widget-state+json"]') !== null;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Read the kernel's state from a widget manager, which in other hosts may be anything. */
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

/**
 * Combine the host's state with how long a reply has been missing, ms (null: none is missing).
 *
 * @param known - whether a kernel has ever replied: if not, the view is one that a saved notebook brought along
 */
export function kernelState(host: Host, missing: number | null, known = true): KernelState {
  if (host === "dead") return "ended";
  if (host === "restarting" || host === "disconnected") return host;
  if (missing === null || missing < PATIENCE_MS) return "answers";
  if (host === "idle") return known ? "lost" : "saved";
  return host === "busy" ? "busy" : "silent";
}

const STAYS = "The last picture stays but is not updated; leverage mix, decay rate and bin size still work.";

/**
 * The message for the user; "" while the kernel responds.
 *
 * @param again - how to recreate a view on this page
 */
export function kernelWords(state: KernelState, again: string): string {
  switch (state) {
    case "answers":
      return "";
    case "busy":
      return "The kernel is busy: new candles and Parquet files have to wait.";
    case "silent":
      return `Python does not answer: it is busy, or has ended. ${STAYS} If this does not pass, ${again}.`;
    case "restarting":
      return `The kernel is restarting. ${STAYS}`;
    case "saved":
      return `As saved: everything here works without a kernel. To connect it to Python, ${again.replace(/ again$/, "")}.`;
    case "absent":
      return "As saved: everything here works without a kernel.";
    case "lost":
      return `The kernel does not answer for this view: it was restarted, or it hangs. ${STAYS} To bring it back, ${again}.`;
    case "disconnected":
      return `No connection to the kernel; trying again. ${STAYS}`;
    case "ended":
      return `The kernel of this view has ended. ${STAYS} To bring it back, ${again}.`;
  }
}

/** A Lumino signal. */
interface Signal {
  connect(slot: () => void): void;
  disconnect(slot: () => void): void;
}

const isSignal = (value: unknown): value is Signal =>
  isRecord(value) && typeof value.connect === "function" && typeof value.disconnect === "function";

/** Tracks pings and replies. */
export class KernelWatch {
  state: KernelState = "answers";
  #missingSince: number | null = null;
  #known = false;
  #asked = 0;
  /** When each view last sent a ping. */
  readonly #views = new Map<string, number>();
  /** The kernel may have changed since its last reply. */
  #doubt = true;
  #kernel: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param manager - returns the widget manager; called at every check
   * @param changed - called when the state changes
   */
  constructor(
    private readonly manager: () => unknown,
    private readonly changed: () => void,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Whether a view should send a ping now. */
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

  /** Send a ping at the next check. */
  doubt(): void {
    this.#doubt = true;
  }

  /** Subscribe to status changes of the current kernel. */
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

  /** A ping has been sent. */
  asked(now = Date.now()): void {
    // Time during which the page was suspended does not count as waiting.
    if (this.#missingSince === null || now - this.#asked > 2 * ASK_MS) this.#missingSince = now;
    this.#asked = now;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (Date.now() - now < 2 * PATIENCE_MS) this.#look(); // otherwise the page was suspended and pings again
    }, PATIENCE_MS);
    this.#look(now);
  }

  answered(): void {
    this.#missingSince = null;
    this.#known = true;
    this.#doubt = false;
    this.#look();
  }

  #look(now = Date.now()): void {
    const missing = this.#missingSince === null ? null : now - this.#missingSince;
    const state = kernelState(hostOf(this.manager()), missing, this.#known);
    if (state === this.state) return;
    this.state = state;
    this.changed();
  }
}
