#!/bin/sh
# Times a step at a language model's width, turn by turn: Cleave at an older commit, Cleave here, and
# plain PyTorch as one would write it first, folded, and folded with malloc told to keep its memory.
#
#     bench/lm.sh                      # all shapes, one and two threads, three rounds
#     SHAPES=lm-128 THREADS=1 ROUNDS=1 bench/lm.sh /tmp/bench
#
# Its argument is a folder for random models, the older commit's checkout and the results; it is
# target/bench when absent. What is there already is used again. bench/README.md has the rest.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
out=${1:-$root/target/bench}
python=${PYTHON:-python3}
base=${BASE:-04da03c}
shapes=${SHAPES:-lm-128 lm-768}
threads=${THREADS:-1 2}
precisions=${PRECISIONS:-float32}
rounds=${ROUNDS:-3}
steps=${STEPS:-20}
warm_up=${WARM_UP:-10}
pause=${PAUSE:-10}

mkdir -p "$out"
out=$(CDPATH='' cd -- "$out" && pwd -P)
results=$out/results.jsonl

for shape in $shapes; do
    [ -f "$out/$shape/config.json" ] || "$python" "$root/bench/make-gpt2.py" "$shape" "$out/$shape"
done
old=${BASE_CHECKOUT:-$out/at-$base}
[ -d "$old" ] || git -C "$root" worktree add --detach "$old" "$base"
"$old/bin/cleave" --version # builds it when it must be
"$root/bin/cleave" --version
here=$(git -C "$root" rev-parse --short HEAD)

say() {
    echo "bench: $*" >&2
    sleep "$pause"
}

# One worker takes both sequences at once, as PyTorch does; of two each takes one.
cleave() { # label, checkout, shape, workers, further settings
    label=$1 checkout=$2 shape=$3 workers=$4
    shift 4
    say "$label, $shape, $workers workers $*"
    "$python" "$root/bench/cleave_steps.py" "$checkout/bin/cleave" \
        "$root/configs/bench/$shape.yaml" --label "cleave $label" --threads "$workers" \
        --steps "$steps" --warm-up "$warm_up" --set "target=$out/$shape" \
        --set "machine.slice=$((2 / workers))" "$@" >>"$results" ||
        echo "bench: $label gave no time" >&2
}

peer() { # label, shape, threads, precision, further options
    label=$1 shape=$2 count=$3 precision=$4
    shift 4
    say "$label, $shape, $count threads, $precision"
    "$python" "$root/bench/spd_step.py" "$shape" "$out/$shape" --label "$label" \
        --threads "$count" --precision "$precision" --steps "$steps" --warm-up "$warm_up" "$@" \
        >>"$results" || echo "bench: $label gave no time" >&2
}

# What Cleave asks of malloc itself: that the blocks which every operation frees be kept.
keep_memory() {
    export MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=2147483647 \
        MALLOC_TOP_PAD_=67108864
}

"$python" "$root/bench/products.py" --threads 1 | tee -a "$results"
round=1
while [ "$round" -le "$rounds" ]; do
    for shape in $shapes; do
        for count in $threads; do
            cleave "$base" "$old" "$shape" "$count"
            for precision in $precisions; do
                if [ "$precision" = float32 ]; then
                    cleave "$here" "$root" "$shape" "$count"
                else
                    cleave "$here" "$root" "$shape" "$count" --set "machine.precision=$precision"
                fi
                peer pytorch "$shape" "$count" "$precision"
                peer "pytorch folded" "$shape" "$count" "$precision" --folded
                (keep_memory && peer "pytorch malloc" "$shape" "$count" "$precision")
                (keep_memory && peer "pytorch folded malloc" "$shape" "$count" "$precision" --folded)
            done
        done
    done
    round=$((round + 1))
done
"$python" "$root/bench/products.py" --threads 1 | tee -a "$results"
"$python" "$root/bench/summary.py" "$results"
