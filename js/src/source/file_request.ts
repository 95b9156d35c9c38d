/** Asking Python for a file: one at a time, and not for ever. */

export const PATIENCE_MS = 30_000;
export const NO_ANSWER = "the kernel is busy or gone; CSV works without it";

export class Asking {
  /** Of the question that is open. */
  #id = "";
  #end: (data: Uint8Array | string) => void = () => undefined;

  /** @param signal - when nobody wants an answer any more */
  constructor(private readonly signal: AbortSignal) {}

  /** Send a question with an id of its own; resolves to the bytes that answer it, or rejects with words. */
  ask(send: (id: string) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#id !== "") throw new Error("another table is on its way");
      this.#id = Math.random().toString(36).slice(2); // other pages on this kernel hear the answers too
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

  /** Take in an answer; one to another question, or that comes too late, is nobody's. */
  answer({ id, problem }: Record<string, unknown>, data: DataView | undefined): void {
    if (id !== this.#id || id === "") return;
    this.#end(data ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : String(problem));
  }
}
