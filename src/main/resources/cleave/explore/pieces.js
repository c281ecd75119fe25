import { el, replace, number, percent, problem } from "./dom.js";
import * as api from "./api.js";
import { link, note } from "./app.js";
import { table } from "./table.js";
import { csv } from "./save.js";
import { groupsOf, stale } from "./groups.js";
import { bring, labels, take } from "./labels.js";

// What the search looks in, made once for each run.
const texts = new Map();

function searched(key, data) {
  if (!texts.has(key)) texts.set(key, data.id.map((id, i) => `${id}\u0000${data.in[i]}\u0000${data.out[i]}`.toLowerCase()));
  return texts.get(key);
}

export default async function pieces(main, run, query) {
  const [data, groups] = await Promise.all([api.table(run.key), groupsOf(run)]);
  let named = labels(run);
  const plain = searched(run.key, data);
  let text = plain;
  const label = () => {
    named = labels(run);
    text = named.size === 0 ? plain : plain.map((each, i) => named.has(data.id[i]) ? `${each}\u0000${named.get(data.id[i]).toLowerCase()}` : each);
  };
  label();
  const state = {
    q: query.get("q") ?? "", site: query.get("site") ?? "", group: groups ? query.get("group") ?? "" : "",
    sort: query.get("sort") ?? "site", down: query.get("down") === "1",
  };
  const values = {
    site: null, id: null, label: data.id.map(id => named.get(id) ?? ""), density: data.density, mean: data.mean, norm: data.norm, in: data.in, out: data.out,
    group: data.id.map(id => groups?.of.get(id) ?? Infinity),
  };
  const columns = [
    { key: "site", name: "piece", width: "minmax(11rem, 1.2fr)", cell: i => el("span", { className: "mono" }, data.id[i]) },
    { key: "label", name: "label", width: "minmax(5rem, .8fr)", cell: i => named.get(data.id[i]) ?? "" },
    ...(groups ? [{ key: "group", name: "group", n: true, width: "4.5rem", cell: i => groups.of.has(data.id[i]) ? String(groups.of.get(data.id[i])) : "" }] : []),
    { key: "in", name: "tokens in", width: "minmax(8rem, 1.6fr)", cell: i => data.in[i] },
    { key: "out", name: "expected next", width: "minmax(8rem, 1.6fr)", cell: i => data.out[i] },
    { key: "density", name: "active at", n: true, width: "6rem", cell: i => percent(data.density[i]) },
    { key: "mean", name: "mean importance", n: true, width: "8.5rem", cell: i => number(data.mean[i]) },
    { key: "norm", name: "norm", n: true, width: "4.5rem", cell: i => number(data.norm[i]) },
  ];
  const search = el("input", { type: "search", value: state.q, placeholder: "name or token", ariaLabel: "search", oninput: () => { state.q = search.value; update(true); } });
  const site = el("select", { ariaLabel: "site", onchange: () => { state.site = site.value; update(true); } },
    el("option", { value: "" }, "all sites"), data.sites.map(name => el("option", { value: name }, name)));
  site.value = state.site;
  const group = groups ? el("select", { ariaLabel: "group", onchange: () => { state.group = group.value; update(true); } },
    el("option", { value: "" }, "all groups"), groups.groups.map(each => el("option", { value: String(each.id) }, `group ${each.id}: ${each.members.length} pieces`)),
    el("option", { value: "none" }, "in no group")) : null;
  if (group) group.value = state.group;
  const count = el("span", { className: "soft", role: "status" });
  let rows = [];
  const list = table(columns, i => link(run.key, "piece", { id: data.id[i] }), key => {
    state.down = state.sort === key ? !state.down : key !== "site" && key !== "label" && key !== "group" && key !== "in" && key !== "out";
    state.sort = key;
    update(true);
  });

  function update(top) {
    const begin = performance.now();
    const wanted = state.q.toLowerCase();
    const number = state.site === "" ? -1 : data.sites.indexOf(state.site);
    const among = state.group === "none" ? Infinity : Number(state.group);
    rows = [];
    for (let i = 0; i < text.length; i++) {
      if ((state.group === "" || values.group[i] === among) && (number < 0 || data.site[i] === number) && (wanted === "" || text[i].includes(wanted))) rows.push(i);
    }
    const by = values[state.sort];
    if (by) {
      const sign = state.down ? -1 : 1;
      if (typeof by[0] === "string") {
        rows.sort((a, b) => sign * (by[a] < by[b] ? -1 : by[a] > by[b] ? 1 : 0) || a - b);
      } else {
        rows.sort((a, b) => (by[a] === by[b] ? 0 : sign * (by[a] - by[b])) || a - b);
      }
    } else if (state.down) {
      rows.reverse();
    }
    list.heads(state.sort, state.down);
    list.show(rows, top);
    count.textContent = `${rows.length.toLocaleString("en")} of ${text.length.toLocaleString("en")}`;
    main.dataset.milliseconds = (performance.now() - begin).toFixed(1);
    note(run.key, "pieces", { q: state.q, site: state.site, group: state.group, sort: state.sort === "site" ? "" : state.sort, down: state.down ? 1 : "" });
  }

  const said = el("div");
  const file = el("input", {
    type: "file", accept: ".json,application/json", hidden: true, ariaLabel: "file of labels",
    onchange: async () => {
      try {
        const count = await bring(run, file.files[0]);
        label();
        values.label = data.id.map(id => named.get(id) ?? "");
        replace(said, el("p", { className: "note" }, `${count} labels`));
        update(true);
      } catch (error) { replace(said, problem(error)); }
    },
  });
  main.className = "fills";
  replace(main,
    el("div", { className: "row" }, search, site, group, count, el("span", { className: "grow" }),
      el("button", {
        onclick: () => csv(`${run.name}-pieces`, ["id", "label", "group", "tokens_in", "tokens_out", "density", "active", "mean_importance", "norm"],
          rows.map(i => [data.id[i], named.get(data.id[i]) ?? "", groups?.of.get(data.id[i]) ?? "", data.in[i], data.out[i], data.density[i], data.active[i], data.mean[i], data.norm[i]])),
      }, "Save CSV"),
      el("button", { className: "plain", title: "your labels as a file", onclick: () => take(run) }, "Save labels"),
      el("button", { className: "plain", title: "labels of a file", onclick: () => file.click() }, "Open labels"), file),
    stale(groups), said, list.box);
  update(true);
  if (!query.get("q")) search.focus();
  return () => list.close();
}
