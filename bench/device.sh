#!/usr/bin/env bash
# What there is to check on a machine with a GPU of NVIDIA, in one go of at most ten minutes: builds
# with the profile `cuda`, asks which libtorch was loaded and which devices it sees, compares plans
# and products with the CPU, and measures products on both.
#
#     bench/device.sh [FOLDER]             # into target/bench/device
#
# Ends with 2 where there is no device, and says what is missing. Maven needs its repository; with
# everything fetched before, MAVEN_ARGS=-o keeps it off the network.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
out=${1:-$root/target/bench/device}
device=${DEVICE:-cuda:0}
mkdir -p "$out"
cd "$root"
JAVA_HOME=$(bin/find-jdk)
export JAVA_HOME OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
began=$(date +%s)
say() { echo "device: $(($(date +%s) - began)) s: $*" >&2; }

say "building for CUDA"
./mvnw -q -B -Pcuda -DskipTests -Dspotless.check.skip=true test-compile dependency:build-classpath -Dmdep.outputFile="$out/classpath.txt"
flags="--add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -Djava.library.path= -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 --sun-misc-unsafe-memory-access=allow"
java() {
    # shellcheck disable=SC2086
    "$JAVA_HOME/bin/java" $flags "-Dcleave.home=$root" -cp "target/classes:target/test-classes:$(cat "$out/classpath.txt")" "$@"
}

say "which libtorch, which devices"
java cleave.cli.Main doctor >"$out/doctor.txt" || true
grep -E '^libtorch|file|devices|problem' "$out/doctor.txt" || true
if ! grep -q "devices:.*$device" "$out/doctor.txt"; then
    java cleave.cli.Main decompose configs/induction-quick.yaml --run "$out/run" --device "$device" || exit 2
fi

say "a step on $device beside the same on the CPU, and rates of products"
java cleave.bench.DeviceCheck "$device" | tee "$out/parity.txt"
say "done"
