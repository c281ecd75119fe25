// The server's answers. The token is the one in the page's address.

const token = new URLSearchParams(location.search).get("token") ?? "";

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { "X-Cleave-Token": token, ...options.headers } });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.problem ?? `the server answered ${response.status}`);
  return body;
}

let listed = null;
const tables = new Map();

export function runs() {
  listed ??= ask("/api/runs").catch(error => { listed = null; throw error; });
  return listed;
}

export async function run(key) {
  const found = (await runs()).find(each => each.key === key);
  if (!found) throw new Error(`there is no run ${key} here`);
  return found;
}

export function table(key) {
  if (!tables.has(key)) {
    tables.set(key, ask(`/api/runs/${key}/table`).catch(error => { tables.delete(key); throw error; }));
  }
  return tables.get(key);
}

export function piece(key, id) {
  return ask(`/api/runs/${key}/piece?id=${encodeURIComponent(id)}`);
}

// What `cleave groups` found on a run.
export const groups = key => ask(`/api/runs/${key}/groups`);

// Where a run's report can be read.
export const report = key => `/api/runs/${key}/report?token=${encodeURIComponent(token)}`;

// The lines that a run's records of training have gained from a byte on.
export function metrics(key, from) {
  return ask(`/api/runs/${key}/metrics?from=${from}`);
}

// Runs a job to its end. `progress` is told how far it is; `signal` gives it up; `begun` is told its
// number.
export async function job(key, request, progress, signal, begun) {
  let view = await ask(`/api/runs/${key}/jobs`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request),
  });
  begun?.(view.id);
  let wait = 40;
  while (view.state === "WAITING" || view.state === "RUNNING") {
    if (signal?.aborted) {
      await ask(`/api/jobs/${view.id}`, { method: "DELETE" }).catch(() => {});
      throw new DOMException("given up", "AbortError");
    }
    progress?.(view.share, view.doing);
    await new Promise(done => setTimeout(done, wait));
    wait = Math.min(400, wait * 1.3);
    view = await ask(`/api/jobs/${view.id}`);
  }
  if (view.state === "DONE") return view.result;
  throw view.state === "CANCELLED" ? new DOMException("given up", "AbortError") : new Error(view.problem);
}
