#!/usr/bin/env bash
# Times steps of two ranks of one thread beside one rank of two workers, in turns, and says how much
# slower ranks are. Nothing else should run on the machine.
#
#     bench/ranks.sh                         # configs/bench/lm-128.yaml: under 3 minutes on 2 cores
#     bench/ranks.sh CONFIG [DECOMPOSE'S OPTIONS...]
#
# Its last line is the median over the rounds; it ends with 1 where that is above LIMIT, 15 per cent.
# CLEAVE is the command, bin/cleave by default; ROUNDS how many turns of each; FROM and TO the steps
# between which time is taken, from the log's session_seconds; PYTHON, with PyTorch, writes the
# random target of the configuration that is timed by default.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cleave=${CLEAVE:-$root/bin/cleave}
config=${1:-$root/configs/bench/lm-128.yaml}
if [ $# = 0 ]; then
    model=$root/target/bench/lm-128
    [ -f "$model/config.json" ] || "${PYTHON:-python3}" "$root/bench/make-gpt2.py" lm-128 "$model"
else
    shift
fi
rounds=${ROUNDS:-3}
from=${FROM:-30}
to=${TO:-90}
limit=${LIMIT:-15}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Milliseconds of a step: options of the run.
ms() {
    rm -rf "$out/run"
    # shellcheck disable=SC2086
    $cleave decompose "$config" --run "$out/run" --set "steps=$to" --set cadence.log=1 --set "cadence.checkpoint=$to" "$@" >"$out/said.txt" 2>&1 ||
        { cat "$out/said.txt" >&2; exit 1; }
    awk -v from="$from" '
        { match($0, /"session_seconds": *[0-9.eE+-]+/); split(substr($0, RSTART, RLENGTH), part, ":") }
        NR == from { begin = part[2] }
        END { printf "%.2f\n", 1e3 * (part[2] - begin) / (NR - from) }' "$out/run/metrics.jsonl"
}

for _ in $(seq "$rounds"); do
    workers=$(ms "$@" --set machine.workers=2)
    ranks=$(ms "$@" --set machine.workers=1 --ranks 2)
    awk -v w="$workers" -v r="$ranks" 'BEGIN { printf "1 rank of 2 workers %.2f ms, 2 ranks of 1 worker %.2f ms: %+.1f %%\n", w, r, 100 * (r / w - 1) }'
    echo "$workers $ranks" >>"$out/ratios"
done
awk '{ print $2 / $1 }' "$out/ratios" | sort -n | awk -v limit="$limit" '
    { all[NR] = $1 }
    END {
        middle = (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2
        slower = 100 * (middle - 1)
        printf "2 ranks of 1 worker against 1 rank of 2: %+.1f %% (median of %d; at most %+.0f %%)\n", slower, NR, limit
        exit slower > limit
    }'
