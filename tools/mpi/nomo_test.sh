#!/usr/bin/env bash
# nomo_test.sh TOOL PLAIN MAKER: several processes yield what one does, in the order of the rows.
set -euo pipefail
tool=$1
plain=$2
maker=$3
folder="$(mktemp -d)"
trap 'rm -rf "${folder}"' EXIT
export OMP_NUM_THREADS=1 TMPDIR=/tmp
options=(--allow-run-as-root --oversubscribe --mca btl self,vader --mca plm isolated)

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# A layer, and noise that the seed and the batch's number decide.
"${maker}" --write-model "${folder}/model.nomo"

for flags in "" "--batch 3" "--batch 3 --training --seed 5" "--batch 100"; do
  # shellcheck disable=SC2086
  "${plain}" run "${folder}/model.nomo" -i random:23x2 ${flags} -o "${folder}/one.npy" >/dev/null
  for processes in 1 2 4; do
    # shellcheck disable=SC2086
    mpirun "${options[@]}" -n "${processes}" "${tool}" run "${folder}/model.nomo" -i random:23x2 ${flags} \
      -o "${folder}/several.npy" >"${folder}/said"
    cmp "${folder}/one.npy" "${folder}/several.npy" || fail "${flags:-all at once}: ${processes} processes differ from one"
    [[ "$(grep -c several.npy "${folder}/said")" == 1 ]] || fail "expected one line from the first process, found:" "$(cat "${folder}/said")"
    rm "${folder}/several.npy"
  done
done

if message="$(mpirun "${options[@]}" -n 2 "${tool}" run "${folder}/model.nomo" -i random:4x2 --duration 1 2>&1)"; then
  fail "--duration in several processes: expected an error"
fi
grep -qF -- "--repeat says how often" <<<"${message}" || fail "expected a hint at --repeat, found:" "${message}"
mpirun "${options[@]}" -n 2 "${tool}" run "${folder}/model.nomo" -i random:8x2 --batch 2 --repeat 3 | grep -q "3 runs" ||
  fail "--repeat 3: expected its times"
