// What is in sight of a graph, where it stands, and how it is drawn: with a canvas or as SVG.

import { shown } from "./dom.js";

const CELL = 26, ROW = 30, TALL = 76, COLUMN = 64, FOOT = 44, HEAD = 26, WIDE = 0.62, WIDTHS = 4, FEW = 60, MANY = 4000, TOGETHER = 100;

// What addresses and tables call a node.
export const idOf = (data, i) => `${data.kind[i] === "output" ? "answer" : data.name[i]}@${data.position[i]}`;

// Groups of the pieces of a cluster at the same token, where there are two or more that no group
// made by hand holds.
export function clusters(data, found, byHand) {
  const held = new Set(byHand.flatMap(group => group.members)), groups = new Map();
  data.name.forEach((name, i) => {
    const number = data.kind[i] === "subcomponent" ? found.of.get(name) : undefined, id = idOf(data, i);
    if (number === undefined || held.has(id)) return;
    const at = `cluster ${number}@${data.position[i]}`;
    if (!groups.has(at)) groups.set(at, { name: at, members: [], cluster: number });
    groups.get(at).members.push(id);
  });
  return [...groups.values()].filter(group => group.members.length > 1);
}

// The nodes and edges in sight: groups in the place of their members, the edges through which
// enough of the answer comes, and of a sub-graph what belongs to it. `around` is "" for all, "1"
// for what the chosen node works with at once, "all" for all that leads to it or comes of it, and
// "pins" for the pinned nodes alone.
export function sight(data, { weak, groups, around, node, pins }) {
  const nodes = [], of = new Int32Array(data.name.length), member = new Map(), places = new Map();
  groups.forEach(group => group.members.forEach(id => { if (!member.has(id)) member.set(id, group); }));
  data.name.forEach((_, i) => {
    const id = idOf(data, i), group = member.get(id);
    if (group && places.has(group)) {
      of[i] = places.get(group);
      nodes[of[i]].members.push(i);
      return;
    }
    if (group) places.set(group, nodes.length);
    of[i] = nodes.length;
    nodes.push({ id: group ? `group ${group.name}` : id, group: group ?? null, members: [i], kept: true });
  });
  for (const each of nodes) { // a group stands where the one stands that most comes through
    each.first = each.members.reduce((best, i) => data.influence[i] > data.influence[best] ? i : best, each.members[0]);
    each.influence = data.influence[each.first];
  }
  let edges = [];
  if (places.size === 0) {
    for (let e = 0; e < data.source.length; e++) {
      if (data.through[e] >= weak) edges.push({ a: of[data.source[e]], b: of[data.target[e]], value: data.value[e], through: data.through[e], chance: data.chance[e] });
    }
  } else {
    const sums = new Map();
    for (let e = 0; e < data.source.length; e++) {
      const a = of[data.source[e]], b = of[data.target[e]], key = a * nodes.length + b;
      if (a === b) continue;
      const known = sums.get(key);
      if (!known) sums.set(key, { a, b, value: data.value[e], through: data.through[e], chance: data.chance[e] });
      else { known.value += data.value[e]; known.through += data.through[e]; known.chance = Math.hypot(known.chance, data.chance[e]); }
    }
    edges = [...sums.values()].filter(edge => edge.through >= weak);
  }
  const chosen = nodes.findIndex(each => each.id === node);
  if (around === "pins" && pins.length > 0) {
    nodes.forEach(each => { each.kept = pins.includes(each.id); });
    edges = edges.filter(edge => nodes[edge.a].kept && nodes[edge.b].kept);
  } else if (around === "1" && chosen >= 0) {
    edges = edges.filter(edge => edge.a === chosen || edge.b === chosen);
    keepOnly(nodes, new Set([chosen, ...edges.flatMap(edge => [edge.a, edge.b])]));
  } else if (around === "all" && chosen >= 0) {
    const before = reached(edges, chosen, "b", "a"), after = reached(edges, chosen, "a", "b");
    edges = edges.filter(edge => (before.has(edge.a) && before.has(edge.b)) || (after.has(edge.a) && after.has(edge.b)));
    keepOnly(nodes, new Set([...before, ...after]));
  }
  const tied = new Uint8Array(nodes.length);
  edges.forEach(edge => { tied[edge.a] = tied[edge.b] = 1; });
  nodes.forEach((each, i) => { // a piece that no edge in sight ends at is not drawn
    each.drawn = each.kept && (tied[i] === 1 || i === chosen || each.group !== null || pins.includes(each.id) || data.kind[each.first] !== "subcomponent");
  });
  return { nodes, edges, of, chosen, tied, part: nodes.some(each => !each.kept) };
}

function keepOnly(nodes, kept) {
  nodes.forEach((each, i) => { each.kept = kept.has(i); });
}

function reached(edges, from, here, there) {
  const by = new Map();
  for (const edge of edges) {
    if (!by.has(edge[here])) by.set(edge[here], []);
    by.get(edge[here]).push(edge[there]);
  }
  const found = new Set([from]), waiting = [from];
  while (waiting.length > 0) {
    for (const next of by.get(waiting.pop()) ?? []) {
      if (!found.has(next)) { found.add(next); waiting.push(next); }
    }
  }
  return found;
}

