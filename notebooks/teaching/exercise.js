/**
 * Exercises of the course in the reader's browser: asks, checks, reveals, and keeps the progress.
 *
 * `mount(place, data)` shows one exercise, or the panel of progress, made by exercise.py. Without a kernel and a
 * network. Text is put into the page as text only; class code, storage and typed answers are checked before use.
 */

const STORE = "liqwidget-course";
const CHANGED = "liq-course-changed";
const MOST_RECORDS = 32; // so that the file for the teacher stays below 4 kB
const [NAME, DAY] = [/^[a-z0-9-]{3,20}$/, /^\d{4}-\d\d-\d\d$/];

/** A class code as it is kept: letters, digits, _ and -, at most 16; null if the text is none. */
export function codeOf(text) {
  const code = String(text).trim().toUpperCase();
  return /^[A-Z0-9_-]{1,16}$/.test(code) ? code : null;
}

/** Which of `count` variants a class gets; the first without a code. */
export function variantOf(code, name, count) {
  if (code === "") return 0;
  let hash = 0x811c9dc5; // FNV-1a, then mixed: its low bits alone would ignore high bits of the letters
  for (const letter of `${code}:${name}`) hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) % count;
}

const UNITS = { USD: /^(\$|usd)|(\$|usd)$/, "%": /(%|percent)$/, x: /(x|×)$/ };

/** The number in a text such as 57,228.92, 57228.92, 57.2k, 57.228,92 or -4.62 %; NaN if there is none. */
export function readNumber(text, unit) {
  let rest = String(text).slice(0, 60).normalize("NFKC").toLowerCase();
  rest = rest.replace(/[\s'’_]/g, "").replace(/[−–]/g, "-");
  rest = rest.replace(UNITS[unit] ?? /$/, "");
  const found = /^([+-]?)(\d[\d.,]*|[.,]\d+)([km]?)$/.exec(rest);
  if (found === null) return Number.NaN;
  const [, sign, digits, factor] = found;
  const decimal = decimalOf(digits);
  const [whole, part = "", ...more] = decimal === "" ? [digits] : digits.split(decimal);
  const isWhole = /^(\d*|\d{1,3}(,\d{3})+|\d{1,3}(\.\d{3})+)$/.test(whole);
  if (more.length > 0 || !isWhole || !/^\d*$/.test(part)) return Number.NaN;
  const value = Number(`${whole.replace(/[.,]/g, "")}.${part}0`);
  return (sign === "-" ? -1 : 1) * value * { "": 1, k: 1e3, m: 1e6 }[factor];
}

/** The decimal mark of a number's digits: the last of two kinds of mark, or one that cannot group thousands. */
function decimalOf(digits) {
  const [dot, comma] = [digits.lastIndexOf("."), digits.lastIndexOf(",")];
  if (dot >= 0 && comma >= 0) return dot > comma ? "." : ",";
  if (dot >= 0) return digits.indexOf(".") === dot ? "." : "";
  return comma >= 0 && !/^[1-9]\d{0,2}(,\d{3})+$/.test(digits) ? "," : "";
}

/** What to say about a typed number: whether it is right, and the text. */
export function judge(question, value, { tolerance, signed, otherwise }) {
  const given = signed ? value : Math.abs(value);
  const isNear = (target, within) => Math.abs(given - target) <= within * (1 + 1e-9);
  if (isNear(question.right, tolerance)) return { right: true, say: question.why };
  const mistake = question.wrong.find((wrong) => isNear(wrong.value, wrong.tolerance ?? tolerance));
  return { right: false, say: mistake?.hint ?? otherwise };
}

/** The source of the heatmap before an exercise, else of the first one; undefined without a heatmap. */
function heatmapOf(place) {
  const home = place.closest(".jp-Notebook") ?? document;
  const found = [...home.querySelectorAll(".liq, iframe.heatmap")].flatMap((element) => {
    const view = element.contentDocument ? element.contentDocument.querySelector(".liq") : element;
    return view?.liqwidget?.source.field ? [{ element, source: view.liqwidget.source }] : [];
  });
  const isBefore = ({ element }) => element.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING;
  return (found.findLast(isBefore) ?? found[0])?.source;
}

/**
 * A quantity of a heatmap by name, undefined if there is none at the moment.
 *
 * share:20 (percent of the mix), others:20:5=23,10=19 (how much the other shares differ from these, percentage points),
 * decay (half-life, hours), asof (hours between a replay's close and this time: asof:MS), part:LOW:HIGH (percent of
 * these prices that are selected), height (of the selection, USD), age (hours from its end to the last candle).
 */
export function quantity(name, { settings, selection, field }) {
  const [kind, ...parts] = name.split(":");
  const shares = (mix) => {
    const sum = Object.values(mix).reduce((all, part) => all + part, 0);
    return Object.fromEntries(Object.entries(mix).map(([tier, part]) => [tier, (100 * part) / sum]));
  };
  const mix = shares(settings.leverageMix);
  if (kind === "share") return mix[parts[0]];
  if (kind === "others") {
    const start = shares(Object.fromEntries(parts[1].split(",").map((pair) => pair.split("=").map(Number))));
    const { [parts[0]]: _, ...now } = mix;
    const rest = shares(now);
    return Math.max(...Object.keys(start).map((tier) => Math.abs((rest[tier] ?? 0) - start[tier])));
  }
  if (kind === "decay") return settings.decayRate > 0 ? Math.LN2 / settings.decayRate : Infinity;
  if (kind === "asof") return settings.asOf === null ? undefined : (settings.asOf - Number(parts[0])) / 3.6e6;
  if (selection === null) return undefined;
  const { price_low: low, price_high: high, time_to: to } = selection;
  if (kind === "height") return high - low;
  if (kind === "age") return (field.bars.time[field.bars.time.length - 1] - to) / 3.6e6;
  const [from, until] = parts.map(Number);
  return kind === "part"
    ? (100 * Math.max(0, Math.min(high, until) - Math.max(low, from))) / (until - from)
    : undefined;
}

/** What is missing of a task, or "" if it is done. */
export function missing({ mistakes, wanted }, state) {
  const lies = ({ of, least, most }) => {
    const value = quantity(of, state);
    return value !== undefined && value >= (least ?? -Infinity) && value <= (most ?? Infinity);
  };
  const found = mistakes.find(lies) ?? wanted.find((check) => !lies(check));
  if (found === undefined) return "";
  const value = quantity(found.of, state);
  return found.say.replace("{value}", value === undefined ? "none" : shown(value));
}

const shown = (value) => value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 });

