// Which view is shown follows from the address alone: #/RUN/VIEW?key=value. Views change it by `go`.

import { el, replace, problem } from "./dom.js";
import * as api from "./api.js";
import runs from "./runs.js";
import pieces from "./pieces.js";
import piece from "./piece.js";
import prompt from "./prompt.js";
import graph from "./graph.js";
import compare from "./compare.js";
import curves from "./curves.js";

const VIEWS = { runs, pieces, piece, prompt, graph, compare, curves };
const main = document.getElementById("view");
const bar = document.getElementById("bar");
let leave = () => {};
let shownView = "";

function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [run = "", view = ""] = path.split("/");
  return { run, view: run ? view || "pieces" : "runs", query: new URLSearchParams(query) };
}

export function link(run, view, query = {}) {
  const parts = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined && value !== false) parts.set(key, value);
  }
  const text = parts.toString();
  return run ? `#/${run}/${view}${text ? "?" + text : ""}` : "#/";
}

// Keeps the view as it is and changes what its address says.
export function note(run, view, query) {
  history.replaceState(null, "", location.pathname + location.search + link(run, view, query));
}

export function go(run, view, query) {
  location.hash = link(run, view, query);
}

function theme() {
  const kept = localStorage.getItem("theme") ?? "";
  document.documentElement.dataset.theme = kept;
  return el("button", {
    className: "plain", title: "light or dark", ariaLabel: "light or dark",
    onclick: () => {
      const dark = getComputedStyle(document.documentElement).getPropertyValue("--paper").trim() === "#14181c";
      localStorage.setItem("theme", dark ? "light" : "dark");
      document.documentElement.dataset.theme = dark ? "light" : "dark";
    },
  }, "\u25d0");
}

const switcher = theme();

async function show() {
  const here = address();
  leave();
  leave = () => {};
  const name = `${here.run}/${here.view}`;
  const view = VIEWS[here.view] ?? (() => { throw new Error("there is no such view"); });
  try {
    const run = here.run ? await api.run(here.run) : null;
    const tab = (key, text, works) => works ? el("a", {
      href: link(here.run, key), "aria-current": here.view === key || (key === "pieces" && here.view === "piece") ? "page" : null,
    }, text) : null;
    replace(bar,
      el("a", { className: "brand", href: "#/" }, "Cleave"),
      run ? el("span", { className: "run" }, run.name) : null,
      el("nav", {}, run ? [tab("pieces", "Pieces", run.harvest), tab("prompt", "Prompt", run.can_run), tab("graph", "Graph", run.can_run), tab("compare", "Compare", run.can_run), tab("curves", "Training", run.trains)] : []),
      el("span", { className: "space" }), switcher);
    document.title = run ? `${here.query.get("id") ?? here.view} \u00b7 ${run.name} \u00b7 Cleave` : "Cleave";
    if (name !== shownView) main.scrollTop = 0;
    shownView = name;
    main.className = "";
    leave = (await view(main, run, here.query)) ?? (() => {});
  } catch (error) {
    replace(main, el("div", { className: "page" }, problem(error)));
  }
}

addEventListener("hashchange", show);
show();
