import { el, replace, number, percent, shown, tok, problem } from "./dom.js";
import * as api from "./api.js";
import { link, note } from "./app.js";
import { groupsOf, stale } from "./groups.js";
import { labels } from "./labels.js";
import { csv, download, png } from "./save.js";
import { asSvg, clusters, colours, dots, grid, idOf, isDense, layout, line, onCanvas, paths, radius, sight, titleOf } from "./sight.js";

const QUICK = 20; // milliseconds of a painting that is done anew while the graph is moved
const REST = 120; // after this pause it is painted anew in any case

// Groups made by hand as the address holds them: NAME!NODE!NODE|NAME!NODE.
const readGroups = text => text.split("|").filter(Boolean).map(each => each.split("!")).filter(parts => parts.length > 1).map(([name, ...members]) => ({ name, members }));
const writeGroups = groups => groups.map(group => [group.name, ...group.members].join("!")).join("|");
const plainName = text => text.replace(/[!|,]/g, " ").trim();
const list = text => (text ?? "").split(",").filter(Boolean);

// What works on what in a prompt. What is chosen, pinned, grouped, hidden and in sight is in the
// address.
export default async function graph(main, run, query) {
  const state = {
    text: query.get("text") ?? "", answer: query.get("answer") ?? "", weak: Number(query.get("weak") ?? 0.01),
    node: query.get("node") ?? "", pan: (query.get("pan") ?? "").split(" ").map(Number),
    around: query.get("around") ?? (query.get("alone") === "1" ? "1" : ""), off: list(query.get("off")),
    pins: list(query.get("pins")), groups: readGroups(query.get("groups") ?? ""), clusters: query.get("clusters") === "1",
  };
  const clustered = await groupsOf(run);
  state.clusters &&= clustered !== null;
  const own = labels(run), picked = new Set();
  let gone = false, data = null, job = null, seen = null, place = null, lines = null, near = null, working = null, over = -1, painted = null, cost = 0, resting = 0;
  let look = state.pan.length === 3 && state.pan.every(Number.isFinite) && state.pan[2] > 0 ? { x: state.pan[0], y: state.pan[1], zoom: state.pan[2] } : null;

  const text = el("textarea", { rows: 1, value: state.text, spellcheck: false, ariaLabel: "prompt", onkeydown: enter });
  const answer = el("input", { type: "text", value: state.answer, placeholder: "most probable", ariaLabel: "answer", size: 12, onkeydown: enter });
  const busy = el("div"), canvas = el("canvas", { tabIndex: 0, ariaLabel: "graph" }), above = el("canvas", { className: "above" });
  const about = el("div", { className: "about" }), top = el("div", { className: "row tight" }), hover = el("div", { className: "hover", hidden: true });
  const box = el("div", { className: "graph", hidden: true }, canvas, above, hover);
  main.className = "fills";
  replace(main,
    el("div", { className: "row asking" }, text, el("label", { className: "note" }, "answer ", answer), el("button", { className: "main", onclick: () => start() }, "Draw")),
    busy, top, el("div", { className: "graphs" }, box, about));

  function enter(event) { if (event.key === "Enter") { event.preventDefault(); start(); } }

  function keep() {
    note(run.key, "graph", {
      text: state.text, answer: state.answer, weak: state.weak === 0.01 ? "" : state.weak, node: state.node,
      around: state.around, pins: state.pins.join(","), groups: writeGroups(state.groups), clusters: state.clusters ? 1 : "", off: state.off.join(","),
      pan: look ? `${look.x.toFixed(0)} ${look.y.toFixed(0)} ${look.zoom.toFixed(3)}` : "",
    });
  }

  async function start() {
    if (text.value !== state.text || answer.value !== state.answer) {
      Object.assign(state, { node: "", pins: [], groups: [], around: "" });
      look = null;
    }
    state.text = text.value;
    state.answer = answer.value;
    keep();
    if (state.text === "") return;
    working?.abort();
    const mine = working = new AbortController();
    const doing = el("span", { role: "status" }, "waiting");
    replace(busy, el("p", { className: "note" }, doing, " ", el("button", { className: "plain", onclick: () => mine.abort() }, "Cancel")));
    try {
      const result = await api.job(run.key, { kind: "graph", text: state.text, answer: state.answer }, (share, what) => { doing.textContent = `${what} ${Math.round(100 * share)} %`; }, mine.signal, id => { job = id; });
      if (gone || mine !== working) return;
      data = result;
      replace(busy, stale(state.clusters ? clustered : null));
      drawAll();
    } catch (error) {
      if (!gone && mine === working) replace(busy, error.name === "AbortError" ? el("p", { className: "note" }, "Cancelled.") : problem(error));
    }
  }

  // The groups made by hand and, where it is asked for, the clusters at each position.
  const grouped = () => state.clusters ? [...state.groups, ...clusters(data, clustered, state.groups)] : state.groups;

  // What is in sight, anew; then all of it is drawn.
  function lookAgain() {
    seen = sight(data, { ...state, groups: grouped() });
    place = layout(data, seen, own);
    lines = paths(seen, place);
    over = -1;
    if (!look) { // once the box has its size
      const size = box.getBoundingClientRect();
      const zoom = Math.min(1.8, size.width / place.width, size.height / place.height);
      look = { x: (size.width - place.width * zoom) / 2, y: Math.max(0, (size.height - place.height * zoom) / 2), zoom };
    }
    focus();
    draw();
  }

  function change(settings, fit) {
    Object.assign(state, settings);
    if (fit) look = null;
    lookAgain();
    keep();
    drawAbout();
  }

  function drawAll() {
    box.hidden = false;
    const slider = el("input", {
      type: "range", style: { width: "90px", verticalAlign: "middle" }, min: -4, max: -0.3, step: 0.05, value: Math.log10(Math.max(1e-4, state.weak)), ariaLabel: "hide weaker",
      oninput: () => { told.textContent = percent(10 ** Number(slider.value)); change({ weak: Number((10 ** Number(slider.value)).toPrecision(2)) }); },
    });
    const told = el("span", { className: "n" }, percent(state.weak));
    const part = el("select", { ariaLabel: "part of the graph", style: { width: "7rem" }, onchange: () => change({ around: part.value }, true) },
      [["", "all"], ["1", "next to the chosen"], ["all", "through the chosen"], ["pins", "pinned"]].map(([value, words]) => el("option", { value }, words)));
    part.value = state.around;
    const c = data.completeness;
    replace(top,
      el("span", {}, tok(data.answer.text), ` ${percent(data.probability)}`),
      el("span", { className: "note", title: "edges add up to so much of the answer\u2019s logit, and of the pieces\u2019 activations (median)" },
        `edges explain ${share(c.output)} of the logit, ${share(c.middle)} of activations`),
      el("span", { className: "grow" }),
      el("label", { className: "note", title: "edges through which less of the answer comes" }, "hide below ", slider, " ", told), part,
      clustered ? el("label", { className: "note", title: "pieces of a group of cleave groups at the same token become one" }, el("input", { type: "checkbox", className: "tick", checked: state.clusters, ariaLabel: "group by cluster", onchange: event => change({ clusters: event.target.checked }) }), " by cluster") : null,
      el("button", { className: "plain", title: "all of it in sight", onclick: () => change({}, true) }, "Fit"),
      el("button", { className: "plain", onclick: () => csv("graph-edges", ["source", "target", "strength", "by_chance", "of_answer"], seen.edges.map(e => [seen.nodes[e.a].id, seen.nodes[e.b].id, e.value, e.chance, e.through])) }, "CSV"),
      el("button", { className: "plain", onclick: () => download("graph.svg", "image/svg+xml", asText()) }, "SVG"),
      el("button", { className: "plain", onclick: () => png("graph", asText(), place.width, place.height) }, "PNG"),
      el("button", { className: "plain", title: "a file for circuit-tracer\u2019s viewer", onclick: saveJson }, "JSON"),
      el("a", { className: "note", href: link(run.key, "prompt", { text: state.text, off: state.off.join(",") }) }, "Turn pieces off"));
    lookAgain();
    drawAbout();
  }

  const share = value => typeof value === "number" && Number.isFinite(value) ? `${Math.round(100 * value)}\u2009%` : "\u2013";

  let asked = false;
  function draw() {
    if (asked || !data) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; if (!gone) paint(); });
  }

  // While it is moved, a large graph is the picture there is, shifted; it is painted anew at rest.
  function move() {
    if (cost > QUICK && painted) {
      const zoom = look.zoom / painted.zoom;
      for (const each of [canvas, above]) {
        each.style.transformOrigin = "0 0";
        each.style.transform = `matrix(${zoom}, 0, 0, ${zoom}, ${look.x - painted.x * zoom}, ${look.y - painted.y * zoom})`;
      }
      clearTimeout(resting);
      resting = setTimeout(draw, REST);
    } else {
      draw();
    }
  }

  function ready(which) {
    const size = box.getBoundingClientRect(), dense = devicePixelRatio || 1;
    const width = Math.round(size.width * dense), height = Math.round(size.height * dense);
    if (which.width !== width || which.height !== height) Object.assign(which, { width, height });
    const ctx = which.getContext("2d");
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.setTransform(dense * look.zoom, 0, 0, dense * look.zoom, dense * look.x, dense * look.y);
    return ctx;
  }

  function paint() {
    const begin = performance.now(), pen = onCanvas(ready(canvas), colours());
    for (const each of [canvas, above]) each.style.transform = "";
    painted = { ...look };
    pen.all(lines, 0.5, isDense(seen) ? 1 / (look.zoom * (devicePixelRatio || 1)) : Infinity);
    paintAbove();
    cost = performance.now() - begin;
    requestAnimationFrame(() => { cost = performance.now() - begin; }); // with what the browser does later
    box.dataset.milliseconds = cost.toFixed(1);
    box.dataset.nodes = seen.nodes.filter(each => each.kept).length;
    box.dataset.edges = seen.edges.length;
  }

  // Nodes, and the edges of the one that is pointed at or chosen, over all others, which fade.
  function paintAbove() {
    const pen = onCanvas(ready(above), colours());
    grid(pen, data, place);
    const node = over >= 0 ? over : state.around === "1" ? -1 : seen.chosen;
    canvas.style.opacity = node >= 0 ? 0.25 : 1;
    if (node >= 0) seen.edges.forEach(edge => { if (edge.a === node || edge.b === node) line(pen, place, edge, 0.85); });
    dots(pen, data, seen, place, { off: state.off, pins: state.pins, picked, named: own, over, near });
  }

  function focus() {
    const node = over >= 0 ? over : state.around === "1" ? -1 : seen.chosen;
    near = node < 0 ? null : new Set([node, ...seen.edges.filter(edge => edge.a === node || edge.b === node).flatMap(edge => [edge.a, edge.b])]);
  }

  function point(i) {
    over = i;
    focus();
    requestAnimationFrame(() => { if (!gone && !asked) paintAbove(); });
  }

  function asText() {
    const pen = asSvg(place, colours());
    grid(pen, data, place);
    seen.edges.forEach(edge => line(pen, place, edge, 0.5));
    dots(pen, data, seen, place, { off: state.off, pins: state.pins, picked: new Set(), named: own, over: -1, near: null });
    return pen.end();
  }

  // The graph that is shown, as the server found it, with what is chosen, pinned and grouped here.
  async function saveJson() {
    const places = new Map(data.name.map((_, i) => [idOf(data, i), i]));
    const known = ids => ids.map(id => places.get(id)).filter(i => i !== undefined);
    try {
      const file = await api.job(run.key, {
        kind: "tracer", graph: job, labels: Object.fromEntries(labels(run)), chosen: places.get(state.node) ?? -1, pinned: known(state.pins),
        groups: grouped().map(group => ({ name: group.name, nodes: known(group.members) })),
      });
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
    for (let i = 0; i < seen.nodes.length; i++) {
      const far = Math.hypot(place.x[i] - x, place.y[i] - y);
      if (seen.nodes[i].drawn && far < Math.max(9, radius(seen.nodes[i].influence) + 3) && far < least) { least = far; best = i; }
    }
    return best;
  }

  function summary(each) {
    if (each.group) return [el("b", {}, each.group.name), el("div", { className: "note" }, `a group of ${each.members.length}`)];
    const i = each.first, name = data.name[i];
    return [
      el("b", { className: data.kind[i] === "subcomponent" ? "mono" : "tok" }, titleOf(data, each)), own.get(name) ? ` ${own.get(name)}` : "",
      el("div", { className: "note" }, "at ", tok(data.tokens[data.position[i]]), ` (${data.position[i]})`),
      el("div", { className: "note" }, `${percent(data.influence[i])} of the answer comes through here`),
      data.kind[i] === "subcomponent" ? el("div", { className: "note" }, `importance ${number(data.importance[i])}, activation ${number(data.activation[i])}`) : null,
      data.kind[i] === "embedding" ? null : el("div", { className: "note" }, `edges explain ${share(data.explained[i] / data.activation[i])}`),
    ].filter(part => part !== null);
  }

  let dragged = null;
  canvas.addEventListener("pointerdown", event => { dragged = { x: event.clientX, y: event.clientY, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", event => {
    if (!seen) return;
    if (dragged) {
      const dx = event.clientX - dragged.x, dy = event.clientY - dragged.y;
      if (dragged.moved || Math.hypot(dx, dy) > 3) {
        look.x += dx;
        look.y += dy;
        dragged = { x: event.clientX, y: event.clientY, moved: true };
        hover.hidden = true;
        move();
      }
      return;
    }
    const found = at(event);
    if (found !== over) point(found);
    hover.hidden = found < 0;
    if (found >= 0) {
      replace(hover, summary(seen.nodes[found]));
      const size = box.getBoundingClientRect();
      hover.style.left = `${Math.min(size.width - 230, event.clientX - size.left + 14)}px`;
      hover.style.top = `${Math.min(size.height - 110, event.clientY - size.top + 10)}px`;
    }
  });
  canvas.addEventListener("pointerup", event => {
    if (dragged && !dragged.moved) {
      const found = at(event);
      if (event.shiftKey && found >= 0) pick(seen.nodes[found].id);
      else choose(found);
    } else {
      keep();
    }
    dragged = null;
  });
  canvas.addEventListener("pointerleave", () => { if (over >= 0) point(-1); hover.hidden = true; });
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    if (!look) return;
    const size = box.getBoundingClientRect(), x = event.clientX - size.left, y = event.clientY - size.top;
    const zoom = Math.min(6, Math.max(0.05, look.zoom * Math.exp(-event.deltaY / 500)));
    look = { x: x - (x - look.x) * zoom / look.zoom, y: y - (y - look.y) * zoom / look.zoom, zoom };
    move();
    keep();
  }, { passive: false });

  function choose(i) {
    const id = i < 0 ? "" : seen.nodes[i].id;
    change({ node: id === state.node ? "" : id });
  }

  function pick(id) {
    if (!picked.delete(id)) picked.add(id);
    draw();
    drawAbout();
  }

  function pin(ids) {
    const all = ids.every(id => state.pins.includes(id));
    change({ pins: all ? state.pins.filter(id => !ids.includes(id)) : [...new Set([...state.pins, ...ids])] });
  }

  // What was picked becomes one node; a group that was picked gives its members.
  function group(name) {
    const wanted = plainName(name) || `group ${state.groups.length + 1}`;
    const taken = grouped().filter(each => picked.has(`group ${each.name}`));
    const members = [...new Set([...picked].filter(id => !taken.some(each => id === `group ${each.name}`)).concat(taken.flatMap(each => each.members)))];
    picked.clear();
    const rest = state.groups.filter(each => !taken.includes(each) && each.name !== wanted);
    change({ groups: [...rest, { name: wanted, members }], node: `group ${wanted}` });
  }

  function picking() {
    const name = el("input", { type: "text", ariaLabel: "name of the group", placeholder: "name", size: 14, maxLength: 60, onkeydown: event => { if (event.key === "Enter") group(name.value); } });
    return el("div", { className: "picking" }, el("h3", {}, `${picked.size} picked`),
      el("div", { className: "row" }, name, el("button", { onclick: () => group(name.value) }, "Group"), el("button", { onclick: () => { const all = [...picked]; picked.clear(); pin(all); } }, "Pin"),
        el("button", { className: "plain", onclick: () => { picked.clear(); draw(); drawAbout(); } }, "None")));
  }

  // The chosen node with its edges, or the nodes that most comes through.
  function drawAbout() {
    const named = each => data.kind[each.first] === "subcomponent" && !each.group ? own.get(data.name[each.first]) ?? "" : "";
    const row = (i, cells) => el("tr", {}, el("td", {}, el("button", {
      className: `plain ${seen.nodes[i].group ? "" : "mono"}`, title: "with Shift it is picked for a group", onclick: event => event.shiftKey ? pick(seen.nodes[i].id) : choose(i),
    }, seen.nodes[i].group ? seen.nodes[i].group.name : `${titleOf(data, seen.nodes[i])}@${data.position[seen.nodes[i].first]}`), named(seen.nodes[i])), cells.map(cell => el("td", { className: "n" }, cell)));
    const table = (title, rows) => rows.length ? [el("h3", {}, title), el("table", {}, rows)] : [];
    const picks = picked.size > 0 ? picking() : null;
    const each = seen.nodes[seen.chosen];
    if (!each) {
      const kept = seen.nodes.map((_, i) => i).filter(i => seen.nodes[i].kept);
      const most = kept.filter(i => data.kind[seen.nodes[i].first] !== "output").sort((a, b) => seen.nodes[b].influence - seen.nodes[a].influence).slice(0, 40);
      replace(about, picks, table("Pinned", kept.filter(i => state.pins.includes(seen.nodes[i].id)).map(i => row(i, [percent(seen.nodes[i].influence)]))),
        table("What most of the answer comes through", most.map(i => row(i, [percent(seen.nodes[i].influence)]))),
        el("p", { className: "note" }, "Click a node for its edges; Shift and click picks nodes for a group."));
      return;
    }
    const edges = (from, to) => seen.edges.filter(edge => edge[to] === seen.chosen).sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, 30)
      .map(edge => row(edge[from], [number(edge.value), edge.chance ? el("span", { className: "soft", title: "what a random reader would give" }, `\u00b1${number(edge.chance)}`) : ""]));
    const pieces = [...new Set(each.members.filter(i => data.kind[i] === "subcomponent").map(i => data.name[i]))];
    const plain = (words, act) => el("button", { className: "plain", onclick: act }, words);
    replace(about, picks, el("div", {}, summary(each)),
      el("div", { className: "row" },
        plain(state.pins.includes(each.id) ? "Unpin" : "Pin", () => pin([each.id])), plain(picked.has(each.id) ? "Unpick" : "Pick", () => pick(each.id)), plain("Leave it", () => choose(-1)),
        each.group?.cluster && run.harvest ? el("a", { href: link(run.key, "pieces", { group: each.group.cluster }) }, "Its pieces") : null,
        each.group && !each.group.cluster ? plain("Ungroup", () => change({ groups: state.groups.filter(other => other !== each.group), node: "", pins: state.pins.filter(id => id !== each.id) })) : null,
        pieces.length === 1 && run.harvest ? el("a", { href: link(run.key, "piece", { id: pieces[0] }) }, "What it stands for") : null,
        pieces.length > 0 ? el("a", { href: link(run.key, "prompt", { text: state.text, off: [...new Set([...state.off, ...pieces])].join(",") }) }, pieces.length > 1 ? "Suppress them" : "Suppress it") : null),
      each.group ? table("It holds", each.members.map(i => el("tr", {}, el("td", { className: "mono" }, `${shown(idOf(data, i))} ${own.get(data.name[i]) ?? ""}`), el("td", { className: "n" }, percent(data.influence[i]))))) : [],
      table("It gets", edges("a", "b")), table("It gives", edges("b", "a")));
  }

  const watcher = new ResizeObserver(() => { // the first size is painted already
    if (data && painted && canvas.width !== Math.round(box.getBoundingClientRect().width * (devicePixelRatio || 1))) draw();
    else if (data && painted && canvas.height !== Math.round(box.getBoundingClientRect().height * (devicePixelRatio || 1))) draw();
  });
  watcher.observe(box);
  if (state.text) start(); else text.focus();
  return () => { gone = true; working?.abort(); clearTimeout(resting); watcher.disconnect(); };
}
