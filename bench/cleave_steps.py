#!/usr/bin/env python3
"""Run Cleave for some steps and say how long one takes, as bench/spd_step.py says it of PyTorch.

    bench/cleave_steps.py bin/cleave configs/bench/lm-768.yaml --label here --threads 2 \\
        --set target="$PWD/target/bench/lm-768"

The times are those of metrics.jsonl, which has a line every `--every` steps: a window of so many steps
by its length. It prints one JSON object; `first_step_seconds` is from the start of the program to the
end of the first step, and `peak_mib` is that of the whole process.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cleave", help="bin/cleave of a checkout")
    parser.add_argument("config")
    parser.add_argument("--label", default="cleave")
    parser.add_argument("--threads", type=int, default=1, help="Cleave's workers")
    parser.add_argument("--steps", type=int, default=20, help="timed ones")
    parser.add_argument("--warm-up", type=int, default=5, help="steps before the first timed one")
    parser.add_argument("--every", type=int, default=5, help="steps of a window")
    parser.add_argument("--set", action="append", default=[], help="as of cleave decompose")
    given = parser.parse_args()
    every = given.every
    warm_up = -(-given.warm_up // every) * every
    timed = -(-given.steps // every) * every
    steps = warm_up + timed + 1  # the line of the last step closes its window
    folder = tempfile.mkdtemp(prefix="cleave-steps-")
    run = os.path.join(folder, "run")
    command = [given.cleave, "decompose", given.config, "--run", run]
    settings = [
        f"steps={steps}",
        f"machine.workers={given.threads}",
        f"cadence.log={every}",
        f"cadence.checkpoint={steps}",
        *given.set,
    ]
    for setting in settings:
        command += ["--set", setting]
    try:
        begin = time.perf_counter()
        first = []

        def watch(process):
            metrics = os.path.join(run, "metrics.jsonl")
            while process.returncode is None and not first:
                if os.path.exists(metrics) and os.path.getsize(metrics) > 0:
                    first.append(time.perf_counter() - begin)
                time.sleep(0.02)

        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        watcher = threading.Thread(target=watch, args=(process,), daemon=True)
        watcher.start()
        said = process.stderr.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} must end with 0, got {process.returncode}\n{said}")
        with open(os.path.join(run, "metrics.jsonl")) as file:
            lines = [json.loads(line) for line in file]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    at = {line["step"]: line for line in lines}
    seconds = [
        (at[step + every]["session_seconds"] - at[step]["session_seconds"]) / every
        for step in range(warm_up, warm_up + timed, every)
    ]
    quartiles = statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else None
    result = {
        "who": given.label,
        "shape": os.path.splitext(os.path.basename(given.config))[0],
        "precision": next(
            (s.split("=")[1] for s in given.set if s.startswith("machine.precision=")), "float32"
        ),
        "threads": given.threads,
        "steps": timed,
        "seconds": round(statistics.median(seconds), 4),
        "quartiles": [round(quartiles[0], 4), round(quartiles[2], 4)] if quartiles else None,
        "first_loss": lines[0]["total"],
        "last_loss": lines[-1]["total"],
        "first_step_seconds": round(first[0], 2) if first else None,
        "peak_mib": usage.ru_maxrss // 1024,
    }
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
