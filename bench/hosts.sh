#!/usr/bin/env bash
# Two hosts on one machine: network namespaces with an interface each and a cable between them. Two
# ranks of one run, one on each, are killed, cut off and delayed, and the run goes on afterwards.
#
#     bench/hosts.sh                       # 20 kills, cuts and delays, into target/bench/hosts
#     KILLS=2 bench/hosts.sh /tmp/hosts
#
# Namespaces need root. Where the system refuses them, the hosts are two addresses of the loopback
# interface, 127.0.0.2 and 127.0.0.3, and there is no cable to be cut. Every fault is a row of
# hosts.csv; the script ends with 1 when one did not end, or did not go on, as it should.
#
# CLEAVE is the command, bin/cleave by default; TIMEOUT the ranks' time-out in seconds; STEPS the
# length of a run; KILLS how many runs are killed, CUTS how many are cut off or delayed in each way.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
out=${1:-$root/target/bench/hosts}
cleave=${CLEAVE:-$root/bin/cleave}
config=${CONFIG:-$root/configs/toys/tms-5-2-quick.yaml}
kills=${KILLS:-20}
cuts=${CUTS:-3}
steps=${STEPS:-200}
timeout=${TIMEOUT:-10}
few=40 # steps of a run whose every packet is late
settings="--set cadence.log=1 --set cadence.checkpoint=$((steps / 10)) --set machine.workers=1 --set streams[0].batch=64"
one=cleave-one-$$ two=cleave-two-$$
rows=$out/hosts.csv
failures=0 port=29400

mkdir -p "$out"
echo "fault,number,rank,after_step,seconds,exit_codes,said,resumed" >"$rows"

say() { echo "hosts: $*" >&2; }

cleanup() {
    [ -z "${pids:-}" ] || kill -9 $pids 2>/dev/null
    ip netns del "$one" 2>/dev/null
    ip netns del "$two" 2>/dev/null
}
trap cleanup EXIT

if ip netns add "$one" 2>/dev/null && ip netns add "$two" && ip link add veth0 netns "$one" type veth peer name veth0 netns "$two"; then
    hosts=namespaces
    for host in "$one:1" "$two:2"; do
        ip -n "${host%:*}" addr add "10.77.0.${host#*:}/24" dev veth0
        ip -n "${host%:*}" link set veth0 up
        ip -n "${host%:*}" link set lo up
    done
    addresses=(10.77.0.1 10.77.0.2)
    on=("ip netns exec $one" "ip netns exec $two")
else
    hosts="loopback addresses"
    addresses=(127.0.0.2 127.0.0.3)
    on=(env env)
fi
say "two hosts are two $hosts"

# Starts both ranks of a run: directory, steps.
start() {
    run=$1
    length=${2:-$steps}
    port=$((port + 1))
    pids=
    for rank in 0 1; do
        # shellcheck disable=SC2086
        ${on[$rank]} env RANK=$rank WORLD_SIZE=2 MASTER_ADDR="${addresses[0]}" MASTER_PORT=$port \
            $cleave decompose "$config" --run "$run" --rank-timeout "$timeout" \
            --interface "${addresses[$rank]}" $settings --set "steps=$length" >"$run.$rank.txt" 2>&1 &
        pids="$pids $!"
    done
    pids=${pids# }
}

lines() { if [ -f "$1/metrics.jsonl" ]; then wc -l <"$1/metrics.jsonl"; else echo 0; fi; }

# Waits until a run has logged some steps: run, steps. Fails when a rank ends before.
await() {
    while [ "$(lines "$1")" -lt "$2" ]; do
        for pid in $pids; do
            if ! kill -0 "$pid" 2>/dev/null; then
                say "rank ended early: $(tail -n 2 "$1".?.txt)"
                return 1
            fi
        done
        sleep 0.02
    done
}

now() { date +%s.%N; }

# Waits for all ranks: seconds that they may take. Sets codes, by rank, and took.
ends() {
    local begin end
    begin=$(now)
    codes= took=
    for pid in $pids; do
        end=$(awk -v b="$begin" -v s="$1" 'BEGIN { printf "%.3f", b + s }')
        while kill -0 "$pid" 2>/dev/null && awk -v n="$(now)" -v e="$end" 'BEGIN { exit !(n < e) }'; do
            sleep 0.05
        done
        if kill -0 "$pid" 2>/dev/null; then
            kill -9 "$pid"
            codes="$codes hung"
        else
            wait "$pid"
            codes="$codes $?"
        fi
    done
    codes=${codes# }
    took=$(awk -v b="$begin" -v n="$(now)" 'BEGIN { printf "%.1f", n - b }')
}

# Goes on with a run by one rank to its last step; says what came of it.
resume() {
    # shellcheck disable=SC2086
    if $cleave decompose "$config" --run "$1" --resume $settings --set "steps=$steps" >"$1.resumed.txt" 2>&1; then
        echo "to step $(tail -n 1 "$1/metrics.jsonl" | sed 's/.*"step": *\([0-9]*\).*/\1/')"
    else
        echo "no: $(tail -n 2 "$1.resumed.txt" | tr '\n,"' '   ')"
    fi
}

# Appends a row: fault, number, rank, step, what survivors said, how the run went on, and whether all
# is as it should be.
row() {
    echo "$1,$2,$3,$4,$took,$codes,\"$5\",$6" | tee -a "$rows" >&2
    if [ "$7" != yes ]; then
        failures=$((failures + 1))
        say "NOT AS IT SHOULD BE: $1 $2"
    fi
}

said() { grep -v '^hint' "$1" | grep -m 1 -E 'rank [0-9]|exchange' | tr '",' "' " | cut -c 1-160; }

finished() { case $1 in "to step $((steps - 1))") echo yes ;; *) echo no ;; esac; }

