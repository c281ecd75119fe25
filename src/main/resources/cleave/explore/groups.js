// What `cleave groups` found: clusters of pieces that are on together.

import { el } from "./dom.js";
import * as api from "./api.js";

// The groups of a run, and the number of the one that each piece is in; null where none were made.
export async function groupsOf(run) {
  if (!run.has_groups) return null;
  const { groups, fresh } = await api.groups(run.key);
  const of = new Map(groups.groups.flatMap(group => group.members.map(id => [id, group.id])));
  return { ...groups, fresh, of };
}

// What is said where they are of other weights than what is shown beside them.
export const stale = found => found && !found.fresh ? el("p", { className: "note" }, "The groups are of another checkpoint than the run\u2019s last.") : null;
