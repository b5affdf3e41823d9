#!/usr/bin/env bash
# mpi_test.sh PROGRAM N: runs the tests in N processes, then sees how a job ends in which one process fails.
set -euo pipefail
program=$1
processes=$2
# More processes than processors, as root in containers, and without a network.
job=(mpirun --allow-run-as-root --oversubscribe --mca btl self,vader --mca plm isolated -n "${processes}")
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
