#!/bin/bash
# Compares Nomograph with ONNX Runtime on this machine: installs what the comparison needs (Debian's
# packages, the peer from npm), builds the program, and measures at one thread and at all of them, and
# at batch 8 where that matters. Writes FOLDER/THREADS-BATCH.json and .md; two hours on two cores.
#
# Usage: benchmarks/compare.sh FOLDER [MODEL...]     (MODEL: as for onnx_runtime.py)
set -euo pipefail
if [[ $# -eq 0 || $1 == -* ]]; then
  sed -n '2,6s/^# \?//p' "$0"
  exit 2
fi
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
as_root=()
if [[ $EUID -ne 0 ]]; then as_root=(sudo); fi
for package in python3-torch python3-torchvision python3-onnx python3-numpy python3-pil; do
  dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package")
done
if [[ -n ${missing+x} ]]; then "${as_root[@]}" apt-get install -y "${missing[@]}"; fi
command -v node npm > /dev/null || "${as_root[@]}" apt-get install -y nodejs npm
cd "$here"
bazel build -c opt //tools:nomo //benchmarks:dispatch

measure() {  # THREADS BATCH MODEL...
  local threads=$1 batch=$2
  shift 2
  # Debian's own Python has Debian's packages.
  /usr/bin/python3 benchmarks/onnx_runtime.py --nomo bazel-bin/tools/nomo --work "$folder/models" \
    --threads "$threads" --batch "$batch" --json "$folder/$threads-$batch.json" \
    --markdown "$folder/$threads-$batch.md" "$@" || failed=1
}
failed=0
all=$(nproc)
measure "$all" 1 "$@"
if [[ $all -gt 1 ]]; then measure 1 1 "$@"; fi
if [[ $# -eq 0 ]]; then measure "$all" 8 resnet50 mobilenet_v2; fi
bazel-bin/benchmarks/dispatch | tee "$folder/dispatch.txt"
exit "$failed"
