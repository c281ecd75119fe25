import { el, replace, number, percent, problem } from "./dom.js";
import * as api from "./api.js";
import { link, note } from "./app.js";
import { csv } from "./save.js";
import { labels } from "./labels.js";

const MOST = 400; // rows in sight

// Which pieces of this run are those of another, by both of their vectors.
export default async function compare(main, run, query) {
  const all = await api.runs(), others = all.filter(each => each.key !== run.key && each.can_run);
  const state = { with: query.get("with") ?? others[0]?.key ?? "", site: query.get("site") ?? "", find: query.get("find") ?? "" };
  let gone = false, working = null, data = null;
  const busy = el("div"), result = el("div");
  const which = el("select", { ariaLabel: "other run", onchange: () => { state.with = which.value; start(); } }, others.map(each => el("option", { value: each.key }, `${each.name} (${each.path})`)));
  which.value = state.with;
  replace(main, el("div", { className: "page" }, el("h1", {}, "Compare"),
    others.length === 0
      ? el("p", { className: "soft" }, "Open the page with two runs of the same target to compare them: ", el("code", {}, "cleave explore RUN RUN"))
      : [el("div", { className: "row" }, el("span", { className: "soft" }, `${run.name} with`), which), busy, result]));

  function keep() { note(run.key, "compare", { with: state.with, site: state.site, find: state.find }); }

  async function start() {
    working?.abort();
    const mine = working = new AbortController(), doing = el("p", { className: "note", role: "status" }, "waiting");
    keep();
    replace(result);
    replace(busy, doing);
    try {
      data = await api.job(run.key, { kind: "compare", with: state.with }, (share, what) => { doing.textContent = `${what} ${Math.round(100 * share)} %`; }, mine.signal);
      if (gone || mine !== working) return;
      replace(busy);
      draw();
    } catch (error) {
      if (!gone && mine === working) replace(busy, error.name === "AbortError" ? el("p", { className: "note" }, "Cancelled.") : problem(error));
    }
  }

  function draw() {
    const other = all.find(each => each.key === state.with), own = labels(run), theirs = labels(other);
    const site = el("select", { ariaLabel: "site", onchange: () => { state.site = site.value; keep(); fill(); } }, el("option", { value: "" }, "all sites"), data.sites.map(each => el("option", { value: each.site }, each.site)));
    site.value = state.site;
    const search = el("input", { type: "search", value: state.find, placeholder: "name or label", ariaLabel: "search", oninput: () => { state.find = search.value; keep(); fill(); } });
    const body = el("tbody"), count = el("span", { className: "soft", role: "status" });
    const named = (which, name, text) => [which.harvest ? el("a", { className: "mono", href: link(which.key, "piece", { id: name }) }, name) : el("span", { className: "mono" }, name), text ? ` ${text}` : ""];
    const fill = () => {
      const find = state.find.toLowerCase();
      const rows = data.pairs.filter(pair => (state.site === "" || pair.piece.startsWith(`${state.site}:`)) && (find === "" || `${pair.piece} ${own.get(pair.piece) ?? ""} ${pair.match} ${theirs.get(pair.match) ?? ""}`.toLowerCase().includes(find)));
      count.textContent = `${rows.length} pieces`;
      replace(body, rows.slice(0, MOST).map(pair => el("tr", {}, el("td", {}, named(run, pair.piece, own.get(pair.piece))), el("td", {}, named(other, pair.match, theirs.get(pair.match)), pair.mutual ? "" : el("span", { className: "soft", title: "it is more like another piece of this run" }, " *")),
        el("td", { className: "n" }, pair.likeness.toFixed(3)), el("td", { className: "n" }, pair.reads.toFixed(3)), el("td", { className: "n" }, pair.writes.toFixed(3)))));
    };
    replace(result,
      el("h2", {}, "Sites"),
      el("table", {}, el("tr", {}, ["site", "pieces here", "there", "like one there", "by chance", "median likeness"].map((words, i) => el("th", { className: i ? "n" : "" }, words))),
        data.sites.map(each => el("tr", {}, el("td", { className: "mono" }, each.site), el("td", { className: "n" }, number(each.pieces)), el("td", { className: "n" }, number(each.others)),
          el("td", { className: "n" }, percent(each.like)), el("td", { className: "n" }, percent(each.chance)), el("td", { className: "n" }, each.median.toFixed(3))))),
      el("p", { className: "note" }, `A piece is like another where |cos V| |cos U| is above ${data.enough}; by chance: the same of pieces in random directions.`),
      el("div", { className: "row" }, el("h2", {}, "Pieces"), site, search, count, el("span", { className: "grow" }),
        el("button", { onclick: () => csv("compare", ["piece", "match", "likeness", "reads", "writes", "mutual"], data.pairs.map(pair => [pair.piece, pair.match, pair.likeness, pair.reads, pair.writes, pair.mutual])) }, "Save CSV")),
      el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, run.name), el("th", {}, other.name), el("th", { className: "n" }, "likeness"), el("th", { className: "n" }, "|cos V|"), el("th", { className: "n" }, "|cos U|"))), body));
    fill();
  }

  if (state.with) start();
  return () => { gone = true; working?.abort(); };
}
