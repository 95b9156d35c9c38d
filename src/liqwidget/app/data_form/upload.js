// Sends the chosen file in pieces, each after the previous one has arrived: one large message would close the socket.

const PIECE = 1 << 20;
// Characters that would show a name in another order than it has, such as "exe.csv" for a file ending in "vsc.exe".
const HIDDEN = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function render({ model, el, signal }) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  const name = document.createElement("bdi"); // a name written from right to left leaves the page as it is
  el.classList.add("liq-app-upload");
  input.type = "file";
  input.accept = ".csv,.tsv,.txt,.json,.jsonl,.ndjson,.parquet,.pq,.feather,.arrow,.xlsx,.gz,.zip";
  name.textContent = "Choose a file …";
  label.append(input, name);
  el.append(label);
  let file = null;
  let turn = 0;
  input.addEventListener("change", () => {
    file = input.files[0] ?? null;
    if (!file) return;
    name.textContent = file.name.replace(HIDDEN, "\ufffd");
    turn += 1;
    model.send({ type: "begin", name: file.name, size: file.size, turn });
  });
  const answer = async (message) => {
    if (message?.type !== "next" || message.turn !== turn || !file) return;
    const piece = await file.slice(message.from, message.from + PIECE).arrayBuffer();
    if (message.turn === turn) model.send({ type: "piece", from: message.from, turn }, undefined, [piece]);
  };
  model.on("msg:custom", answer);
  const end = () => model.off("msg:custom", answer);
  signal?.addEventListener("abort", end);
  return end;
}

export default { render };
