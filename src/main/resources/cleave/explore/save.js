// Tables and pictures taken away.

import { el, svg } from "./dom.js";

export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export function csv(name, header, rows) {
  const cell = value => {
    const text = String(value ?? "");
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  download(`${name}.csv`, "text/csv", [header, ...rows].map(row => row.map(cell).join(",")).join("\r\n") + "\r\n");
}

// A picture given as SVG text, as PNG at twice its size, or less where that would be too large.
export function png(name, text, width, height) {
  const image = new Image();
  image.onload = () => {
    const scale = Math.min(2, 16000 / width, 16000 / height), canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob(blob => blob && download(`${name}.png`, "image/png", blob), "image/png");
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}

// Buttons that save a picture; `made` gives it as { text, width, height }.
export function pictureButtons(name, made) {
  const button = (words, act) => el("button", { className: "plain", onclick: act }, words);
  return [
    button("SVG", () => download(`${name}.svg`, "image/svg+xml", made().text)),
    button("PNG", () => { const { text, width, height } = made(); png(name, text, width, height); }),
  ];
}

const asText = (root, width, height, paper) => {
  const back = svg("rect", { width: "100%", height: "100%", fill: paper });
  root.prepend(back);
  for (const [key, value] of Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height })) root.setAttribute(key, value);
  return { text: new XMLSerializer().serializeToString(root), width, height };
};

// A drawn picture with its colours and letters written out, so that it looks the same elsewhere.
export function picture(node) {
  const copy = node.cloneNode(true);
  const from = [node, ...node.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((each, i) => {
    const style = getComputedStyle(from[i]);
    for (const key of ["fill", "stroke", "font-family", "font-size", "opacity"]) {
      each.setAttribute(key, style.getPropertyValue(key));
    }
    each.removeAttribute("class");
  });
  const { width, height } = node.viewBox.baseVal;
  return asText(copy, width, height, getComputedStyle(document.body).backgroundColor);
}

// Tokens with washes behind them as a picture: lines of letters of one width.
export function strip(tokens, strengths) {
  const W = 8.4, H = 24, LINE = 96;
  const root = svg("svg");
  let x = 0, y = 0;
  tokens.forEach((token, i) => {
    const text = token.replaceAll("\n", "\u21b5").replaceAll(" ", "\u00a0");
    if (x > 0 && x + text.length > LINE) { x = 0; y++; }
    const s = Math.min(1, Math.max(0, strengths[i]));
    if (s > 0) root.append(svg("rect", { x: x * W, y: y * H + 2, width: text.length * W, height: H - 5, rx: 3, fill: "#2f69a8", "fill-opacity": (0.1 + 0.5 * s).toFixed(3) }));
    root.append(svg("text", { x: x * W, y: y * H + 16, "font-family": "monospace", "font-size": 14, fill: "#1d2329", textLength: text.length * W, lengthAdjust: "spacingAndGlyphs" }, text));
    x += text.length;
  });
  root.setAttribute("viewBox", `0 0 ${LINE * W} ${(y + 1) * H}`);
  return asText(root, LINE * W, (y + 1) * H, "#ffffff");
}
