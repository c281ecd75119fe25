// Elements from plain values. Text is always set as text, so nothing that a model or a file says is
// ever read as markup.

export function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  set(node, properties);
  node.append(...children.flat().filter(child => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.flat());
  return node;
}

function set(node, properties) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(node.style, value);
    else if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat().filter(child => child !== null && child !== undefined));
}

// A token as a reader can see it: spaces at its ends stay, a line's end is shown.
export function shown(token) {
  return token.replaceAll("\n", "\u21b5").replaceAll("\t", "\u21e5");
}

export function tok(text) {
  return el("span", { className: "tok" }, shown(text) === "" ? "\u2205" : shown(text).replace(/ /g, "\u00a0"));
}

export function percent(share) {
  if (share === 0) return "0\u2009%";
  if (share >= 0.0995) return (100 * share).toFixed(0) + "\u2009%";
  if (share >= 0.00995) return (100 * share).toFixed(1) + "\u2009%";
  if (share >= 0.0001) return (100 * share).toFixed(2) + "\u2009%";
  return "<\u20090.01\u2009%";
}

export function number(value) {
  if (value === null || value === undefined) return "\u2013";
  if (Number.isInteger(value)) return value.toLocaleString("en").replaceAll(",", "\u2009");
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}

// The strength of a value from 0 to 1 as a wash behind text.
export function wash(strength, colour = "--mark") {
  return strength <= 0 ? "" : `rgba(var(${colour}), ${(0.1 + 0.5 * Math.min(1, strength)).toFixed(3)})`;
}

export function problem(error) {
  return el("div", { className: "problem", role: "alert" }, String(error.message ?? error));
}
