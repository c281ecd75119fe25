import { el, replace, number } from "./dom.js";
import * as api from "./api.js";
import { link } from "./app.js";

export default async function runs(main) {
  const all = await api.runs();
  replace(main, el("div", { className: "page" },
    el("h1", {}, "Runs"),
    el("p", { className: "soft" }, "Decompositions that this page was opened with."),
    el("div", { className: "cards" }, all.map(card))));
}

function card(run) {
  const harvest = run.harvest;
  const facts = [];
  const fact = (name, value) => facts.push(el("dt", {}, name), el("dd", {}, value));
  if (run.step !== null) fact("step", number(run.step));
  if (harvest) {
    fact("target", harvest.settings.target);
    fact("pieces", `${number(harvest.pieces)} of ${number(harvest.subcomponents)} left`);
    fact("sites", number(harvest.sites.length));
    if (run.has_groups) fact("groups", el("a", { href: link(run.key, "pieces", { sort: "group" }) }, "of pieces on together"));
    fact("harvested", `${number(harvest.positions)} tokens, threshold ${harvest.settings.threshold}`);
  }
  return el("section", { className: "card" },
    el("h2", {}, el("a", { href: link(run.key, harvest ? "pieces" : run.can_run ? "prompt" : "curves") }, run.name)),
    el("div", { className: "path mono" }, run.path),
    el("dl", { className: "facts" }, facts),
    harvest && !run.fresh ? el("p", { className: "note" }, "The harvest is of another checkpoint than the run\u2019s last.") : null,
    harvest ? null : [
      el("p", { className: "note" }, "Nothing was harvested yet. To see what its pieces stand for:"),
      el("pre", {}, `cleave harvest ${run.path}`),
    ],
    el("div", { className: "row" },
      harvest ? el("a", { href: link(run.key, "pieces") }, "Pieces") : null,
      run.can_run ? el("a", { href: link(run.key, "prompt") }, "Prompt") : null,
      run.trains ? el("a", { href: link(run.key, "curves") }, "Training") : null,
      run.has_report ? el("a", { href: api.report(run.key), target: "_blank", rel: "noopener" }, "Report") : null));
}
