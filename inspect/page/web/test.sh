#!/usr/bin/env bash
# Tests the page: its modules, that dist/page.html is what its sources give, and the page itself in Chromium.
#   test.sh path/to/nomo [folder for screenshots]
# ACME_OPS is the library of //tools:acme_ops; else it is the one beside nomo.
# The last line is "N passed, N failed".
set -euo pipefail
nomo="$(realpath "$1")"
shots="${2:+$(realpath "$2")}"
cd "$(dirname "${BASH_SOURCE[0]}")"

[[ -d node_modules/esbuild && -d node_modules/playwright-core ]] || npm ci --silent --no-audit --no-fund
passed=0 failed=0

if node build.mjs --check; then passed=$((passed + 1)); else failed=$((failed + 1)); fi

unit="$(node test/run_unit.mjs || true)"
grep -E -A 20 '^not ok' <<<"${unit}" || true
passed=$((passed + $(sed -n 's/^# pass //p' <<<"${unit}")))
failed=$((failed + $(sed -n 's/^# fail //p' <<<"${unit}")))

page="$(NOMO="${nomo}" ACME_OPS="${ACME_OPS:-$(dirname "${nomo}")/libacme_ops.so}" node test/page.test.mjs ${shots:+"${shots}"} || true)"
sed '$d' <<<"${page}"
if [[ "$(tail -n 1 <<<"${page}")" =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
  passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
else
  failed=$((failed + 1))
fi
echo "${passed} passed, ${failed} failed"
((failed == 0))
