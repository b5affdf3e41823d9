#!/usr/bin/env bash
# Builds and tests everything. Arguments go to Bazel: tools/test.sh --config=asan
# The last line is "N passed, N failed", counted in test cases.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh

events="$(mktemp -d)"
trap 'rm -rf "${events}"' EXIT

# Each is a Bazel workspace of its own. examples/consumer compiles the library once more under its own name, which takes as
# long again; NOMO_SKIP_CONSUMER leaves it out.
workspaces=(.)
[[ -n "${NOMO_SKIP_CONSUMER:-}" ]] || workspaces+=(examples/consumer)

results=()
for workspace in "${workspaces[@]}"; do
  [[ -f "${workspace}/WORKSPACE" ]] || continue
  file="${events}/${#results[@]}.json"
  status=0
  (cd "${workspace}" && bazel test --keep_going --show_progress_rate_limit=30 \
    --build_event_json_file="${file}" "$@" //... </dev/null) || status=$?
  results+=("${status}:${file}")
  # Its server would stay for hours, beside the one of the main workspace.
  [[ "${workspace}" == . ]] || (cd "${workspace}" && bazel shutdown)
done

python3 tools/test_results.py "${results[@]}"
