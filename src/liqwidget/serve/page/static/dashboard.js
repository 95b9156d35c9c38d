// What Voila's front end calls, the end of waiting, and a word to the server while the page is loaded or used.

window.voila_finish = window.display_cells = () => {};

const { baseUrl, kernelId } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
const tell = () =>
  fetch(`${baseUrl}voila/api/touched/${kernelId}`, { method: "POST", keepalive: true }).catch(() => {});
tell();
const loading = setInterval(tell, 30_000); // a slow line may need minutes before it reaches the kernel

const wait = document.getElementById("wait");
const PICTURE = ".liq[data-rev], .jp-OutputArea .jp-RenderedText, .jp-OutputArea .jp-RenderedHTML, .jp-RenderedImage";
const late = setTimeout(() => {
  wait.querySelector("p").textContent = "This takes longer than it should. Reload the page to try again.";
}, 60_000);
const end = () => {
  watch.disconnect();
  clearTimeout(late);
  clearInterval(loading);
  wait.remove();
};
let others = null; // widgets without a picture among them are shown soon, too
const watch = new MutationObserver(() => {
  if (document.querySelector(PICTURE)) end();
  else if (document.querySelector(".jupyter-widgets")) others ??= setTimeout(end, 5_000);
});
watch.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-rev"] });

const EVERY_MS = 60_000;
let told = performance.now();
const touched = () => {
  if (performance.now() - told < EVERY_MS) return;
  told = performance.now();
  tell();
};
for (const name of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
  addEventListener(name, touched, { capture: true, passive: true });
}