/** Progress from stored text, which may be anything: what is not usable is dropped. */
export function readProgress(text) {
  const progress = { code: "", records: {} };
  let read;
  try {
    read = JSON.parse(text ?? "null");
  } catch {
    return progress;
  }
  if (typeof read !== "object" || read === null || read.version !== 1) return progress;
  progress.code = codeOf(read.code ?? "") ?? "";
  const records = typeof read.records === "object" && read.records !== null ? Object.entries(read.records) : [];
  const count = (value) => (Number.isInteger(value) && value >= 0 ? Math.min(value, 999) : 0);
  for (const [name, record] of records.slice(0, MOST_RECORDS)) {
    if (!NAME.test(name) || typeof record !== "object" || record === null) continue;
    progress.records[name] = {
      tries: count(record.tries),
      hints: count(record.hints),
      solved: record.solved === true,
      code: codeOf(record.code ?? "") ?? "",
      day: DAY.test(record.day) ? record.day : "",
      ...(Number.isFinite(record.guess) ? { guess: record.guess } : {}),
    };
  }
  return progress;
}

/** The file for the teacher. It has no names, and no times beyond the day. */
export function fileOf({ code, records }, day) {
  const exercises = {};
  for (const [name, { guess: _, code: by, ...record }] of Object.entries(records))
    exercises[name] = { ...record, class: by };
  return JSON.stringify({ format: "liqwidget-course", version: 1, class: code, day, exercises });
}

/** The day of the reader, such as 2026-11-30. */
const today = () => new Date().toLocaleDateString("sv");

/** Progress in the reader's own browser; for this page alone where the browser keeps nothing. */
const store = {
  text: null,
  isKept: true,
  read() {
    try {
      if (this.isKept) this.text = localStorage.getItem(STORE);
    } catch {
      this.isKept = false;
    }
    return readProgress(this.text);
  },
  write(progress) {
    this.text = JSON.stringify({ version: 1, ...progress });
    try {
      localStorage.setItem(STORE, this.text);
    } catch {
      this.isKept = false;
    }
    dispatchEvent(new Event(CHANGED));
  },
  /** A record that counts: one made with the numbers of another class does not. */
  record(name) {
    const { code, records } = this.read();
    const empty = { tries: 0, hints: 0, solved: false, code, day: "" };
    return records[name]?.code === code ? records[name] : empty;
  },
  note(name, changes) {
    const progress = this.read();
    const record = { ...this.record(name), ...changes, day: today() };
    this.write({ ...progress, records: { ...progress.records, [name]: record } });
  },
};

