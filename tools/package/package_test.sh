#!/bin/sh
# package_test.sh DEB TARBALL: both unpack, the program runs out of each, and the tarball needs nothing but the C library.
set -eu
fail() {
  echo "$*" >&2
  exit 1
}
folder="${TEST_TMPDIR:-$(mktemp -d)}"

dpkg-deb -x "$1" "$folder/deb"
"$folder/deb/usr/bin/nomo" --version | grep -q '^nomo ' || fail "the program of $1 does not run"
dpkg-deb -f "$1" Depends | grep -q 'libc6 (>= ' || fail "$1 does not depend on libc6"
test -s "$folder/deb/usr/share/doc/nomo/copyright" || fail "$1 has no copyright"

mkdir "$folder/tar"
tar -xzf "$2" -C "$folder/tar"
nomo="$(echo "$folder"/tar/nomo-*/bin/nomo)"
"$nomo" --version | grep -q '^nomo ' || fail "the program of $2 does not run"
ldd "$nomo" | while read -r name arrow path rest; do
  case "$name" in
    linux-vdso.so.* | */ld-linux* | libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libmvec.so.* | libresolv.so.*) ;;
    *)
      case "$path" in
        "$folder"/*) ;;
        *) fail "$name comes from $path" ;;
      esac
      ;;
  esac
done