// What stands beside a node: the name of a group, or a label.
const called = (data, each, named) => each.group ? each.group.name : data.kind[each.first] === "subcomponent" ? named.get(data.name[each.first]) ?? "" : "";

// Where each node stands: a column for each position, a row for each site, what goes in at the
// bottom and the answer at the top. A sub-graph has only the rows that it needs, and few rows stand
// farther apart.
export function layout(data, seen, named) {
  const left = 30 + 7 * Math.max(0, ...data.sites.map(site => site.length));
  const used = new Set(seen.nodes.filter(each => each.kept).map(each => data.site[each.first]));
  const sites = data.sites.map((_, s) => s).filter(s => !seen.part || used.has(s));
  const row = new Map([[-1, 0], ...sites.map((s, i) => [s, i + 1]), [data.sites.length, sites.length + 1]]);
  const cells = new Map(), width = new Array(data.tokens.length).fill(0); // of what stands at each position
  seen.nodes.forEach((each, i) => {
    if (!each.drawn) return;
    const cell = `${data.position[each.first]} ${data.site[each.first]}`;
    if (!cells.has(cell)) cells.set(cell, []);
    cells.get(cell).push(i);
    if (data.site[each.first] < 0) return;
    const position = data.position[each.first], count = cells.get(cell).length, words = called(data, each, named);
    width[position] = Math.max(width[position], COLUMN, count * CELL + 14, words ? count * CELL + 13 * words.length : 0);
  });
  const starts = [left];
  width.forEach((count, position) => starts.push(starts[position] + Math.max(count, CELL, 7.5 * shown(data.tokens[position]).length + 8)));
  const rows = sites.length + 2, tall = Math.max(ROW, Math.min(TALL, (WIDE * starts.at(-1) - HEAD - FOOT) / rows));
  const x = new Float64Array(seen.nodes.length), y = new Float64Array(seen.nodes.length);
  for (const list of cells.values()) {
    list.forEach((i, at) => {
      const first = seen.nodes[i].first, position = data.position[first];
      x[i] = (starts[position] + starts[position + 1]) / 2 + (at - (list.length - 1) / 2) * CELL;
      y[i] = HEAD + (rows - 1 - row.get(data.site[first])) * tall + tall / 2;
    });
  }
  return { x, y, starts, rows, tall, sites, left, width: starts.at(-1) + 40, height: HEAD + rows * tall + FOOT };
}

export const radius = influence => 4 + 7 * Math.sqrt(Math.min(1, influence));
const thickness = through => Math.max(0.6, Math.min(7, 14 * Math.sqrt(through)));
const paintOf = (name, colour) => name.startsWith("--mark") ? `rgb(${colour(name)})` : colour(name);

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const known = new Map();
  return name => {
    if (!known.has(name)) known.set(name, style.getPropertyValue(name).trim());
    return known.get(name);
  };
}

// Whether there are so many edges that they are drawn straight and no wider than a pixel, which
// takes a fraction of the time.
export const isDense = seen => seen.edges.length > MANY;

// Edges of a like thickness and sign, some to a path, made once and drawn at any zoom.
export function paths(seen, place) {
  const open = new Map(), all = [], many = isDense(seen);
  for (const edge of seen.edges) {
    const step = Math.round(WIDTHS * Math.log(thickness(edge.through))), key = 2 * step + (edge.value >= 0 ? 1 : 0);
    let one = open.get(key);
    if (!one || one.count === TOGETHER) {
      one = { path: new Path2D(), count: 0, width: Math.exp(step / WIDTHS), colour: edge.value >= 0 ? "--mark" : "--mark-2" };
      open.set(key, one);
      all.push(one);
    }
    one.count++;
    if (many) {
      one.path.moveTo(place.x[edge.a], place.y[edge.a]);
      one.path.lineTo(place.x[edge.b], place.y[edge.b]);
    } else {
      curve(one.path, place.x[edge.a], place.y[edge.a], place.x[edge.b], place.y[edge.b]);
    }
  }
  return all.sort((a, b) => a.width - b.width);
}

function curve(path, x1, y1, x2, y2) {
  path.moveTo(x1, y1);
  if (x1 === x2 || y1 === y2) path.lineTo(x2, y2);
  else path.bezierCurveTo(x1, (y1 + y2) / 2, x2, (y1 + y2) / 2, x2, y2);
}

