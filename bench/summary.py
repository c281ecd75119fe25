#!/usr/bin/env python3
"""Make one table of the lines that bench/lm.sh has written: medians over its rounds."""

import json
import statistics
import sys


def main():
    groups = {}
    with open(sys.argv[1]) as file:
        for line in map(json.loads, file):
            if "seconds" in line:
                key = (line["shape"], line["threads"], line["precision"], line["who"])
                groups.setdefault(key, []).append(line)
    print("| shape | threads | precision | who | rounds | s/step | least | most | peak MiB | first step, s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (shape, threads, precision, who), lines in sorted(groups.items()):
        seconds = [line["seconds"] for line in lines]
        first = [line["first_step_seconds"] for line in lines if line.get("first_step_seconds")]
        print(
            f"| {shape} | {threads} | {precision} | {who} | {len(lines)}"
            f" | {statistics.median(seconds):.3f} | {min(seconds):.3f} | {max(seconds):.3f}"
            f" | {max(line['peak_mib'] for line in lines):,}"
            f" | {f'{statistics.median(first):.1f}' if first else ''} |"
        )


if __name__ == "__main__":
    main()
