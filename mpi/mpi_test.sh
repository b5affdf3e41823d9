#!/usr/bin/env bash
# mpi_test.sh PROGRAM N: runs the tests in N processes, then sees how a job ends in which one process fails.
set -euo pipefail
program=$1
processes=$2
# More processes than processors, as root in containers, and without a network.
options=(--allow-run-as-root --oversubscribe --mca btl self,vader --mca plm isolated)
job=(mpirun "${options[@]}" -n "${processes}")
export OMP_NUM_THREADS=1
# Sockets' paths are short.
export TMPDIR=/tmp

"${job[@]}" "${program}"

if message="$("${job[@]}" "${program}" --fail 2>&1)"; then
  echo "a job of which a process fails: expected an error" >&2
  exit 1
fi
expected="process $((processes - 1)) of ${processes}: the record at byte 12 is damaged"
if ! grep -qF "${expected}" <<<"${message}"; then
  printf 'expected "%s", found:\n%s\n' "${expected}" "${message}" >&2
  exit 1
fi

# A process dies in the third epoch. What the last checkpoint has goes on with another number of processes, to the loss
# of a job that nothing has happened to.
folder="$(mktemp -d)"
trap 'rm -rf "${folder}"' EXIT
"${job[@]}" "${program}" "${folder}/whole.nomo" 6 no >"${folder}/whole"
if "${job[@]}" "${program}" "${folder}/cut.nomo" 6 yes >"${folder}/cut" 2>&1; then
  echo "a job of which a process is killed: expected an error" >&2
  exit 1
fi
grep -qiE "signal 9|Killed" "${folder}/cut" || { cat "${folder}/cut" >&2; exit 1; }
mpirun "${options[@]}" -n 3 "${program}" "${folder}/cut.nomo" 6 no >"${folder}/resumed"
if ! diff "${folder}/whole" "${folder}/resumed"; then
  echo "a resumed job: expected the losses of one that was not interrupted" >&2
  exit 1
fi
cat "${folder}/resumed"
