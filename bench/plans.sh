#!/usr/bin/env bash
# What decompositions of published models would take, from their sizes alone: writes a config.json
# and a configuration for each, and plans them. Nothing is downloaded, and no weight is there.
#
#     bench/plans.sh [FOLDER] >rows.csv    # into target/bench/plans
#
# CLEAVE is the command, bin/cleave by default. Each row is a target: numbers of subcomponents and of
# trained parameters, steps, tokens of a step, 1e12 operations of a step, MiB of each of RANKS ranks
# on a device, MiB that a rank gives into the exchanges of a step, and transfers of a step. Gates are
# one MLP over all sites, as wide as makes it the size of the published networks of gates; a step has
# a stochastic reconstruction at a random subset of the sites, and three at all of them in the place
# of the three passes of a persistent adversary, which take the same products.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
out=${1:-$root/target/bench/plans}
cleave=${CLEAVE:-$root/bin/cleave}
ranks=${RANKS:-8}
mkdir -p "$out"

simple() { # tokens, width, layers, heads, key heads, neurons
    cat <<JSON
{"model_type": "LlamaSimpleMLP", "vocab_size": $1, "n_ctx": 512, "n_embd": $2, "n_layer": $3, "n_head": $4,
 "n_key_value_heads": $5, "n_intermediate": $6, "rms_norm_eps": 1e-6}
JSON
}

gpt2() { # width, layers, heads
    cat <<JSON
{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": $1, "n_layer": $2, "n_head": $3}
JSON
}

# Plans one target: name, steps, batch, length, slice, width of the gates' layer, sites and their
# subcomponents as "pattern:count ...". Its config.json comes by standard input.
plan() {
    name=$1
    mkdir -p "$out/$name"
    cat >"$out/$name/config.json"
    {
        echo "target: $name"
        echo "seed: 0"
        echo "steps: $2"
        echo "sites:"
        for site in $7; do echo "  - {pattern: \"${site%:*}\", subcomponents: ${site#*:}}"; done
        cat <<YAML
start: kaiming
importance: {kind: global_mlp, hidden: [$6]}
leak: sign_gated
faithfulness: {coefficient: 1.0e+7, relative: false}
streams:
  - name: tokens
    length: $4
    batch: $3
    weight_delta: stochastic
    losses:
      - {kind: reconstruction, coefficient: 0.5, masks: stochastic, routing: {kind: random_subset, drawn: per_position}, draws: 1}
      - {kind: reconstruction, coefficient: 0.5, masks: stochastic, routing: all, draws: 3}
      - {kind: importance_minimality, coefficient: 2.0e-4, p: 0.9, epsilon: 1.0e-12, zero_is_free: true, positions: mean, frequency: 1.0e-4}
optimizer:
  learning_rate: 5.0e-5
  adam: {beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8, weight_decay: 0.0}
machine: {workers: 1, slice: $5, precision: float32}
cadence: {log: 10, checkpoint: 1000}
YAML
    } >"$out/$name.yaml"
    # shellcheck disable=SC2086
    $cleave decompose "$out/$name.yaml" --run "$out/run" --plan --device cuda --ranks "$ranks" --json >"$out/$name.json" 2>"$out/$name.txt" ||
        { grep -q '"work"' "$out/$name.json" || { cat "$out/$name.txt" >&2; return 1; }; }
    number() { grep -o "\"$1\" *: *[0-9.E+-]*" "$out/$name.json" | head -n 1 | sed 's/.*: *//'; }
    awk -v OFS=, -v name="$name" -v steps="$2" -v tokens="$(($3 * $4))" -v giga="$(number gigaoperations)" \
        -v all="$(number predicted_mib)" -v program="$(number program_mib)" -v heap="$(number heap_mib)" \
        -v parameters="$(number parameters_mib)" -v given="$(number given_mib)" -v moves="$(number transfers)" -v ranks="$ranks" '
        BEGIN { print name, steps, tokens, parameters * 1048576 / 16, giga / 1e3, ranks, all - program - heap, given, moves }'
}

echo "target,steps,tokens_a_step,trained_parameters,teraoperations_a_step,ranks,device_mib_a_rank,given_mib_a_step,transfers_a_step"
all() { echo "h.*.attn.q_proj:$1 h.*.attn.k_proj:$2 h.*.attn.v_proj:$3 h.*.attn.o_proj:$4 h.*.mlp.c_fc:$5 h.*.mlp.down_proj:$6"; }
own() { echo "h.*.attn.c_attn.q:$1 h.*.attn.c_attn.k:$1 h.*.attn.c_attn.v:$1 h.*.attn.c_proj:$1 h.*.mlp.c_fc:$1 h.*.mlp.c_proj:$1"; }
simple 4019 128 2 4 2 512 | plan stories-2l-128 200000 64 512 8 554 "$(all 650 650 650 650 650 650)"
simple 4019 192 2 6 3 768 | plan stories-2l-192 400000 64 512 8 1562 "$(all 288 288 384 480 1152 960)"
simple 4019 128 4 4 2 512 | plan stories-4l-128 50000 32 256 4 405 "$(all 405 405 405 405 405 405)"
simple 50277 768 4 6 6 3072 | plan pile-4l-768 400000 64 512 8 8100 "$(all 512 512 1024 1024 3072 3584)"
gpt2 768 12 12 | plan gpt2-small 50000 32 256 4 1027 "$(own 768)"
gpt2 1600 48 25 | plan gpt2-xl 50000 32 256 1 1024 "$(own 768)"