export function onCanvas(ctx, colour) {
  return {
    line: (x1, y1, x2, y2, name, width, alpha) => {
      ctx.globalAlpha = alpha;
      ctx.strokeStyle = paintOf(name, colour);
      ctx.lineWidth = width;
      ctx.beginPath();
      curve(ctx, x1, y1, x2, y2);
      ctx.stroke();
      ctx.globalAlpha = 1;
    },
    circle: (x, y, r, name, ring, alpha = 1) => {
      ctx.globalAlpha = alpha;
      ctx.beginPath();
      ctx.arc(x, y, r, 0, 2 * Math.PI);
      ctx.fillStyle = paintOf(name, colour);
      ctx.fill();
      if (ring) { ctx.strokeStyle = colour(ring); ctx.lineWidth = 2; ctx.stroke(); }
      ctx.globalAlpha = 1;
    },
    text: (x, y, words, name, anchor, size) => {
      ctx.font = `${size}px ${name === "--ink" ? "ui-monospace, 'DejaVu Sans Mono', monospace" : "system-ui, sans-serif"}`;
      ctx.fillStyle = colour(name);
      ctx.textAlign = anchor;
      ctx.fillText(words, x, y);
    },
    all: (list, alpha, most) => {
      ctx.globalAlpha = alpha;
      for (const each of list) {
        ctx.strokeStyle = paintOf(each.colour, colour);
        ctx.lineWidth = Math.min(most, each.width);
        ctx.stroke(each.path);
      }
      ctx.globalAlpha = 1;
    },
  };
}

// An SVG picture as text, in parts that are joined at the end.
export function asSvg(place, colour) {
  const parts = [`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${place.width} ${place.height}" width="${place.width}" height="${place.height}"><rect width="100%" height="100%" fill="${colour("--sheet")}"/>`];
  const safe = text => text.replace(/[<>&"\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, c => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" })[c] ?? "");
  return {
    line: (x1, y1, x2, y2, name, width, alpha) => parts.push(`<path d="${x1 === x2 || y1 === y2 ? `M${x1} ${y1}L${x2} ${y2}` : `M${x1} ${y1}C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`}" fill="none" stroke="${paintOf(name, colour)}" stroke-width="${width.toFixed(2)}" stroke-opacity="${alpha}"/>`),
    circle: (x, y, r, name, ring, alpha = 1) => parts.push(`<circle cx="${x}" cy="${y}" r="${r.toFixed(1)}" fill="${paintOf(name, colour)}" fill-opacity="${alpha}" stroke="${ring ? colour(ring) : "none"}" stroke-width="2"/>`),
    text: (x, y, words, name, anchor, size) => parts.push(`<text x="${x}" y="${y}" fill="${colour(name)}" font-size="${size}" font-family="${name === "--ink" ? "monospace" : "sans-serif"}" text-anchor="${{ left: "start", center: "middle", right: "end" }[anchor]}">${safe(words)}</text>`),
    end: () => parts.join("") + "</svg>",
  };
}

const SPACE = "\u2423";

export function titleOf(data, each) {
  if (each.group) return each.group.name;
  const i = each.first;
  return data.kind[i] === "subcomponent" ? data.name[i] : shown(data.kind[i] === "embedding" ? data.tokens[data.position[i]] : data.name[i]);
}

// The lines of sites and the tokens.
export function grid(pen, data, place) {
  const bottom = HEAD + place.rows * place.tall;
  place.sites.forEach((site, i) => {
    const y = HEAD + (place.rows - 2 - i) * place.tall + place.tall / 2;
    pen.line(place.left - 8, y, place.starts.at(-1) + 6, y, "--line", 0.6, 1);
    pen.text(place.left - 14, y + 4, data.sites[site], "--soft", "right", 11);
  });
  data.tokens.forEach((token, position) => {
    const x = (place.starts[position] + place.starts[position + 1]) / 2;
    pen.text(x, bottom + 16, shown(token).trim() === "" ? SPACE : shown(token), "--ink", "center", 12);
  });
}

// One edge, or all of them where no path is made of them beforehand.
export function line(pen, place, edge, alpha) {
  pen.line(place.x[edge.a], place.y[edge.a], place.x[edge.b], place.y[edge.b], edge.value >= 0 ? "--mark" : "--mark-2", thickness(edge.through), alpha);
}

// The nodes. Those with words beside them: the answer, groups, pinned and labelled ones, and every
// piece where there are few.
export function dots(pen, data, seen, place, { off, pins, picked, named, over, near }) {
  const few = seen.nodes.filter((each, i) => each.drawn && data.kind[each.first] === "subcomponent").length <= FEW;
  seen.nodes.forEach((each, i) => {
    if (!each.drawn) return;
    const { kind, name } = { kind: data.kind[each.first], name: data.name[each.first] };
    const gone = each.members.every(m => off.includes(data.name[m]));
    const faint = near && !near.has(i) ? 0.25 : seen.tied[i] || kind === "subcomponent" ? 1 : 0.35;
    const ring = i === over || i === seen.chosen || picked.has(each.id) ? "--ink" : pins.includes(each.id) ? "--warn" : null;
    pen.circle(place.x[i], place.y[i], radius(each.influence) + (each.group ? 3 : 0), gone ? "--line" : kind === "subcomponent" ? "--accent" : "--soft", ring, faint);
    const words = each.group ? each.group.name : kind === "output" ? titleOf(data, each)
      : kind === "subcomponent" && (few || pins.includes(each.id)) ? named.get(name) ?? name.slice(name.lastIndexOf(":")) : "";
    const plain = words.startsWith(":");
    if (words && faint === 1) pen.text(place.x[i] + radius(each.influence) + 4, place.y[i] - 6, words, kind === "output" ? "--ink" : "--soft", "left", kind === "output" ? 13 : plain ? 10 : 11.5);
  });
}
