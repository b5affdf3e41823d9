#!/usr/bin/env bash
# Fuzzes the reading of ONNX files: tools/fuzz.sh [SECONDS, 600 by default] [FOLDER]
# FOLDER keeps the corpus from one run to the next. A file that breaks something is left there, named crash-*, timeout-* or
# oom-*, and the script fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds="${1:-600}"
folder="${2:-$(mktemp -d)}"
mkdir -p "${folder}/corpus"
folder="$(cd "${folder}" && pwd)"

tools/setup.sh
for package in clang-14 libclang-rt-14-dev libomp-14-dev; do
  dpkg -s "${package}" >/dev/null 2>&1 || { echo "fuzz: needs Debian's ${package}: apt-get install ${package}" >&2; exit 1; }
done

# Its objects are not those of the normal build, and stay beside them.
bazel --output_base="${folder}/bazel" build --config=fuzz --symlink_prefix=/ //tests/onnx:import_fuzz
fuzzer="$(bazel --output_base="${folder}/bazel" info --config=fuzz bazel-bin)/tests/onnx/import_fuzz"

# The small models of ONNX's own suite to begin with.
suite=/usr/share/libonnx-testdata/data
find "${suite}" -name model.onnx -size -8k | while read -r model; do
  ln -sf "${model}" "${folder}/corpus/$(basename "$(dirname "${model}")").onnx"
done

cd "${folder}"
# A tensor that a damaged file makes large is an error, not a finding.
ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 OMP_NUM_THREADS=1 \
  "${fuzzer}" -max_total_time="${seconds}" -max_len=16384 -timeout=60 -rss_limit_mb=8192 -malloc_limit_mb=0 \
  -print_final_stats=1 corpus
echo "fuzz: ${seconds} seconds without a finding"
