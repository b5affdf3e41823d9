#!/usr/bin/env bash
# Fuzzes the reading of foreign files: tools/fuzz.sh [SECONDS for each reader, 600 by default] [FOLDER] [READER…]
# A reader is one of the names below; without any, all of them.
# FOLDER keeps the corpora from one run to the next. A file that breaks something is left there, named crash-*, timeout-* or
# oom-*, and the script fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

declare -A targets=(
  [onnx]=tests/onnx/import_fuzz
  [keras_config]=serialization/keras/config_fuzzer
  [keras_archive]=serialization/keras/archive_fuzzer
  [python_marshal]=serialization/keras/python/marshal_fuzzer
  [python_interpreter]=serialization/keras/python/interpreter_fuzzer
  [records]=data/pipeline/records_fuzzer
)

seconds="${1:-600}"
folder="${2:-$(mktemp -d)}"
readers=("${@:3}")
[[ ${#readers[@]} -gt 0 ]] || readers=("${!targets[@]}")
mkdir -p "${folder}"
folder="$(cd "${folder}" && pwd)"

# The files to begin with.
seeds() {
  case "$1" in
    onnx)  # the small models of ONNX's own suite
      find /usr/share/libonnx-testdata/data -name model.onnx -size -8k | while read -r model; do
        echo "${model} $(basename "$(dirname "${model}")").onnx"
      done ;;
    keras_config) find "${PWD}"/serialization/keras/testdata -name '*.json' -size -16k -printf '%p %f\n' ;;
    keras_archive) find "${PWD}"/serialization/keras/testdata -name '*.keras' -size -32k -printf '%p %f\n' ;;
    records) find "${PWD}"/data/pipeline/testdata -name '*.tfrecord' -printf '%p %f\n' ;;
    python_*)  # the payloads of the tests
      /usr/bin/python3 serialization/keras/python/testing/generate.py --seeds "${folder}/payloads" >/dev/null
      find "${folder}/payloads" -type f -printf '%p %f\n' ;;
  esac
}

tools/setup.sh
for package in clang-14 libclang-rt-14-dev libomp-14-dev; do
  dpkg -s "${package}" >/dev/null 2>&1 || { echo "fuzz: needs Debian's ${package}: apt-get install ${package}" >&2; exit 1; }
done

for reader in "${readers[@]}"; do
  target="${targets[${reader}]:?there is no reader ${reader}}"
  # Its objects are not those of the normal build, and stay beside them.
  bazel --output_base="${folder}/bazel" build --config=fuzz --symlink_prefix=/ "//${target%/*}:${target##*/}"
  fuzzer="$(bazel --output_base="${folder}/bazel" info --config=fuzz bazel-bin)/${target}"
  corpus="${folder}/corpus/${reader}"
  mkdir -p "${corpus}"
  seeds "${reader}" | while read -r seed name; do ln -sf "${seed}" "${corpus}/${name}"; done
  # A tensor that a damaged file makes large is an error, not a finding.
  (cd "${folder}" && ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 OMP_NUM_THREADS=1 \
    "${fuzzer}" -max_total_time="${seconds}" -max_len=16384 -timeout=60 -rss_limit_mb=8192 -malloc_limit_mb=0 \
    -print_final_stats=1 "${corpus}")
  echo "fuzz: ${reader}: ${seconds} seconds without a finding"
done
