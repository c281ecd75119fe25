import { el, svg, replace, number, percent, shown, tok, problem } from "./dom.js";
import * as api from "./api.js";
import { link, note } from "./app.js";
import { labels } from "./labels.js";
import { csv, download } from "./save.js";

const LEFT = 150, CELL = 26, ROW = 30, COLUMN = 64, FOOT = 44, HEAD = 26;

// Where each node stands: a column for each position, a row for each site, what goes in at the
// bottom and the answer at the top.
export function layout(data) {
  const cells = new Map();
  const width = new Array(data.tokens.length).fill(1);
  data.name.forEach((_, i) => {
    const cell = `${data.position[i]} ${data.site[i]}`;
    if (!cells.has(cell)) cells.set(cell, []);
    cells.get(cell).push(i);
    width[data.position[i]] = Math.max(width[data.position[i]], cells.get(cell).length);
  });
  const starts = [LEFT];
  width.forEach((count, position) => starts.push(starts[position] + Math.max(COLUMN, count * CELL + 14)));
  const rows = data.sites.length + 2;
  const x = new Float64Array(data.name.length), y = new Float64Array(data.name.length);
  for (const list of cells.values()) {
    list.forEach((i, at) => {
      const from = starts[data.position[i]], to = starts[data.position[i] + 1];
      x[i] = (from + to) / 2 + (at - (list.length - 1) / 2) * CELL;
      y[i] = HEAD + (rows - 1 - (data.site[i] + 1)) * ROW + ROW / 2;
    });
  }
  return { x, y, starts, rows, width: starts.at(-1) + 20, height: HEAD + rows * ROW + FOOT };
}

const radius = influence => 4 + 7 * Math.sqrt(Math.min(1, influence));
const thickness = through => Math.max(0.6, Math.min(7, 14 * Math.sqrt(through)));

