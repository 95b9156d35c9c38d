// The page of a visitor who waits for a place: a picture without a kernel, and a small request every few seconds. Once a
// place is free, the page with a kernel replaces it, in the same view.

import { openPage } from "./index.js";

openPage(document);

const ASK_SECONDS = 10; // unless the server says otherwise
const LOST = "No connection to the server; trying again.";

const place = document.getElementById("place");
const next = document.getElementById("next");
const usual = next.textContent;
const ticket = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const show = (text) => {
  if (next.textContent !== text) next.textContent = text; // it is read aloud when it changes
};

/** Open the page with a kernel; the address names the view of this one, and the place that is kept for it. */
const moveOver = () => {
  show("A place is free. Opening the page with your settings…");
  const query = new URLSearchParams(location.search);
  query.set("place", ticket);
  const view = document.querySelector(".liq")?.liqLink?.();
  const fragment = view === undefined ? location.hash : `#${view}`;
  location.replace(`${location.pathname}?${query}${fragment}`);
};

const ask = async () => {
  const reply = await fetch(`${place.dataset.ask}${ticket}`, { method: "POST" }).catch(() => null);
  if (reply?.status === 200) return moveOver();
  show(reply?.status === 202 ? usual : LOST);
  const seconds = Number(reply?.headers.get("Retry-After")) || ASK_SECONDS;
  setTimeout(ask, seconds * (750 + 500 * Math.random())); // pages that came together do not ask together
};
ask();
