/** Requests a file from Python: one at a time, with a timeout. */

export const PATIENCE_MS = 30_000;
export const NO_ANSWER = "the kernel is busy or gone; CSV works without it";

export class Asking {
  /** Id of the pending request; "" if there is none. */
  #id = "";
  #end: (data: Uint8Array | string) => void = () => undefined;

  /** @param signal - aborts when the widget goes away */
  constructor(private readonly signal: AbortSignal) {}

  /** Send a request with a unique id; resolves to the bytes of its reply, or rejects with a message for the user. */
  ask(send: (id: string) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#id !== "") throw new Error("another table is being made; try again when it is done");
      this.#id = Math.random().toString(36).slice(2); // other pages on this kernel receive the replies too
      this.#end = (data) => {
        clearTimeout(timer);
        this.#id = "";
        if (typeof data === "string") reject(new Error(data));
        else resolve(data);
      };
      const timer = setTimeout(this.#end, PATIENCE_MS, NO_ANSWER);
      this.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
      send(this.#id);
    });
  }

  /** Process a reply; replies to other requests, or after the timeout, are ignored. */
  answer({ id, problem }: Record<string, unknown>, data: DataView | undefined): void {
    if (id !== this.#id || id === "") return;
    this.#end(data ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : String(problem));
  }
}