// What works on what in a prompt. What is chosen, hidden and in sight is in the address.
export default async function graph(main, run, query) {
  const state = {
    text: query.get("text") ?? "", answer: query.get("answer") ?? "", weak: Number(query.get("weak") ?? 0.01),
    node: query.get("node") ?? "", pan: (query.get("pan") ?? "").split(" ").map(Number), alone: query.get("alone") === "1",
    off: (query.get("off") ?? "").split(",").filter(Boolean),
  };
  const own = labels(run);
  let gone = false, data = null, place = null, working = null, over = -1;
  const view = state.pan.length === 3 && state.pan.every(Number.isFinite) && state.pan[2] > 0
    ? { x: state.pan[0], y: state.pan[1], zoom: state.pan[2] } : null;
  let look = view ? { ...view } : null;

  const text = el("textarea", { rows: 1, value: state.text, spellcheck: false, ariaLabel: "prompt", onkeydown: enter });
  const answer = el("input", { type: "text", value: state.answer, placeholder: "most probable", ariaLabel: "answer", size: 12, onkeydown: enter });
  const busy = el("div"), canvas = el("canvas", { tabIndex: 0, ariaLabel: "graph" });
  const about = el("div", { className: "about" }), top = el("div", { className: "row" }), hover = el("div", { className: "hover", hidden: true });
  const box = el("div", { className: "graph", hidden: true }, canvas, hover);
  main.className = "fills";
  replace(main,
    el("div", { className: "row asking" }, text, el("label", { className: "note" }, "answer ", answer), el("button", { className: "main", onclick: () => start() }, "Draw")),
    busy, top, el("div", { className: "graphs" }, box, about));

  function enter(event) { if (event.key === "Enter") { event.preventDefault(); start(); } }

  function keep() {
    note(run.key, "graph", {
      text: state.text, answer: state.answer, weak: state.weak === 0.01 ? "" : state.weak, node: state.node,
      alone: state.alone ? 1 : "", off: state.off.join(","),
      pan: look ? `${look.x.toFixed(0)} ${look.y.toFixed(0)} ${look.zoom.toFixed(3)}` : "",
    });
  }

  async function start() {
    if (text.value !== state.text || answer.value !== state.answer) { state.node = ""; look = null; }
    state.text = text.value;
    state.answer = answer.value;
    keep();
    if (state.text === "") return;
    working?.abort();
    const mine = working = new AbortController();
    const doing = el("p", { className: "note", role: "status" }, "waiting");
    replace(busy, doing);
    try {
      const found = await api.job(run.key, { kind: "graph", text: state.text, answer: state.answer }, (share, what) => { doing.textContent = `${what} ${Math.round(100 * share)} %`; }, mine.signal);
      if (gone || mine !== working) return;
      data = found;
      replace(busy);
      drawAll();
    } catch (error) {
      if (!gone && mine === working) replace(busy, error.name === "AbortError" ? el("p", { className: "note" }, "Cancelled.") : problem(error));
    }
  }

  const idOf = i => `${data.name[i]}@${data.position[i]}`;
  const titleOf = i => data.kind[i] === "embedding" ? shown(data.tokens[data.position[i]]) : data.kind[i] === "output" ? shown(data.name[i]) : data.name[i];

  // The edges in sight: strong enough, and of the chosen node alone where that is asked for.
  function inSight() {
    const chosen = state.alone ? chosenNode() : -1;
    const edges = [];
    for (let e = 0; e < data.source.length; e++) {
      if (data.through[e] < state.weak) continue;
      if (chosen >= 0 && data.source[e] !== chosen && data.target[e] !== chosen) continue;
      edges.push(e);
    }
    return edges;
  }

  const chosenNode = () => data.name.findIndex((_, i) => idOf(i) === state.node);

  function drawAll() {
    place = layout(data);
    box.hidden = false;
    const slider = el("input", {
      type: "range", min: -4, max: -0.3, step: 0.05, value: Math.log10(Math.max(1e-4, state.weak)), ariaLabel: "hide weaker",
      oninput: () => { state.weak = Number((10 ** Number(slider.value)).toPrecision(2)); told.textContent = percent(state.weak); keep(); draw(); },
    });
    const told = el("span", { className: "n" }, percent(state.weak));
    const c = data.completeness;
    replace(top,
      el("span", {}, tok(data.answer.text), ` ${percent(data.probability)}`),
      el("span", { className: "note", title: "edges add up to so much of the answer\u2019s logit, and of the pieces\u2019 activations (median)" },
        `edges explain ${share(c.output)} of the logit, ${share(c.middle)} of activations`),
      el("span", { className: "grow" }),
      el("label", { className: "note" }, "hide below ", slider, " ", told, " of the answer"),
      el("label", { className: "note" }, el("input", { type: "checkbox", className: "tick", checked: state.alone, onchange: event => { state.alone = event.target.checked; keep(); draw(); } }), " of the chosen only"),
      el("button", { className: "plain", title: "the whole graph in sight", onclick: () => { look = null; drawAll(); keep(); } }, "Fit"),
      el("button", { className: "plain", onclick: () => csv("graph-edges", ["source", "target", "strength", "by_chance", "of_answer"], inSight().map(e => [idOf(data.source[e]), idOf(data.target[e]), data.value[e], data.chance[e], data.through[e]])) }, "CSV"),
      el("button", { className: "plain", onclick: saveSvg }, "SVG"),
      el("button", { className: "plain", title: "a file for circuit-tracer\u2019s viewer", onclick: saveJson }, "JSON"),
      el("a", { className: "note", href: link(run.key, "prompt", { text: state.text, off: state.off.join(",") }) }, "Turn pieces off"));
    if (!look) { // once the box has its size
      const size = box.getBoundingClientRect();
      const zoom = Math.min(1.6, size.width / place.width, size.height / place.height);
      look = { x: (size.width - place.width * zoom) / 2, y: Math.max(0, (size.height - place.height * zoom) / 2), zoom };
    }
    draw();
    drawAbout();
  }

  const share = value => typeof value === "number" && Number.isFinite(value) ? `${Math.round(100 * value)}\u2009%` : "\u2013";

  let asked = false;
  function draw() {
    if (asked || !data) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; if (!gone) paint(); });
  }

  function paint() {
    const begin = performance.now();
    const size = box.getBoundingClientRect(), dense = devicePixelRatio || 1;
    if (canvas.width !== Math.round(size.width * dense) || canvas.height !== Math.round(size.height * dense)) {
      canvas.width = Math.round(size.width * dense);
      canvas.height = Math.round(size.height * dense);
    }
    const style = getComputedStyle(document.documentElement);
    const colour = name => style.getPropertyValue(name).trim();
    const ctx = canvas.getContext("2d");
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    ctx.setTransform(dense * look.zoom, 0, 0, dense * look.zoom, dense * look.x, dense * look.y);
    scene({
      line: (x1, y1, x2, y2, name, width, alpha) => {
        ctx.globalAlpha = alpha;
        ctx.strokeStyle = paintOf(name, colour);
        ctx.lineWidth = width;
        ctx.beginPath();
        ctx.moveTo(x1, y1);
        if (x1 === x2 || y1 === y2) ctx.lineTo(x2, y2);
        else ctx.bezierCurveTo(x1, (y1 + y2) / 2, x2, (y1 + y2) / 2, x2, y2);
        ctx.stroke();
        ctx.globalAlpha = 1;
      },
      circle: (x, y, r, name, ring) => {
        ctx.beginPath();
        ctx.arc(x, y, r, 0, 2 * Math.PI);
        ctx.fillStyle = paintOf(name, colour);
        ctx.fill();
        if (ring) { ctx.strokeStyle = colour("--ink"); ctx.lineWidth = 2; ctx.stroke(); }
      },
      text: (x, y, words, name, anchor, size) => {
        ctx.font = `${size}px ${name === "--ink" ? "ui-monospace, 'DejaVu Sans Mono', monospace" : "system-ui, sans-serif"}`;
        ctx.fillStyle = colour(name);
        ctx.textAlign = anchor;
        ctx.fillText(words, x, y);
      },
    });
    box.dataset.milliseconds = (performance.now() - begin).toFixed(1);
    box.dataset.nodes = data.name.length;
    box.dataset.edges = inSight().length;
  }

  const paintOf = (name, colour) => name.startsWith("--mark") ? `rgb(${colour(name)})` : colour(name);

  // Draws with whatever draws lines, circles and text.
  function scene(pen) {
    const bottom = HEAD + place.rows * ROW;
    data.sites.forEach((site, s) => {
      const y = HEAD + (place.rows - 2 - s) * ROW + ROW / 2;
      pen.line(LEFT - 8, y, place.width, y, "--line", 0.6, 1);
      pen.text(LEFT - 14, y + 4, site, "--soft", "right", 11);
    });
    data.tokens.forEach((token, position) => {
      const x = (place.starts[position] + place.starts[position + 1]) / 2;
      pen.text(x, bottom + 16, shown(token).trim() === "" ? "\u2423" : shown(token), "--ink", "center", 12);
    });
    const focus = over >= 0 ? over : chosenNode();
    for (const strong of [false, true]) {
      for (const e of inSight()) {
        const near = focus >= 0 && (data.source[e] === focus || data.target[e] === focus);
        if (near !== strong) continue;
        const a = data.source[e], b = data.target[e];
        pen.line(place.x[a], place.y[a], place.x[b], place.y[b], data.value[e] >= 0 ? "--mark" : "--mark-2", thickness(data.through[e]), focus < 0 ? 0.5 : near ? 0.85 : 0.13);
      }
    }
    data.name.forEach((_, i) => {
      const off = state.off.includes(data.name[i]);
      pen.circle(place.x[i], place.y[i], radius(data.influence[i]), off ? "--line" : data.kind[i] === "subcomponent" ? "--accent" : "--soft", i === over || idOf(i) === state.node);
      if (data.kind[i] === "output") pen.text(place.x[i] + 14, place.y[i] + 4, titleOf(i), "--ink", "left", 12);
    });
  }

  function saveSvg() {
    const style = getComputedStyle(document.documentElement);
    const colour = name => style.getPropertyValue(name).trim();
    const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${place.width} ${place.height}`, width: place.width, height: place.height });
    root.append(svg("rect", { width: place.width, height: place.height, fill: colour("--sheet") }));
    scene({
      line: (x1, y1, x2, y2, name, width, alpha) => root.append(svg("path", { d: x1 === x2 || y1 === y2 ? `M${x1} ${y1}L${x2} ${y2}` : `M${x1} ${y1}C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`, fill: "none", stroke: paintOf(name, colour), "stroke-width": width.toFixed(2), "stroke-opacity": alpha })),
      circle: (x, y, r, name, ring) => root.append(svg("circle", { cx: x, cy: y, r: r.toFixed(1), fill: paintOf(name, colour), stroke: ring ? colour("--ink") : "none" })),
      text: (x, y, words, name, anchor, size) => root.append(svg("text", { x, y, fill: colour(name), "font-size": size, "font-family": name === "--ink" ? "monospace" : "sans-serif", "text-anchor": { left: "start", center: "middle", right: "end" }[anchor] }, words)),
    });
    download("graph.svg", "image/svg+xml", new XMLSerializer().serializeToString(root));
  }

  async function saveJson() {
    try {
      const file = await api.job(run.key, { kind: "tracer", text: state.text, answer: state.answer, labels: Object.fromEntries(labels(run)) });
      download("graph.json", "application/json", JSON.stringify(file));
    } catch (error) {
      if (!gone) replace(busy, problem(error));
    }
  }

  // The node under a point of the canvas; -1 where there is none.
  function at(event) {
    if (!data) return -1;
    const size = box.getBoundingClientRect();
    const x = (event.clientX - size.left - look.x) / look.zoom, y = (event.clientY - size.top - look.y) / look.zoom;
    let best = -1, least = Infinity;
    for (let i = 0; i < place.x.length; i++) {
      const far = Math.hypot(place.x[i] - x, place.y[i] - y);
      if (far < Math.max(9, radius(data.influence[i]) + 3) && far < least) { least = far; best = i; }
    }
    return best;
  }

  function summary(i) {
    return [
      el("b", { className: data.kind[i] === "subcomponent" ? "mono" : "tok" }, titleOf(i)), own.get(data.name[i]) ? ` ${own.get(data.name[i])}` : "",
      el("div", { className: "note" }, "at ", tok(data.tokens[data.position[i]]), ` (${data.position[i]})`),
      el("div", { className: "note" }, `${percent(data.influence[i])} of the answer comes through here`),
      data.kind[i] === "subcomponent" ? el("div", { className: "note" }, `importance ${number(data.importance[i])}, activation ${number(data.activation[i])}`) : null,
      data.kind[i] === "embedding" ? null : el("div", { className: "note" }, `edges explain ${share(data.explained[i] / data.activation[i])}`),
    ].filter(part => part !== null);
  }

  let dragged = null;
  canvas.addEventListener("pointerdown", event => { dragged = { x: event.clientX, y: event.clientY, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", event => {
    if (dragged) {
      const dx = event.clientX - dragged.x, dy = event.clientY - dragged.y;
      if (dragged.moved || Math.hypot(dx, dy) > 3) {
        look.x += dx;
        look.y += dy;
        dragged = { x: event.clientX, y: event.clientY, moved: true };
        hover.hidden = true;
        draw();
      }
      return;
    }
    const found = at(event);
    if (found !== over) { over = found; draw(); }
    hover.hidden = found < 0;
    if (found >= 0) {
      replace(hover, summary(found));
      const size = box.getBoundingClientRect();
      hover.style.left = `${Math.min(size.width - 230, event.clientX - size.left + 14)}px`;
      hover.style.top = `${Math.min(size.height - 110, event.clientY - size.top + 10)}px`;
    }
  });
  canvas.addEventListener("pointerup", event => {
    if (dragged && !dragged.moved) { const found = at(event); choose(found); } else keep();
    dragged = null;
  });
  canvas.addEventListener("pointerleave", () => { if (over >= 0) { over = -1; draw(); } hover.hidden = true; });
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    if (!look) return;
    const size = box.getBoundingClientRect(), x = event.clientX - size.left, y = event.clientY - size.top;
    const zoom = Math.min(6, Math.max(0.05, look.zoom * Math.exp(-event.deltaY / 500)));
    look = { x: x - (x - look.x) * zoom / look.zoom, y: y - (y - look.y) * zoom / look.zoom, zoom };
    draw();
    keep();
  }, { passive: false });

  function choose(i) {
    state.node = i < 0 || idOf(i) === state.node ? "" : idOf(i);
    keep();
    draw();
    drawAbout();
  }

  // The chosen node with its edges, or the nodes that most comes through.
  function drawAbout() {
    const i = chosenNode();
    const row = (node, cells) => el("tr", {}, el("td", {}, el("button", { className: "plain mono", onclick: () => choose(node) }, `${titleOf(node)}@${data.position[node]}`), own.get(data.name[node]) ?? ""), cells.map(cell => el("td", { className: "n" }, cell)));
    if (i < 0) {
      const most = data.name.map((_, n) => n).filter(n => data.kind[n] !== "output").sort((a, b) => data.influence[b] - data.influence[a]).slice(0, 40);
      replace(about, el("h3", {}, "What most of the answer comes through"), el("table", {}, most.map(n => row(n, [percent(data.influence[n])]))));
      return;
    }
    const edges = (from, to) => data.source.map((_, e) => e).filter(e => data[to][e] === i).sort((a, b) => Math.abs(data.value[b]) - Math.abs(data.value[a])).slice(0, 30)
      .map(e => row(data[from][e], [number(data.value[e]), data.chance[e] ? el("span", { className: "soft", title: "what a random reader would give" }, `\u00b1${number(data.chance[e])}`) : ""]));
    const ends = (title, list) => list.length ? [el("h3", {}, title), el("table", {}, list)] : [];
    const piece = data.kind[i] === "subcomponent";
    replace(about, el("div", {}, summary(i)),
      piece ? el("div", { className: "row" },
        run.harvest ? el("a", { href: link(run.key, "piece", { id: data.name[i] }) }, "What it stands for") : null,
        el("a", { href: link(run.key, "prompt", { text: state.text, off: [...new Set([...state.off, data.name[i]])].join(",") }) }, "Suppress it")) : null,
      ends("It gets", edges("source", "target")), ends("It gives", edges("target", "source")));
  }

  const watcher = new ResizeObserver(() => { if (data) draw(); });
  watcher.observe(box);
  if (state.text) start(); else text.focus();
  return () => { gone = true; working?.abort(); watcher.disconnect(); };
}
