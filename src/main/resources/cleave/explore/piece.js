import { el, svg, replace, number, percent, tok, shown, wash } from "./dom.js";
import * as api from "./api.js";
import { link } from "./app.js";
import { csv, picture, pictureButtons } from "./save.js";
import { groupsOf, stale } from "./groups.js";
import { label, labels } from "./labels.js";

export default async function piece(main, run, query) {
  const id = query.get("id") ?? "";
  const [data, table, groups] = await Promise.all([api.piece(run.key, id), api.table(run.key), groupsOf(run)]);
  const own = data.piece;
  const at = table.id.indexOf(id);
  const step = (to, text) => table.id[to] === undefined ? el("span")
    : el("a", { href: link(run.key, "piece", { id: table.id[to] }), title: table.id[to] }, text);
  const threshold = run.harvest.settings.threshold;
  replace(main, el("div", { className: "page" },
    el("div", { className: "row" },
      el("h1", { className: "mono" }, own.id), el("span", { className: "grow" }),
      step(at - 1, "\u2190 previous"), step(at + 1, "next \u2192"),
      run.can_run ? el("a", { href: link(run.key, "prompt", { off: own.id, text: example(data) }) }, "Suppress it") : null),
    el("input", {
      type: "text", className: "label", value: labels(run).get(own.id) ?? "", placeholder: "your label for it", ariaLabel: "label", maxLength: 200,
      onchange: event => label(run, own.id, event.target.value),
    }),
    numbers(own, run),
    headed("Where it is most important", data.examples.strongest, `${own.id}-strongest`),
    examples(data.examples.strongest, own.id),
    data.examples.ordinary.length ? [
      headed("Ordinary places", data.examples.ordinary, `${own.id}-ordinary`),
      el("p", { className: "note" }, `Drawn from all texts in which its importance is above ${threshold}.`),
      examples(data.examples.ordinary, own.id)] : null,
    el("h2", {}, "Tokens"),
    el("div", { className: "columns" },
      tokens("at its positions, by count", own.tokens_in.by_count, own.id, "in-count"),
      tokens("at its positions, by association", own.tokens_in.by_pmi, own.id, "in-pmi"),
      tokens("expected next, by count", own.tokens_out.by_count, own.id, "out-count"),
      tokens("expected next, by association", own.tokens_out.by_pmi, own.id, "out-pmi")),
    own.reads || own.writes ? [
      el("h2", {}, "Vectors"),
      el("div", { className: "columns" },
        own.reads ? [ends("V reads, along", own.reads.along, own.id), ends("V reads, against", own.reads.against, own.id)] : null,
        own.writes ? [ends("U writes, along", own.writes.along, own.id), ends("U writes, against", own.writes.against, own.id)] : null),
      el("p", { className: "note" }, "Cosines with the tokens\u2019 own vectors; norms in between are left out.")] : null,
    own.partners.length ? [el("h2", {}, "Active together with"), partners(own, run)] : null,
    together(own, run, groups), quantiles(own)));
}

// The group that it is in, with the others there.
function together(own, run, groups) {
  const group = groups?.groups.find(each => each.members.includes(own.id));
  if (!group) return null;
  const named = labels(run), share = value => value === null ? "\u2013" : percent(value);
  return [el("h2", {}, el("a", { href: link(run.key, "pieces", { group: group.id }) }, `Group ${group.id}`)), stale(groups),
    el("p", { className: "note" }, `One of its ${group.members.length} pieces is on at ${percent(group.density)} of positions, all of them at ${percent(group.on === 0 ? 0 : group.together / group.on)} of these. Other draws find ${share(group.found)} of it again, by chance ${share(group.chance)}.`),
    el("ul", { className: "members" }, group.members.filter(id => id !== own.id).map(id => el("li", {}, el("a", { className: "mono", href: link(run.key, "piece", { id }) }, id), named.has(id) ? ` ${named.get(id)}` : "")))];
}

function example(data) {
  const first = data.examples.strongest[0];
  return first ? first.tokens.join("") : "";
}

function numbers(own, run) {
  const one = (name, value) => el("div", {}, el("b", {}, value), el("span", {}, name));
  return el("div", { className: "numbers" },
    one("of positions active", percent(own.density)),
    one(`of ${number(run.harvest.positions)} tokens`, number(own.active)),
    one("texts", number(own.active_rows)),
    one("mean importance", number(own.mean_importance)),
    one("norm of U V", number(own.norm)));
}

// The title of examples, which can be saved: a line for each token.
function headed(title, list, name) {
  return el("div", { className: "row" }, el("h2", {}, title), el("span", { className: "grow" }),
    save(name, ["example", "row", "position", "token", "importance", "inner_activation"],
      list.flatMap((each, n) => each.tokens.map((token, i) => [n + 1, each.row, each.position - each.at + i, token, each.importance[i], each.inner[i]]))));
}

function examples(list, id) {
  if (list.length === 0) return el("p", { className: "soft" }, "Nowhere in what was harvested.");
  return el("div", {}, list.map(each => {
    const line = el("div", { className: "strip" });
    each.tokens.forEach((token, i) => line.append(el("span", {
      className: i === each.at ? "at" : "",
      style: { background: wash(each.importance[i]) },
      title: `${id}\nimportance ${number(each.importance[i])}\ninner activation ${number(each.inner[i])}`,
    }, spaced(token))));
    return el("div", { className: "example" },
      el("span", { className: "g", title: "importance, inner activation" }, `${number(each.importance[each.at])} \u00b7 ${number(each.inner[each.at])}`), line);
  }));
}

