import { el, replace, number, percent, tok, shown, wash, problem } from "./dom.js";
import * as api from "./api.js";
import { go, link, note } from "./app.js";
import { csv, pictureButtons, strip } from "./save.js";
import { labels } from "./labels.js";

// A text, its pieces at each token, and what suppressing some of them does. Everything that can be
// set is in the address.
export default async function prompt(main, run, query) {
  const state = {
    text: query.get("text") ?? "", at: query.has("at") ? Number(query.get("at")) : -1,
    colour: query.get("colour") ?? "count", off: (query.get("off") ?? "").split(",").filter(Boolean),
    only: query.get("only") === "1", scale: Number(query.get("scale") ?? 0) || 0, alone: query.get("alone") === "1", find: query.get("find") ?? "",
    masks: query.get("masks") ?? "target", write: query.get("write") === "1", every: query.get("every") === "1",
  };
  const table = run.harvest ? await api.table(run.key).catch(() => null) : null;
  const about = new Map(table ? table.id.map((id, i) => [id, table.in[i]]) : []);
  const next = new Map(table ? table.id.map((id, i) => [id, table.out[i].toLowerCase()]) : []);
  labels(run).forEach((text, id) => about.set(id, about.get(id) ? `${text} \u2013 ${about.get(id)}` : text));
  let reading = null, trying = null, data = null, gone = false;

  const area = el("textarea", {
    rows: 2, value: state.text, spellcheck: false, ariaLabel: "prompt", placeholder: run.harvest && !run.harvest.text ? "token numbers, such as 0 17 129 5 44 129" : "a prompt, such as Tiger Woods plays the sport of",
    onkeydown: event => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); start(); } },
  });
  const busy = el("div"), tokens = el("div"), details = el("div"), effect = el("div");
  replace(main, el("div", { className: "page" },
    el("h1", {}, "Prompt"),
    area,
    el("div", { className: "row", style: { marginTop: ".5rem" } },
      el("button", { className: "main", onclick: () => start() }, "Look"),
      el("span", { className: "note" }, "Enter looks, Shift+Enter begins a line."),
      el("span", { className: "grow" }),
      el("a", { href: "#", className: "to-graph", onclick: event => { event.preventDefault(); go(run.key, "graph", { text: area.value, off: state.off.join(",") }); } }, "What works on what")),
    busy, tokens, effect, details));

  function keep() {
    note(run.key, "prompt", {
      text: state.text, at: state.at >= 0 ? state.at : "", colour: state.colour === "count" ? "" : state.colour,
      off: state.off.join(","), only: state.only ? 1 : "", scale: state.scale === 0 ? "" : state.scale, alone: state.alone ? 1 : "", find: state.find,
      masks: state.masks === "target" ? "" : state.masks, write: state.write ? 1 : "", every: state.every ? 1 : "",
    });
  }

  async function work(request, holder, signal) {
    const fill = el("i", { style: { width: "0%" } });
    const doing = el("span", { className: "note" }, "waiting");
    const shownAfter = setTimeout(() => replace(holder, el("div", { className: "progress", role: "status" },
      el("div", { className: "row" }, doing, el("span", { className: "grow" }), el("button", { className: "plain", onclick: () => signal.abort() }, "Cancel")),
      el("div", { className: "bar" }, fill))), 150);
    try {
      const result = await api.job(run.key, request, (share, what) => {
        fill.style.width = `${Math.round(100 * share)}%`;
        doing.textContent = what;
      }, signal.signal);
      if (!gone) replace(holder);
      return result;
    } catch (error) {
      if (!gone) replace(holder, error.name === "AbortError" ? el("p", { className: "note" }, "Cancelled.") : problem(error));
      return null;
    } finally {
      clearTimeout(shownAfter);
    }
  }

  async function start() {
    if (area.value !== state.text) { state.at = -1; }
    state.text = area.value;
    keep();
    if (state.text === "") return;
    reading?.abort();
    const own = reading = new AbortController();
    const result = await work({ kind: "prompt", text: state.text }, busy, own);
    if (!result || gone || own !== reading) return;
    data = result;
    if (state.at >= data.tokens.length) state.at = -1;
    drawTokens();
    drawDetails();
    intervene();
  }

  // How strongly each token is coloured, 0 to 1, and what is said of it.
  function strengths() {
    const counts = data.on.map(each => each.length);
    const most = Math.max(1, ...counts);
    if (state.colour === "count") return data.on.map((_, i) => [counts[i] / most, `${counts[i]} pieces`]);
    if (state.colour === "loss") return data.loss.map(loss => [Math.min(1, loss / 8), `loss ${number(loss)} nats`]);
    const wanted = data.pieces.indexOf(state.colour);
    return data.on.map((each, i) => {
      const place = each.indexOf(wanted);
      return place < 0 ? [0, "off"] : [data.importance[i][place], `importance ${number(data.importance[i][place])}, inner activation ${number(data.inner[i][place])}`];
    });
  }

  function drawTokens() {
    const found = strengths();
    const line = el("div", { className: "strip big" });
    data.tokens.forEach((token, i) => line.append(el("span", {
      className: i === state.at ? "chosen" : "", tabIndex: 0, role: "button",
      style: { background: wash(found[i][0]) }, title: `${shown(token)}\nposition ${i}\n${found[i][1]}`,
      onclick: () => choose(i), onkeydown: event => { if (event.key === "Enter") choose(i); },
    }, /^\d+$/.test(token) ? ` ${token} ` : shown(token))));
    const colour = el("select", { ariaLabel: "colour", onchange: () => { state.colour = colour.value; keep(); drawTokens(); } },
      el("option", { value: "count" }, "number of pieces"), el("option", { value: "loss" }, "loss"),
      data.pieces.map(id => el("option", { value: id }, id)));
    colour.value = data.pieces.includes(state.colour) || state.colour === "loss" ? state.colour : "count";
    replace(tokens,
      el("div", { className: "row", style: { margin: "1.2rem 0 .5rem" } },
        el("span", { className: "soft" }, "coloured by"), colour, el("span", { className: "grow" }),
        pictureButtons("prompt", () => strip(data.tokens, found.map(each => each[0])))),
      line);
  }

  function choose(i) {
    state.at = state.at === i ? -1 : i;
    keep();
    drawTokens();
    drawDetails();
    intervene();
  }

  function toggle(id) {
    state.off = state.off.includes(id) ? state.off.filter(each => each !== id) : [...state.off, id];
    keep();
    drawDetails();
    intervene();
  }

  // The pieces at the chosen token, or over all of them.
  function listed() {
    const rows = new Map();
    data.on.forEach((each, position) => {
      if (state.at >= 0 && state.at !== position) return;
      each.forEach((place, j) => {
        const g = data.importance[position][j];
        const known = rows.get(place);
        if (!known) rows.set(place, { id: data.pieces[place], g, inner: data.inner[position][j], at: [position] });
        else {
          known.at.push(position);
          if (g > known.g || (g === known.g && Math.abs(data.inner[position][j]) > Math.abs(known.inner))) {
            known.g = g;
            known.inner = data.inner[position][j];
          }
        }
      });
    });
    const find = state.find.toLowerCase();
    return [...rows.values()]
      .filter(row => find === "" || row.id.toLowerCase().includes(find) || (about.get(row.id) ?? "").toLowerCase().includes(find) || (next.get(row.id) ?? "").includes(find))
      .sort((a, b) => b.g - a.g || Math.abs(b.inner) - Math.abs(a.inner));
  }

  function drawDetails() {
    const search = el("input", { type: "search", value: state.find, placeholder: "name or token", ariaLabel: "search pieces", oninput: () => { state.find = search.value; keep(); drawRows(); } });
    const body = el("tbody"), count = el("span", { className: "soft" });
    const drawRows = () => {
      const rows = listed();
      count.textContent = `${rows.length}`;
      if (rows.length === 0) {
        replace(body, el("tr", {}, el("td", { colSpan: 7, className: "soft" }, state.find ? "No piece of this name or token is on here." : "No piece is on here.")));
        return;
      }
      replace(body, rows.slice(0, 400).map(row => el("tr", {},
        el("td", {}, el("input", { type: "checkbox", className: "tick", checked: state.off.includes(row.id), ariaLabel: `suppress ${row.id}`, onchange: () => toggle(row.id) })),
        el("td", {}, run.harvest ? el("a", { className: "mono", href: link(run.key, "piece", { id: row.id }) }, row.id) : el("span", { className: "mono" }, row.id)),
        el("td", {}, about.get(row.id) ?? ""),
        el("td", {}, state.at >= 0 ? "" : row.at.slice(0, 4).map(i => [tok(data.tokens[i]), " "]).flat(), state.at < 0 && row.at.length > 4 ? `+${row.at.length - 4}` : ""),
        el("td", { className: "n" }, number(row.g)), el("td", { className: "n" }, number(row.inner)),
        el("td", {}, el("button", { className: "plain", title: "colour the tokens by it", onclick: () => { state.colour = row.id; keep(); drawTokens(); } }, "\u25d1")))));
    };
    drawRows();
    const place = state.at >= 0 ? state.at : data.tokens.length - 1;
    replace(details, el("div", { className: "row", style: { marginTop: "1.6rem" } },
        el("h2", { style: { margin: 0 } }, state.at >= 0 ? ["Pieces at ", tok(data.tokens[state.at])] : "Pieces anywhere in the prompt"),
        count, el("span", { className: "grow" }), search,
        el("button", { onclick: () => csv("prompt-pieces", ["id", "importance", "inner_activation", "positions"], listed().map(row => [row.id, row.g, row.inner, row.at.join(" ")])) }, "Save CSV")),
      el("p", { className: "note" }, "Tick a piece to suppress it; click a token above to see its pieces alone. ",
        "Expected after ", tok(data.tokens[place]), ": ", data.next[place].map(each => [tok(each.token), ` ${percent(each.probability)}  `]).flat()),
      el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "off"), el("th", {}, "piece"), el("th", {}, "tokens it is at, over all texts"), el("th", {}, state.at >= 0 ? "" : "here"),
        el("th", { className: "n" }, "importance"), el("th", { className: "n" }, "inner activation"), el("th", {}, ""))), body));
  }

  async function intervene() {
    trying?.abort();
    if (!data) return;
    if (state.off.length === 0) { replace(effect); return; }
    const own = trying = new AbortController();
    const request = { kind: "intervention", text: state.text, off: state.off, position: state.at, scale: state.scale, alone: state.alone };
    if (state.only && state.at >= 0) request.positions = [state.at];
    const holder = el("div"), written = el("div", { className: "written" });
    replace(effect, header(), holder);
    const result = await work(request, holder, own);
    if (!result || gone || own !== trying) return;
    replace(effect, header(), regimes(result), everywhere(result), written);
    if (state.write) await write(request, written, own);
    else replace(written, el("button", { onclick: () => { state.write = true; keep(); write(request, written, own); } }, "Let it go on"));
  }

  // How the model goes on from the prompt, without the change and with it.
  async function write(request, holder, signal) {
    const result = await work({ ...request, kind: "generation", tokens: 20 }, holder, signal);
    if (!result || gone || signal !== trying) return;
    const one = (words, tokens) => el("div", { className: "example" }, el("span", { className: "g" }, words),
      el("div", { className: "strip" }, el("span", { className: "soft" }, result.tokens.map(spaced)), tokens.map(spaced)));
    replace(holder, el("h3", { style: { marginTop: "1rem" } }, "How the target goes on"), one("before", result.before), one("after", result.after));
  }

  function header() {
    return el("div", {},
      el("div", { className: "row", style: { marginTop: "1.6rem" } },
        el("h2", { style: { margin: 0 } }, state.alone ? "Kept only" : state.scale === 0 ? "Suppressed" : `Scaled by ${state.scale}`),
        el("button", { className: "plain", onclick: () => { state.off = []; keep(); drawDetails(); intervene(); } }, "none"),
        el("label", { className: "note" }, "times ", el("input", { type: "text", inputMode: "decimal", size: 4, value: String(state.scale), ariaLabel: "scale", disabled: state.alone,
          onchange: event => { const value = Number(event.target.value); state.scale = Number.isFinite(value) ? Math.max(-100, Math.min(100, value)) : 0; keep(); intervene(); } })),
        el("label", { className: "note" }, el("input", { type: "checkbox", className: "tick", checked: state.alone, onchange: event => { state.alone = event.target.checked; keep(); intervene(); } }), " keep only these"),
        state.at >= 0 ? el("label", { className: "note" }, el("input", { type: "checkbox", className: "tick", checked: state.only, onchange: event => { state.only = event.target.checked; keep(); intervene(); } }), " only at the chosen token") : null),
      el("div", { className: "chips" }, state.off.map(id => el("span", { className: "chip" }, id,
        el("button", { title: "no longer suppress it", ariaLabel: `no longer suppress ${id}`, onclick: () => toggle(id) }, "\u00d7")))));
  }

  function regimes(result) {
    const names = {
      target: ["Target", "all else as it is"], importance: ["Importance", "masks g"],
      stochastic: ["Stochastic", "g + (1 \u2212 g) r, mean of 8 draws"], adversarial: ["Adversarial", "g + (1 \u2212 g) r, r against the answer, 20 steps"],
      rounded: ["Rounded", "1 where g > 0.5"],
    };
    const place = result.position;
    const rows = result.regimes.flatMap(each => each.top.map(top => [each.name, top.token, top.before, top.after]));
    return el("div", {},
      el("div", { className: "row" }, el("span", { className: "legend" }, "After ", tok(result.tokens[place]),
        el("span", {}, el("i"), "before"), el("span", {}, el("i", { className: "after" }), "after")),
        el("span", { className: "grow" }), el("button", { className: "plain", onclick: () => csv("intervention", ["masks", "token", "before", "after"], rows) }, "CSV")),
      el("div", { className: "regimes", style: { marginTop: ".6rem" } }, result.regimes.map(each => el("section", { className: "regime" },
        el("div", {}, el("b", {}, names[each.name][0]), " ", el("span", { className: "note" }, names[each.name][1])),
        each.top.map(top => el("div", { className: "shift" }, tok(top.token),
          el("div", { className: "bars" },
            el("div", { className: "bar" }, el("i", { style: { width: percentWidth(top.before) } })),
            el("div", { className: "bar after" }, el("i", { style: { width: percentWidth(top.after) } }))),
          el("span", { className: "n" }, `${percent(top.before)} \u2192 ${percent(top.after)}`))),
        el("div", { className: "note", title: "how far the output is from the target\u2019s at this position" },
          `KL from target ${number(each.before[place])} \u2192 ${number(each.after[place])} nats`)))));
  }

  // What is expected after every token.
  function everywhere(result) {
    const which = el("select", { ariaLabel: "masks", onchange: () => { state.masks = which.value; keep(); fill(); } }, result.regimes.map(each => el("option", { value: each.name }, each.name)));
    const body = el("tbody");
    if (result.regimes.some(each => each.name === state.masks)) which.value = state.masks;
    const fill = () => {
      const found = result.regimes.find(each => each.name === which.value);
      replace(body, found.guesses.map((guess, i) => el("tr", {}, el("td", {}, tok(result.tokens[i])),
        el("td", {}, tok(guess.before), ` ${percent(guess.before_probability)}`), el("td", {}, tok(guess.after), ` ${percent(guess.after_probability)}`),
        el("td", { className: "n" }, `${number(found.before[i])} \u2192 ${number(found.after[i])}`))));
    };
    fill();
    return el("details", { style: { marginTop: ".8rem" }, open: state.every, ontoggle: event => { state.every = event.target.open; keep(); } }, el("summary", { className: "soft" }, "After every token"),
      el("div", { className: "row" }, el("span", { className: "note" }, "under the masks"), which, el("span", { className: "grow" }),
        el("button", { className: "plain", onclick: () => csv("predictions", ["masks", "position", "token", "before", "probability_before", "after", "probability_after", "kl_before", "kl_after"],
          result.regimes.flatMap(each => each.guesses.map((guess, i) => [each.name, i, result.tokens[i], guess.before, guess.before_probability, guess.after, guess.after_probability, each.before[i], each.after[i]]))) }, "CSV")),
      el("table", { className: "guesses" }, el("thead", {}, el("tr", {}, el("th", {}, "after"), el("th", {}, "expected before"), el("th", {}, "expected with the change"), el("th", { className: "n" }, "KL from target, nats"))), body));
  }

  if (state.text) start(); else area.focus();
  return () => { gone = true; reading?.abort(); trying?.abort(); };
}

// Numbers of tokens stand in for text where there is none, and need room between them.
function spaced(token) {
  return /^\d+$/.test(token) ? ` ${token}` : shown(token);
}

function percentWidth(share) {
  return `${(100 * share).toFixed(2)}%`;
}
