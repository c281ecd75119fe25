import { el, replace, svg, number, problem } from "./dom.js";
import * as api from "./api.js";
import { note } from "./app.js";
import { csv, picture, pictureButtons } from "./save.js";

const WAIT = 2000, POINTS = 400, W = 340, H = 120, LEFT = 46, FOOT = 16;

// What a run's training records, which grow while it trains.
export default async function curves(main, run, query) {
  const state = { q: query.get("q") ?? "", log: query.get("log") !== "0" };
  const rows = [];
  let gone = false, from = 0, drawn = -1, timer = 0;
  const said = el("span", { className: "soft", role: "status" }), charts = el("div", { className: "curves" });
  const search = el("input", { type: "search", value: state.q, placeholder: "name of a number", ariaLabel: "search", oninput: () => { state.q = search.value; keep(); draw(true); } });
  replace(main, el("div", { className: "page" }, el("h1", {}, "Training"),
    el("div", { className: "row" }, search,
      el("label", { className: "note" }, el("input", { type: "checkbox", className: "tick", checked: state.log, onchange: event => { state.log = event.target.checked; keep(); draw(true); } }), " logarithmic where all is above 0"),
      said, el("span", { className: "grow" }),
      el("button", { onclick: () => { const names = keys(); csv(`${run.name}-metrics`, names, rows.map(row => names.map(name => row[name]))); } }, "Save CSV")), charts));

  const keep = () => note(run.key, "curves", { q: state.q, log: state.log ? "" : 0 });
  const keys = () => [...new Set(rows.flatMap(row => Object.keys(row)))];

  // A line of one number over the steps, thinned to what can be seen.
  function chart(name) {
    const all = rows.filter(row => typeof row[name] === "number" && typeof row.step === "number");
    const step = Math.max(1, Math.ceil(all.length / POINTS)), points = all.filter((_, i) => i % step === 0 || i === all.length - 1);
    const values = points.map(row => row[name]), log = state.log && values.every(value => value > 0);
    const scale = value => log ? Math.log10(value) : value;
    const least = Math.min(...values.map(scale)), most = Math.max(...values.map(scale));
    const first = points[0].step, last = points.at(-1).step;
    const x = at => LEFT + (W - LEFT - 6) * (last === first ? 0.5 : (at - first) / (last - first));
    const y = value => 6 + (H - FOOT - 6) * (most === least ? 0.5 : 1 - (scale(value) - least) / (most - least));
    const root = svg("svg", { class: "picture", viewBox: `0 0 ${W} ${H}`, width: W, role: "img" },
      svg("line", { x1: LEFT, x2: W - 6, y1: H - FOOT, y2: H - FOOT, stroke: "var(--line)" }),
      svg("polyline", { points: points.map(row => `${x(row.step).toFixed(1)},${y(row[name]).toFixed(1)}`).join(" "), fill: "none", stroke: "rgb(var(--mark))", "stroke-width": 1.6 }),
      svg("text", { x: LEFT - 4, y: 12, "text-anchor": "end" }, number(Math.max(...values))), svg("text", { x: LEFT - 4, y: H - FOOT, "text-anchor": "end" }, number(Math.min(...values))),
      svg("text", { x: LEFT, y: H - 3 }, number(first)), svg("text", { x: W - 6, y: H - 3, "text-anchor": "end" }, number(last)));
    return el("figure", {}, el("figcaption", {}, el("b", {}, name.replaceAll("_", " ")), el("span", { className: "soft" }, number(values.at(-1))), el("span", { className: "grow" }),
      pictureButtons(`${run.name}-${name}`, () => picture(root))), root);
  }

  function draw(force) {
    if (rows.length === drawn && !force) return;
    drawn = rows.length;
    said.textContent = rows.length === 0 ? "Nothing is recorded yet." : `step ${number(rows.at(-1).step)}`;
    const find = state.q.toLowerCase();
    replace(charts, keys().filter(name => name !== "step" && name.toLowerCase().replaceAll("_", " ").includes(find.replaceAll("_", " ")) && rows.some(row => typeof row[name] === "number")).map(chart));
  }

  async function more() {
    try {
      const found = await api.metrics(run.key, from);
      if (gone) return;
      if (found.from < from) rows.length = 0; // the records begin anew
      rows.push(...found.lines);
      from = found.next;
      draw(false);
      timer = setTimeout(more, found.more ? 0 : WAIT);
    } catch (error) {
      if (!gone) replace(charts, problem(error));
    }
  }

  await more();
  return () => { gone = true; clearTimeout(timer); };
}