// Numbers of tokens stand in for text where there is none, and need room between them.
function spaced(token) {
  return /^\d+$/.test(token) ? ` ${token}` : shown(token);
}

function save(name, header, rows) {
  return el("button", { className: "plain", title: "save as CSV", onclick: () => csv(name, header, rows) }, "CSV");
}

function titled(title, button, node) {
  return el("div", {}, el("div", { className: "row" }, el("h3", {}, title), el("span", { className: "grow" }), button), node);
}

function tokens(title, list, id, name) {
  return titled(title,
    save(`${id}-${name}`, ["token", "text", "count", "recall", "precision", "pmi"], list.map(t => [t.token, t.text, t.count, t.recall, t.precision, t.pmi])),
    list.length === 0 ? el("p", { className: "note" }, "none often enough") : el("table", {},
      el("tr", {}, el("th", {}, "token"), el("th", { className: "n" }, "count"),
        el("th", { className: "n", title: "share of the piece\u2019s positions that have the token" }, "of its"),
        el("th", { className: "n", title: "share of the token\u2019s positions at which the piece is active" }, "of token\u2019s"),
        el("th", { className: "n", title: "how many times more often than by chance, as a logarithm" }, "PMI")),
      list.map(t => el("tr", {}, el("td", {}, tok(t.text)), el("td", { className: "n" }, number(t.count)),
        el("td", { className: "n" }, percent(t.recall)), el("td", { className: "n" }, percent(t.precision)),
        el("td", { className: "n" }, t.pmi.toFixed(2))))));
}

function ends(title, list, id) {
  return titled(title, save(`${id}-${title.toLowerCase().replace(", ", " ").replaceAll(" ", "-")}`, ["token", "text", "cosine"], list.map(t => [t.token, t.text, t.cosine])), el("table", {},
    el("tr", {}, el("th", {}, "token"), el("th", { className: "n" }, "cosine")),
    list.map(t => el("tr", {}, el("td", {}, tok(t.text)), el("td", { className: "n" }, t.cosine.toFixed(3))))));
}

function partners(own, run) {
  return titled("", save(`${own.id}-partners`, ["id", "both", "recall", "precision", "jaccard"], own.partners.map(p => [p.id, p.both, p.recall, p.precision, p.jaccard])),
    el("table", {},
      el("tr", {}, el("th", {}, "piece"), el("th", { className: "n" }, "positions"),
        el("th", { className: "n", title: "share of this one\u2019s positions at which the other is active" }, "of this one\u2019s"),
        el("th", { className: "n", title: "share of the other\u2019s positions at which this one is active" }, "of the other\u2019s"),
        el("th", { className: "n" }, "Jaccard")),
      own.partners.map(p => el("tr", {},
        el("td", {}, el("a", { className: "mono", href: link(run.key, "piece", { id: p.id }) }, p.id)),
        el("td", { className: "n" }, number(p.both)), el("td", { className: "n" }, percent(p.recall)),
        el("td", { className: "n" }, percent(p.precision)), el("td", { className: "n" }, p.jaccard.toFixed(3))))));
}

// A box from the quarter to the three quarters, a line from 5 % to 95 %, a tick at the middle.
function quantiles(own) {
  const rows = [["importance", own.importance, 0, 1], ["inner activation", own.inner, null, null]].filter(row => row[1]);
  if (rows.length === 0) return null;
  const W = 620, X = 120, H = 44;
  const root = svg("svg", { class: "picture", viewBox: `0 0 ${W} ${rows.length * H}`, width: W, role: "img" });
  rows.forEach(([name, q, low, high], i) => {
    const least = low ?? Math.min(0, q.q05), most = high ?? Math.max(0, q.q95);
    const x = value => X + (W - X - 50) * (most === least ? 0.5 : (value - least) / (most - least));
    const y = i * H + 16;
    root.append(
      svg("text", { x: 0, y: y + 4 }, name),
      svg("line", { x1: x(least), x2: x(most), y1: y, y2: y, stroke: "var(--line)" }),
      svg("line", { x1: x(q.q05), x2: x(q.q95), y1: y, y2: y, stroke: "rgb(var(--mark))", "stroke-width": 2 }),
      svg("rect", { x: x(q.q25), y: y - 6, width: Math.max(2, x(q.q75) - x(q.q25)), height: 12, rx: 3, fill: "rgb(var(--mark))", "fill-opacity": 0.35 }),
      svg("line", { x1: x(q.q50), x2: x(q.q50), y1: y - 8, y2: y + 8, stroke: "rgb(var(--mark))", "stroke-width": 3 }),
      svg("text", { x: x(least), y: y + 22, "text-anchor": "middle" }, number(least)),
      svg("text", { x: x(most), y: y + 22, "text-anchor": "middle" }, number(most)));
  });
  return [el("div", { className: "row" }, el("h2", {}, "Where it is on: 5, 25, 50, 75, 95 %"), el("span", { className: "grow" }),
    pictureButtons(`${own.id}-quantiles`, () => picture(root))), root];
}
