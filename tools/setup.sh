#!/usr/bin/env bash
# Installs the Debian packages that the build and the tests need. Does nothing, quickly, where all are installed.
set -euo pipefail

# The one list of them.
packages=(
  # Bazel and its rules
  bazel-bootstrap
  bazel-platforms
  bazel-rules-cc
  bazel-rules-java
  bazel-rules-proto
  bazel-skylib
  # tools
  clang-format
  g++
  git
  protobuf-compiler
  python3
  python3-numpy
  python3-onnx
  # libraries: see third_party/repositories.bzl
  libabsl-dev
  libbenchmark-dev
  libcairo2-dev
  libcli11-dev
  libdnnl-dev
  libgmock-dev
  libgtest-dev
  libhdf5-dev
  libhwy-dev
  libjpeg-dev
  libopenmpi-dev
  libpng-dev
  libprotobuf-dev
  libsodium-dev
  libxxhash-dev
  libzip-dev
  nlohmann-json3-dev
  zlib1g-dev
  # the page of nomo view, which is tested in a browser
  chromium
  # training in several processes
  openmpi-bin
  # data
  dataset-fashion-mnist
  libonnx-testdata
)

# Node.js is often there from elsewhere, and then Debian's npm cannot be installed beside it.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then packages+=(nodejs npm); fi

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  fail "this is no Debian system. The build takes its libraries from these packages of Debian 12:" \
    "  ${packages[*]}" \
    "Build in a Debian 12 container, or bring the repositories of third_party/repositories.bzl from source."
fi

installed="$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null || true)"
missing=()
for package in "${packages[@]}"; do
  grep -qxF "installed ${package}" <<<"${installed}" || missing+=("${package}")
done
((${#missing[@]})) || exit 0

echo "setup: missing: ${missing[*]}"
as_root=()
if [[ "${EUID}" -ne 0 ]]; then
  if ! sudo -n true 2>/dev/null; then
    fail "only root can install them, and sudo is not to be had without a password. Run as root:" \
      "  apt-get install ${missing[*]}"
  fi
  as_root=(sudo -n)
fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

apt update || echo "setup: apt-get update failed; trying with the lists that are here" >&2
unknown=()
for package in "${missing[@]}"; do
  apt-cache show --no-all-versions "${package}" >/dev/null 2>&1 || unknown+=("${package}")
done
if ((${#unknown[@]})); then
  fail "apt knows no package ${unknown[*]}." \
    "They are in Debian 12 (bookworm), section main: is that in /etc/apt/sources.list, and its server within reach?"
fi
apt install --no-install-recommends "${missing[@]}" || fail "apt-get could not install: ${missing[*]}"
