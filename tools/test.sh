#!/usr/bin/env bash
# Builds and tests everything. Arguments go to Bazel: tools/test.sh --config=asan
# The last line is "N passed, N failed", counted in test cases.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh
python3 tools/floors.py
python3 tools/format.py

events="$(mktemp -d)"
trap 'rm -rf "${events}"' EXIT
results=()

# bazel_run FOLDER COMMAND ARGUMENTS...: its exit status goes to the results, and what became of each test.
bazel_run() {
  local folder="$1" command="$2" file="${events}/${#results[@]}.json" status=0 flags=()
  shift 2
  [[ "${command}" == test ]] && flags+=("--build_event_json_file=${file}")
  (cd "${folder}" && bazel "${command}" --keep_going --show_progress_rate_limit=30 ${flags[@]+"${flags[@]}"} "$@" </dev/null) ||
    status=$?
  results+=("${status}:${file}")
}

# The consumer is a workspace of its own. Here it is a repository of this one, so that its tests share what is built.
bazel_run . test "$@" //... @consumer//:all

# What differs where Nomograph itself is the repository: its labels, the folders of its headers and of what protoc writes,
# and op libraries. Some of it is compiled there, once more, without the optimiser. NOMO_SKIP_CONSUMER leaves it out.
if [[ -z "${NOMO_SKIP_CONSUMER:-}" ]]; then
  bazel_run examples/consumer build --nobuild "$@" //...
  bazel_run examples/consumer build "$@" //:parity_op //:parity_ops @nomograph//proto:model_cc_proto @nomograph//core/build
  # Its server would stay for hours, beside the one of the main workspace.
  (cd examples/consumer && bazel shutdown)
fi

# The page of `nomo view`, in a browser. NOMO_SKIP_PAGE leaves it out.
if [[ -z "${NOMO_SKIP_PAGE:-}" ]]; then
  inspect/page/web/test.sh bazel-bin/tools/nomo | tee "${events}/page" || true
  if [[ "$(tail -n 1 "${events}/page")" =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    results+=("inspect/page/web:${BASH_REMATCH[1]}:${BASH_REMATCH[2]}")
  else
    results+=("inspect/page/web:0:1")
  fi
fi

python3 tools/test_results.py "${results[@]}"