/** A class code in the page's address is used as if typed; another text there is ignored. */
function takeAddress() {
  const given = new URLSearchParams(location.search).get("class");
  const code = given === null ? null : codeOf(given);
  const progress = store.read();
  if (code !== null && code !== progress.code) store.write({ ...progress, code });
}

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

let made = 0;
const unique = () => `liq-exercise-${++made}`;

/** The frame of an exercise. Keys typed in it are no shortcuts of JupyterLab, which asks the focused element. */
function frame(place, title, ...children) {
  const form = h("form", { class: "liq-exercise", novalidate: "" });
  form.append(h("fieldset", {}, h("legend", {}, title), ...children));
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.target.type !== "text") return;
    event.preventDefault(); // JupyterLab keeps a browser from submitting by Enter
    form.requestSubmit();
  });
  for (const element of form.querySelectorAll("input, button, [tabindex]"))
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  place.replaceChildren(form);
  return form;
}

const verdictLine = () => h("p", { class: "ex-verdict", role: "status", tabindex: -1 }); // a polite live region

function say(verdict, text, right) {
  verdict.dataset.right = String(right);
  verdict.textContent = text;
}

/** How an exercise stands, in small letters. */
function standing(name) {
  const { code } = store.read();
  const { tries, solved } = store.record(name);
  const count = tries === 1 ? "1 try" : `${tries} tries`;
  const told = solved ? `Solved after ${count}. ` : tries > 0 ? `${count} so far. ` : "";
  return `${told}${code && `Numbers of class ${code}.`}`;
}

const chosen = ({ name, variants }) => variants[variantOf(store.read().code, name, variants.length)];

/** An exercise that is right or not. `answer` says which, or, if there is nothing to check, only why. */
function mountChecked(place, data, ask, controls, answer) {
  const [verdict, small] = [verdictLine(), h("p", { class: "ex-small" }, standing(data.name))];
  const line = h("div", { class: "ex-line" }, ...controls);
  const form = frame(place, `Exercise: ${data.title}`, h("p", {}, ask), line, verdict, small);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { right, text } = answer();
    const { tries, hints, solved } = store.record(data.name);
    if (right !== undefined && !solved)
      store.note(data.name, { tries: tries + 1, hints: hints + (right ? 0 : 1), solved: right });
    say(verdict, text, right === true);
    small.textContent = standing(data.name);
  });
}

function mountNumber(place, data) {
  const [question, id] = [chosen(data), unique()];
  const field = h("input", { type: "text", id, autocomplete: "off", maxlength: "40" });
  const controls = [h("label", { for: id }, "Your answer"), field, h("span", {}, data.unit), h("button", {}, "Check")];
  mountChecked(place, data, question.ask, controls, () => {
    const value = readNumber(field.value, data.unit);
    if (Number.isNaN(value)) return { text: `Type a number in ${data.unit}, such as 1,234.56.` };
    const { right, say: text } = judge(question, value, data);
    return { right, text: right ? `Right. ${text}` : text };
  });
}

function mountTask(place, data) {
  const action = chosen(data);
  mountChecked(place, data, action.ask, [h("button", {}, "Check the heatmap")], () => {
    const state = heatmapOf(place);
    if (state === undefined) return { text: "The heatmap is not on the page yet. Scroll to it, then check again." };
    const text = missing(action, state);
    return { right: text === "", text: text || `Done. ${action.why}` };
  });
}

function mountPrediction(place, data) {
  const id = unique();
  const [unit, middle] = [data.unit === "" ? "" : ` ${data.unit}`, (data.low + data.high) / 2];
  const field = h("input", { type: "range", id, min: data.low, max: data.high, step: data.step, value: middle });
  const [read, button] = [h("output", { for: id }), h("button", {}, "Reveal")];
  const [verdict, picture] = [verdictLine(), h("div", { "aria-hidden": "true" })];
  const line = h("div", { class: "ex-line" }, h("label", { for: id }, "Your guess"), field, read, button);
  const form = frame(place, `Prediction: ${data.title}`, h("p", {}, data.ask), line, picture, verdict);
  const follow = () => {
    read.textContent = `${shown(field.valueAsNumber)}${unit}`;
    field.setAttribute("aria-valuetext", read.textContent);
  };
  const mark = (kind, value) => {
    const share = Math.min(Math.max((value - data.low) / (data.high - data.low), 0), 1);
    return h("span", { class: `ex-${kind}`, style: `left: ${100 * share}%` });
  };
  const reveal = (guess) => {
    field.value = String(guess);
    follow();
    field.disabled = button.hidden = true;
    picture.replaceChildren(mark("guess", guess), mark("truth", data.truth));
    picture.className = "ex-scale";
    const off = Math.abs(guess - data.truth);
    const far = off < data.step / 2 ? "as you guessed" : `your guess of ${shown(guess)}${unit} is ${shown(off)} away`;
    say(verdict, `It is ${shown(data.truth)}${unit} (long mark): ${far}. ${data.why}`, "guess");
  };
  field.addEventListener("input", follow);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.hidden) return;
    const guess = field.valueAsNumber;
    store.note(data.name, { tries: 1, solved: true, guess });
    reveal(guess);
    verdict.focus(); // the button is gone
  });
  follow();
  const { solved, guess } = store.record(data.name);
  if (solved && guess !== undefined) reveal(guess);
}