digest() { sha256sum "$1"/checkpoints/*/decomposition.safetensors 2>/dev/null | tail -n 1 | cut -d ' ' -f 1; }

# Whether the run that just ended has the bytes of one that nothing happened to: its directory.
same() { [ "$codes" = "0 0" ] && [ -n "$(digest "$1")" ] && [ "$(digest "$run")" = "$(digest "$1")" ] && echo yes || echo no; }

start "$out/whole"
ends 900
row none 1 - - "" "same bytes: $(same "$out/whole")" "$(same "$out/whole")"

for i in $(seq "$kills"); do
    start "$out/kill-$i"
    rank=$((RANDOM % 2))
    await "$run" $((1 + RANDOM % (steps / 2))) || { row kill "$i" "$rank" - "did not begin" - no; continue; }
    killed=$(echo "$pids" | cut -d ' ' -f $((rank + 1)))
    kill -9 "$killed"
    at=$(lines "$run")
    ends "$timeout"
    if [ "$rank" = 0 ]; then expected="137 3"; else expected="3 137"; fi
    words=$(said "$run.$((1 - rank)).txt")
    on_again=$(resume "$run")
    good=$(finished "$on_again")
    [ "$codes" = "$expected" ] && [ -n "$words" ] || good=no
    row kill "$i" "$rank" "$at" "$words" "$on_again" "$good"
    [ "$good" != yes ] || rm -rf "$run"
done

if [ "$hosts" = namespaces ]; then
    for i in $(seq "$cuts"); do
        start "$out/cut-$i"
        await "$run" $((1 + RANDOM % (steps / 2))) || { row cut "$i" - - "did not begin" - no; continue; }
        ip -n "$two" link set veth0 down
        at=$(lines "$run")
        ends "$timeout"
        ip -n "$two" link set veth0 up
        words="$(said "$run.0.txt"); $(said "$run.1.txt")"
        on_again=$(resume "$run")
        good=$(finished "$on_again")
        [ "$codes" = "3 3" ] || good=no
        row cut "$i" - "$at" "$words" "$on_again" "$good"
        [ "$good" != yes ] || rm -rf "$run"

        # A link that is gone for a third of the time-out delays a run, and does nothing else.
        start "$out/break-$i"
        await "$run" $((1 + RANDOM % (steps / 2))) || { row break "$i" - - "did not begin" - no; continue; }
        at=$(lines "$run")
        ip -n "$two" link set veth0 down
        sleep "$(awk -v t="$timeout" 'BEGIN { print t / 3 }')"
        ip -n "$two" link set veth0 up
        ends 900
        good=$(same "$out/whole")
        row break "$i" - "$at" "" "same bytes: $good" "$good"
        [ "$good" != yes ] || rm -rf "$run"
    done

    # Packets that are late, one by one: by netem, or where the kernel has none by a narrow cable.
    start "$out/few" "$few"
    ends 900
    late="20 ms and up to 10 ms more on every packet"
    if ! tc -n "$two" qdisc add dev veth0 root netem delay 20ms 10ms 2>/dev/null; then
        late="200 kbit/s"
        tc -n "$two" qdisc add dev veth0 root tbf rate 200kbit burst 4kb latency 2s ||
            say "this kernel delays no packets"
    fi
    for i in $(seq "$cuts"); do
        start "$out/late-$i" "$few"
        ends 1800
        good=$(same "$out/few")
        row late "$i" - "$few" "$late" "same bytes: $good" "$good"
        [ "$good" != yes ] || rm -rf "$run"
    done
fi

say "$(($(wc -l <"$rows") - 1)) faults, $failures not as they should be ($rows)"
[ "$failures" = 0 ]
