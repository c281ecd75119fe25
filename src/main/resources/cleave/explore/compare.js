import { el, replace, number, problem } from "./dom.js";
import * as api from "./api.js";
import { link, note } from "./app.js";
import { csv } from "./save.js";
import { labels } from "./labels.js";

const MOST = 400; // rows in sight

// Which pieces of this run are those of another: what `cleave compare` says of the two.
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
    replace(busy, el("div", { className: "row" }, doing, el("button", { className: "plain", onclick: () => mine.abort() }, "Cancel")));
    try {
      data = await api.job(run.key, { kind: "compare", with: state.with }, (share, what) => { doing.textContent = `${what} ${Math.round(100 * share)} %`; }, mine.signal);
      if (gone || mine !== working) return;
      replace(busy);
      draw();
    } catch (error) {
      if (!gone && mine === working) replace(busy, error.name === "AbortError" ? el("p", { className: "note" }, "Cancelled.") : problem(error));
    }
  }

  const figure = value => typeof value === "number" && Number.isFinite(value) ? value.toFixed(3) : "\u2013";

  // A line for each site and one for all, as `cleave compare` prints them.
  function sites(title, columns) {
    const lines = [...data.sites.map(each => [each.site, each.likeness]), ["all", data.all]];
    return el("div", {}, el("div", { className: "row" }, el("span", { className: "grow" }), el("button", { className: "plain", title: "save as CSV", onclick: () => csv(title.replaceAll(" ", "-"), [title, ...columns.map(([words]) => words)], lines.map(([name, alike]) => [name, ...columns.map(([, of]) => of(alike))])) }, "CSV")),
      el("table", {}, el("tr", {}, el("th", {}, title), columns.map(([words]) => el("th", { className: "n" }, words))),
      lines.map(([name, alike]) => el("tr", {}, el("td", { className: "mono" }, name), columns.map(([, of]) => el("td", { className: "n" }, of(alike)))))));
  }

  function draw() {
    const other = all.find(each => each.key === state.with), own = labels(run), theirs = labels(other);
    const site = el("select", { ariaLabel: "site", onchange: () => { state.site = site.value; keep(); fill(); } }, el("option", { value: "" }, "all sites"), data.sites.map(each => el("option", { value: each.site }, each.site)));
    site.value = state.site;
    const search = el("input", { type: "search", value: state.find, placeholder: "name or label", ariaLabel: "search", oninput: () => { state.find = search.value; keep(); fill(); } });
    const body = el("tbody"), count = el("span", { className: "soft", role: "status" });
    const named = (which, name, text) => name === null ? "\u2013" : [which.harvest ? el("a", { className: "mono", href: link(which.key, "piece", { id: name }) }, name) : el("span", { className: "mono" }, name), text ? ` ${text}` : ""];
    const pieces = [...data.pieces].sort((a, b) => (b.vectors ?? -1) - (a.vectors ?? -1));
    const fill = () => {
      const find = state.find.toLowerCase();
      const rows = pieces.filter(piece => (state.site === "" || piece.id.startsWith(`${state.site}:`)) && (find === "" || [piece.id, own.get(piece.id), piece.by_vectors, theirs.get(piece.by_vectors), piece.by_importances].join(" ").toLowerCase().includes(find)));
      count.textContent = `${rows.length} pieces`;
      replace(body, rows.slice(0, MOST).map(piece => el("tr", {}, el("td", {}, named(run, piece.id, own.get(piece.id))), el("td", {}, named(other, piece.by_vectors, theirs.get(piece.by_vectors))),
        el("td", { className: "n" }, figure(piece.vectors)), el("td", { className: "n" }, figure(piece.importances)),
        el("td", {}, piece.by_importances !== null && piece.by_importances === piece.by_vectors ? "the same" : named(other, piece.by_importances, theirs.get(piece.by_importances))))));
    };
    replace(result,
      el("h2", {}, "Sites"),
      sites("matched by vectors", [
        ["pieces", a => `${number(a.first)}/${number(a.other)}`], ["vectors", a => figure(a.vectors.mean)], ["shuffled", a => figure(a.vectors.shuffled)], ["by chance", a => figure(a.vectors.matched)],
        ["importances", a => figure(a.importances_of_vectors.mean)], ["shuffled", a => figure(a.importances_of_vectors.shuffled)]]),
      sites("matched by importances", [
        ["importances", a => figure(a.importances.mean)], ["shuffled", a => figure(a.importances.shuffled)], ["by chance", a => figure(a.importances.matched)],
        ["vectors", a => figure(a.vectors_of_importances.mean)], ["shuffled", a => figure(a.vectors_of_importances.shuffled)],
        ["same pairs", a => typeof a.same === "number" && Number.isFinite(a.same) ? `${Math.round(100 * a.same)}\u2009%` : "\u2013"]]),
      el("p", { className: "note" }, `What cleave compare finds over ${number(data.positions)} tokens: pieces that are active somewhere are matched one to one, by |cos V| |cos U| and again by the cosine of their importances. Shuffled: the mean over all pairs; by chance: what matching finds between things that have nothing in common.`),
      el("div", { className: "row" }, el("h2", {}, "Pieces"), site, search, count, el("span", { className: "grow" }),
        el("button", { onclick: () => csv("compare", ["piece", "by_vectors", "vectors", "importances", "by_importances"], data.pieces.map(each => [each.id, each.by_vectors, each.vectors, each.importances, each.by_importances])) }, "Save CSV")),
      el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, run.name), el("th", {}, `${other.name}, by vectors`), el("th", { className: "n" }, "vectors"), el("th", { className: "n" }, "importances"), el("th", {}, "by importances"))), body));
    fill();
  }

  if (state.with) start();
  return () => { gone = true; working?.abort(); };
}
