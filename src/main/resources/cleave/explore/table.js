// A table of any length: only the lines in sight are elements.

import { el, replace } from "./dom.js";

const LINE = 30;
const MARGIN = 8;

// columns: [{ name, width, n, cell(row) -> text or node }]; link(row) -> address
export function table(columns, link, sorted) {
  const template = columns.map(column => column.width).join(" ");
  const head = el("div", { className: "head", style: { gridTemplateColumns: template } });
  const body = el("div", { style: { position: "relative" } });
  const box = el("div", { className: "table", tabIndex: 0, role: "table" }, head, body);
  let rows = [];
  let drawn = "";

  function draw(force) {
    const first = Math.max(0, Math.floor(box.scrollTop / LINE) - MARGIN);
    const last = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / LINE) + MARGIN);
    const key = `${first}-${last}`;
    if (key === drawn && !force) return;
    drawn = key;
    const lines = [];
    for (let i = first; i < last; i++) {
      const line = el("a", { className: "line", href: link(rows[i]), style: { top: `${i * LINE}px`, gridTemplateColumns: template } });
      for (const column of columns) line.append(el("span", { className: column.n ? "n" : "" }, column.cell(rows[i])));
      lines.push(line);
    }
    body.replaceChildren(...lines);
  }

  box.addEventListener("scroll", () => requestAnimationFrame(() => draw(false)));
  const watcher = new ResizeObserver(() => draw(false));
  watcher.observe(box);

  return {
    box,
    heads(by, down) {
      replace(head, columns.map(column => el("button", {
        className: column.n ? "n" : "", ariaSort: column.key === by ? (down ? "descending" : "ascending") : null,
        onclick: () => sorted(column.key),
      }, column.name + (column.key === by ? (down ? " \u2193" : " \u2191") : ""))));
    },
    show(list, top) {
      rows = list;
      body.style.height = `${rows.length * LINE}px`;
      if (top) box.scrollTop = 0;
      draw(true);
    },
    close() { watcher.disconnect(); },
  };
}
