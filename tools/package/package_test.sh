#!/bin/sh
# package_test.sh DEB TARBALL MODEL: both unpack, the program runs out of each, and the tarball needs nothing but the C
# library, also for drawing MODEL, an HDF5 file, as PNG, whose libraries the program loads itself.
set -eu
fail() {
  echo "$*" >&2
  exit 1
}
folder="${TEST_TMPDIR:-$(mktemp -d)}"

dpkg-deb -x "$1" "$folder/deb"
"$folder/deb/usr/bin/nomo" --version | grep -q '^nomo ' || fail "the program of $1 does not run"
dpkg-deb -f "$1" Depends | grep -q 'libc6 (>= ' || fail "$1 does not depend on libc6"
for library in libhdf5 libcairo; do
  dpkg-deb -f "$1" Recommends | grep -q "$library" || fail "$1 does not recommend $library"
done
test -s "$folder/deb/usr/share/doc/nomo/copyright" || fail "$1 has no copyright"

mkdir "$folder/tar"
tar -xzf "$2" -C "$folder/tar"
nomo="$(echo "$folder"/tar/nomo-*/bin/nomo)"
"$nomo" --version | grep -q '^nomo ' || fail "the program of $2 does not run"
LD_DEBUG=libs LD_DEBUG_OUTPUT="$folder/log" "$nomo" graph "$3" -o "$folder/model.png" ||
  fail "the program of $2 does not draw $3"
test -s "$folder/model.png" || fail "there is no picture"
sed -n 's/.*calling init: //p' "$folder"/log.* >"$folder/loaded"
for library in libhdf5 libcairo; do
  grep -q "$library" "$folder/loaded" || fail "$library was not loaded"
done
while read -r path; do
  case "$path" in
    "$folder"/*) ;;
    */ld-linux* | */libc.so.* | */libm.so.* | */libpthread.so.* | */libdl.so.* | */librt.so.* | */libmvec.so.* | */libresolv.so.*) ;;
    *) fail "$path is not of $2" ;;
  esac
done <"$folder/loaded"
