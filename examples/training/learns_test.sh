#!/bin/sh
# Runs the program that $1 names, with the file $2 if there is one, in a folder of its own, where it may leave a model.
set -e
program="$PWD/$1"
file="${2:+$PWD/$2}"
cd "$TEST_TMPDIR"
"$program" ${file:+"$file"}
