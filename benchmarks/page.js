// Injected before the page's own scripts; exports `window.bench`. Nothing here needs a debugger attached.
(() => {
  if (window !== window.top || window.bench) return;
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const frame = () => new Promise((done) => requestAnimationFrame(done));

  // Runs first in every frame, because it re-registers itself before other callbacks register.
  let inFrame = false;
  let frames = 0;
  const afterFrame = new MessageChannel();
  afterFrame.port1.onmessage = () => {
    inFrame = false;
  };
  const tick = () => {
    requestAnimationFrame(tick);
    inFrame = true;
    frames++;
    afterFrame.port2.postMessage(0);
  };
  requestAnimationFrame(tick);

  // Chromium dispatches scroll events when it dispatches a drag's input events: in the frame, before its callbacks.
  let scroller = null;
  const startOfFrame = () =>
    new Promise((done) => {
      if (scroller === null) {
        scroller = document.createElement("div");
        scroller.style.cssText = "position:fixed;left:0;top:0;width:40px;height:40px;overflow:hidden;opacity:0;pointer-events:none";
        scroller.append(Object.assign(document.createElement("div"), { style: "height:100px" }));
        document.body.append(scroller);
      }
      scroller.onscroll = () => {
        inFrame = true;
        done();
      };
      scroller.scrollTop = scroller.scrollTop > 0 ? 0 : 5;
    });

  // Resolves with the start of the frame after the one that shows what was just drawn. What is drawn between frames
  // is painted at the end of the next frame.
  const painted = async () => {
    for (let left = inFrame ? 1 : 2; left > 0; left--) await frame();
    return performance.now();
  };

  let drawn = null;
  const { drawImage } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.drawImage = function (...args) {
    drawImage.apply(this, args);
    drawn?.(this.canvas, args[0]);
  };

  const panel = () => window.jupyterapp.shell.currentWidget.node;
  const within = (root, found = []) => {
    for (const element of root.querySelectorAll("*")) {
      found.push(element);
      if (element.shadowRoot) within(element.shadowRoot, found);
    }
    return found;
  };
  const output = (selector) => {
    const element = panel().querySelector(selector);
    if (element === null) throw new Error(`no ${selector} in this notebook`);
    return element;
  };
  // Everything currently drawn in the notebook, as one string.
  const picture = () =>
    within(panel())
      .map((e) => {
        if (e.matches(".liq-profile")) return ""; // its band appears only when input is idle
        if (e instanceof HTMLCanvasElement) return e.width * e.height > 0 ? e.toDataURL() : "";
        if (e instanceof HTMLImageElement) return e.src;
        if (e instanceof SVGImageElement) return e.href.baseVal;
        return e.matches("[data-echo]") ? e.textContent : "";
      })
      .filter(Boolean)
      .join("|");

  const mutation = (target, options, found) =>
    new Promise((done) => {
      const observer = new MutationObserver((records) => {
        const when = found(records);
        if (!when) return;
        observer.disconnect();
        done(when);
      });
      observer.observe(target, options);
    });

  // Each resolves with the time of the frame after the new picture.
  const watches = {
    liqwidget: () => mutation(output(".liq"), { attributeFilter: ["data-rev"] }, painted),
    echo: () => mutation(output("[data-echo]"), { childList: true }, painted),
    plotly: () =>
      new Promise((done) => {
        const figure = output(".js-plotly-plot");
        const once = () => {
          figure.removeListener("plotly_afterplot", once);
          done(painted());
        };
        figure.on("plotly_afterplot", once);
      }),
    canvas: () =>
      new Promise((done) => {
        drawn = (canvas) => {
          if (!canvas.isConnected || canvas.getClientRects().length === 0) return;
          drawn = null;
          done(painted());
        };
      }),
    image: () =>
      mutation(panel(), { childList: true, subtree: true }, (records) => {
        const added = records.flatMap((r) => [...r.addedNodes]).filter((n) => n instanceof Element);
        const image = added.flatMap((e) => [e, ...e.querySelectorAll("img")]).find((e) => e instanceof HTMLImageElement);
        if (image === undefined) return null;
        return image.complete ? painted() : new Promise((done) => image.addEventListener("load", () => done(painted())));
      }),
  };

  const input = (element, value) => {
    element.value = String(value);
    element.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const key = (i) => {
    const event = new KeyboardEvent("keydown", { key: i % 8 < 4 ? "ArrowRight" : "ArrowLeft", bubbles: true, cancelable: true });
    output(".noUi-handle").dispatchEvent(event);
  };
  let middle = null;
  const acts = {
    mix: (i) => input(output('.liq-bar[data-tier="10"]'), 10 + ((i * 37) % 60)),
    decay: (i) => input(panel().querySelectorAll(".liq-deck .liq-slider")[0], 450 + ((i * 53) % 200)),
    bin: (i) => {
      const slider = panel().querySelectorAll(".liq-deck .liq-slider")[1];
      middle ??= slider.valueAsNumber;
      input(slider, middle + [1, 0, -1, 0][i % 4]);
    },
    range: (i) => input(output("[data-ask]"), i % 1000),
    key,
  };

  // Times a fixed amount of arithmetic, ms, to detect changes in the machine's speed.
  const loop = () => {
    const begun = performance.now();
    let x = 1;
    for (let i = 0; i < 1e7; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
    bench.kept = x;
    return performance.now() - begun;
  };

  const settle = () => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo();
  const ask = async (url, what) => (await fetch(`${url}/${what}`)).json();

  const show = async (notebook) => {
    const found = [...window.jupyterapp.shell.widgets("main")].find((w) => w.context?.path === notebook);
    window.jupyterapp.shell.activateById(found.id);
    await pause(200);
    const area = output(".jp-CodeCell:last-of-type .jp-Cell-outputWrapper");
    area.scrollIntoView({ block: "nearest" });
    await pause(300);
    await settle();
  };

  let count = 0;
  const move = async (one, random) => {
    if (random) await pause(Math.random() * 17);
    else await startOfFrame();
    const seen = watches[one.watch]();
    const begun = performance.now();
    acts[one.act](count++);
    const shown = await Promise.race([seen, pause(20_000).then(() => null)]);
    if (shown === null) throw new Error("no new picture within 20 s");
    return shown - begun;
  };

  // One block of moves of one case; the first two moves are verified but not counted.
  const block = async (one, plan) => {
    const result = { name: one.name, ms: [], js: [], py: [], verified: true };
    await show(one.notebook);
    if (one.stop) await ask(plan.url, `stop/${one.notebook}`);
    try {
      for (let i = 0; i < 2; i++) {
        const before = picture();
        await move(one, plan.random);
        const at = picture();
        await pause(600);
        result.verified &&= before !== at && at === picture();
      }
      result.js.push(loop());
      result.py.push(await ask(plan.url, "loop"));
      for (let i = 0; i < one.moves; i++) {
        await pause(60 + Math.random() * 60);
        result.ms.push(await move(one, plan.random));
      }
      result.js.push(loop());
      result.py.push(await ask(plan.url, "loop"));
    } catch (error) {
      result.error = String(error);
    }
    drawn = null;
    if (one.stop) await ask(plan.url, `go/${one.notebook}`);
    await settle();
    return result;
  };

  // How to move a view to a range of columns; a returned promise resolves when the picture is drawn.
  const views = {
    liqwidget: async () => {
      const { chart, bitmap } = output(".liq").liqwidget;
      return {
        go: (from, to) => chart.api.timeScale().setVisibleLogicalRange({ from, to }),
        counts: (_canvas, source) => source === bitmap,
      };
    },
    bokeh: async () => ({
      go: (start, end) => window.benchRange.setv({ start, end }),
      counts: (canvas) => canvas.isConnected,
    }),
    plotly: async (plan) => {
      const figure = output(".js-plotly-plot");
      const twin = figure.parentElement.appendChild(document.createElement("div"));
      figure.remove();
      await window.Plotly.newPlot(twin, figure.data, figure.layout);
      const times = figure.data[0].x;
      return {
        go: (from, to) => window.Plotly.relayout(twin, { "xaxis.range": [times[Math.round(from)], times[Math.round(to)]] }),
        watch: (drew) => twin.on("plotly_afterplot", drew),
      };
    },
  };
  const ready = {};
  // Counts the frames in which the heatmap was drawn while the view moves for some seconds, once per frame.
  const pan = async (one, plan) => {
    const result = { name: one.name, act: one.act, js: [], py: [] };
    await show(one.notebook);
    const view = (ready[one.name] ??= await views[one.name](plan));
    const seen = new Set();
    if (view.counts) drawn = (canvas, source) => view.counts(canvas, source) && seen.add(frames);
    else if (!view.watched) view.watch(() => view.seen.add(frames));
    view.watched = true;
    view.seen = seen;
    result.js.push(loop());
    result.py.push(await ask(plan.url, "loop"));
    await frame();
    const begun = performance.now();
    const first = frames;
    let gaps = 0;
    for (let i = 0; performance.now() - begun < plan.ms; i++) {
      const swing = (1 + Math.sin(((performance.now() - begun) / plan.ms) * 2 * Math.PI)) / 2;
      const width = one.act === "pan" ? 800 : 400 + 1200 * swing;
      const from = one.act === "pan" ? 100 + 1000 * swing : 200;
      await view.go(from, from + width);
      await frame();
      gaps = i;
    }
    result.seconds = (performance.now() - begun) / 1000;
    result.drawn = seen.size;
    result.frames = frames - first;
    result.asked = gaps + 1;
    drawn = null;
    return result;
  };

  const panAll = async (plan) => {
    const results = [];
    for (let round = 0; round < plan.rounds; round++) {
      for (const one of plan.cases) results.push(await pan(one, plan));
    }
    return results;
  };

  const run = async (plan) => {
    const results = [];
    for (let round = 0; round < plan.rounds; round++) {
      for (const one of plan.cases) results.push(await block(one, plan));
    }
    return results;
  };

  const report = (plan, work) =>
    work(plan)
      .catch((error) => ({ error: String(error) }))
      .then((results) => fetch(`${plan.url}/done`, { method: "POST", body: JSON.stringify(results) }));

  window.bench = {
    run, panAll, report,
  };
})();
