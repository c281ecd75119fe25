// What people call pieces: kept in this browser for each run, taken away and brought back as a JSON
// file { "SITE:INDEX": "label" }.

import { download } from "./save.js";

const key = run => `labels ${run.path}`;

export function labels(run) {
  try {
    const found = JSON.parse(localStorage.getItem(key(run)) ?? "{}");
    return new Map(Object.entries(found).filter(([, text]) => typeof text === "string"));
  } catch {
    return new Map();
  }
}

function keep(run, all) {
  localStorage.setItem(key(run), JSON.stringify(Object.fromEntries(all)));
}

export function label(run, id, text) {
  const all = labels(run);
  if (text.trim() === "") all.delete(id); else all.set(id, text.trim());
  keep(run, all);
}

export function take(run) {
  download("labels.json", "application/json", JSON.stringify(Object.fromEntries([...labels(run)].sort()), null, 1) + "\n");
}

// Adds the labels of a file to those there are; one for the same piece takes its place.
export async function bring(run, file) {
  let found;
  try { found = JSON.parse(await file.text()); } catch { throw new Error("labels must be a JSON file"); }
  if (found === null || typeof found !== "object" || Array.isArray(found) || Object.values(found).some(text => typeof text !== "string")) {
    throw new Error("labels must be an object with a text for each piece");
  }
  const all = labels(run);
  for (const [id, text] of Object.entries(found)) all.set(id, text);
  keep(run, all);
  return Object.keys(found).length;
}