function mountProgress(place, data) {
  const id = unique();
  const field = h("input", { type: "text", id, autocomplete: "off", maxlength: "16", spellcheck: "false" });
  const label = h("label", { for: id }, "Class code, if your teacher gave you one");
  const [save, forget] = ["save for my teacher", "forget"].map((text) => h("button", { type: "button" }, text));
  const [list, verdict] = [h("div"), verdictLine()];
  const code = h("div", { class: "ex-line" }, label, field, h("button", {}, "use this code"));
  const kept = h("p", { class: "ex-small" });
  const form = frame(place, data.title, list, code, h("div", { class: "ex-line" }, save, forget), verdict, kept);
  const follow = () => {
    const { code: now } = store.read();
    const lessons = Object.entries(data.lessons);
    if (lessons.length > 1) lessons.push(["All lessons", lessons.flatMap(([, names]) => names)]);
    const rows = lessons.map(([lesson, names]) => {
      const solved = names.filter((name) => store.record(name).solved).length;
      return h("p", {}, `${lesson}: solved ${solved} of ${names.length}`);
    });
    list.replaceChildren(...rows);
    field.value = now;
    kept.textContent = store.isKept
      ? "Progress stays in this browser. It has no name and no time beyond the day; nobody gets it unless you save the file and hand it on."
      : "This browser keeps nothing for this page: progress is lost when the page is closed. Save the file before.";
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    const found = text === "" ? "" : codeOf(text);
    if (found === null) return say(verdict, "A class code has at most 16 letters, digits, _ and -.", false);
    store.write({ ...store.read(), code: found });
    say(verdict, `Exercises have ${found ? `the numbers of class ${found}` : "their standard numbers"}.`, true);
  });
  save.addEventListener("click", () => {
    const progress = store.read();
    const url = URL.createObjectURL(new Blob([fileOf(progress, today())], { type: "application/json" }));
    h("a", { href: url, download: `course-progress${progress.code && `-${progress.code}`}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    say(verdict, "The file has been saved.", true);
  });
  forget.addEventListener("click", () => {
    if (forget.dataset.asked === undefined) {
      forget.dataset.asked = "";
      forget.textContent = "really forget all progress";
      return;
    }
    delete forget.dataset.asked;
    forget.textContent = "forget";
    store.write({ code: store.read().code, records: {} });
    dispatchEvent(new CustomEvent(CHANGED, { detail: "anew" }));
    say(verdict, "All progress in this browser has been deleted.", true);
  });
  follow();
  return follow;
}

const MOUNTS = { number: mountNumber, task: mountTask, prediction: mountPrediction, progress: mountProgress };

/** Show an exercise, or the panel of progress, in `place`. */
export function mount(place, data) {
  if (place === null || !Object.hasOwn(MOUNTS, data.kind)) return;
  if (document.getElementById("liq-exercise-style") === null)
    document.head.append(h("style", { id: "liq-exercise-style" }, data.style));
  place.dataset.exercise = data.name ?? data.kind;
  takeAddress();
  let follow = MOUNTS[data.kind](place, data);
  let { code } = store.read();
  const own = new AbortController();
  const changed = ({ detail }) => {
    if (!place.isConnected) return own.abort(); // its cell has run again
    const now = store.read().code;
    if (follow !== undefined) follow();
    else if (now !== code || detail === "anew") follow = MOUNTS[data.kind](place, data);
    code = now;
  };
  addEventListener(CHANGED, changed, { signal: own.signal });
  addEventListener("storage", ({ key }) => (key === STORE || key === null) && changed({ detail: "anew" }), {
    signal: own.signal,
  });
}
