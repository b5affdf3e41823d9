#!/usr/bin/env python3
"""Packs the program `nomo` as a Debian package or as a tarball.

    package.py deb --nomo nomo --license LICENSE --out nomo.deb
    package.py tar --nomo nomo --license LICENSE --out nomo.tar.gz

The package depends on exactly the packages whose shared libraries the program is linked with, in the versions that are
installed where it is built, or newer ones, and recommends those whose libraries it loads when it needs them. The tarball has
these libraries beside the program, but for the C library's own: it runs wherever that is as new as here. Equal inputs give
equal bytes.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

# What every system has, and what must be the system's own: parts of glibc.
C_LIBRARY = re.compile(r"^(ld-linux.*|linux-vdso|lib(c|m|pthread|rt|dl|resolv|util|nsl|anl)|libmvec)\.so")

DESCRIPTION = """\
Description: command line for Nomograph, ONNX and Keras models
 Looks into models, compares, draws, checks, profiles, edits, signs, proves and
 runs them, from files of Nomograph, ONNX and Keras alike. No network is used.
"""


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"package.py: {' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


def loaded(program):
    """The names of the libraries that the program loads when it needs them: its notes say so.

    https://uapi-group.org/specifications/specs/elf_dlopen_metadata/
    """
    with tempfile.TemporaryDirectory() as folder:
        notes = pathlib.Path(folder, "notes")
        run("objcopy", "-O", "binary", "--set-section-flags", ".note.dlopen=alloc", "--only-section=.note.dlopen", program, notes)
        texts = re.findall(rb"\[\{.*?\}\](?=\0)", notes.read_bytes())
    return [name for text in texts for feature in json.loads(text) for name in feature["soname"]]


def path_of(library):
    """Where the loader finds a library."""
    for line in run("/sbin/ldconfig", "-p").splitlines():
        match = re.match(r"\s*(\S+) \(.*\) => (\S+)", line)
        if match and match[1] == library:
            return match[2]
    sys.exit(f"package.py: {library} is not installed")


def libraries(program):
    """The paths of the shared libraries that the loader finds for the program, without glibc's, by name."""
    found = {name: path_of(name) for name in loaded(program)}
    for file in [program, *found.values()]:
        for line in run("ldd", file).splitlines():
            match = re.match(r"\s*(\S+) => (\S+) \(0x", line)
            if "not found" in line:
                sys.exit(f"package.py: {line.strip()}")
            if match and not C_LIBRARY.match(match[1]):
                found[match[1]] = match[2]
    return found


def needed(program):
    """The names of the libraries that the program itself is linked with."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", program))


def package_of(path):
    """The Debian package that a library belongs to."""
    real = os.path.realpath(path)
    names = [path, real]
    # Where /lib is a link to /usr/lib, packages may name either.
    names += [name[len("/usr"):] if name.startswith("/usr/lib") else "/usr" + name for name in names]
    for name in names:
        result = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if result.returncode == 0:
            return result.stdout.split(":")[0]
    sys.exit(f"package.py: {path} belongs to no Debian package")


def relations(packages):
    """As a control file has them: package (>= version)."""
    listed = []
    for package in sorted(packages):
        version = run("dpkg-query", "-W", "-f", "${Version}\n", package).split()[0]
        # Without the distribution's revision, which says nothing of the interface.
        listed.append(f"{package} (>= {version.rsplit('-', 1)[0]})")
    return ", ".join(listed)


def stripped(program):
    """The program without its symbol table. What op libraries look up is in another one."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "nomo")
        run("strip", "-o", out, program)
        return pathlib.Path(out).read_bytes()


def commands(program):
    """The commands that the program's help lists."""
    return set(re.findall(r"^  (\w+)", run(program, "--help"), re.MULTILINE))


def extras(program):
    """Files that the program itself writes: path below the prefix, bytes."""
    known = commands(program)
    files = {}
    if "completion" in known:
        files["share/bash-completion/completions/nomo"] = run(program, "completion", "bash").encode()
        files["share/zsh/vendor-completions/_nomo"] = run(program, "completion", "zsh").encode()
        files["share/fish/vendor_completions.d/nomo.fish"] = run(program, "completion", "fish").encode()
    if "man" in known:
        files["share/man/man1/nomo.1.gz"] = gzip.compress(run(program, "man").encode(), mtime=0)
    return files


def tar(files):
    """A .tar.gz of {path: (bytes, mode)}, with the folders that they need."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        folders = set()
        for path in sorted(files):
            for parent in reversed(pathlib.PurePosixPath(path).parents):
                folder = str(parent)
                if folder == "." or folder in folders:
                    continue
                folders.add(folder)
                info = tarfile.TarInfo("./" + folder)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            contents, mode = files[path]
            info = tarfile.TarInfo("./" + path)
            info.size, info.mode = len(contents), mode
            archive.addfile(info, io.BytesIO(contents))
    return gzip.compress(raw.getvalue(), mtime=0)


def ar(members):
    """An archive as ar writes it; .deb files are such."""
    out = b"!<arch>\n"
    for name, contents in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(contents):<10}`\n".encode()
        out += contents + (b"\n" if len(contents) % 2 else b"")
    return out


def deb(arguments):
    files = {"usr/bin/nomo": (stripped(arguments.nomo), 0o755)}
    for path, contents in extras(arguments.nomo).items():
        files["usr/" + path] = (contents, 0o644)
    files["usr/share/doc/nomo/copyright"] = (pathlib.Path(arguments.license).read_bytes(), 0o644)
    size = sum(len(contents) for contents, _ in files.values())
    paths = libraries(arguments.nomo)
    depends = {package_of(paths[name]) for name in needed(arguments.nomo) if name in paths} | {"libc6"}
    recommends = {package_of(paths[name]) for name in loaded(arguments.nomo)} - depends
    control = (
        f"Package: nomo\nVersion: {arguments.version}\n"
        f"Architecture: {run('dpkg', '--print-architecture').strip()}\n"
        f"Maintainer: The Nomograph authors <nomograph@localhost>\n"
        f"Installed-Size: {(size + 1023) // 1024}\n"
        f"Depends: {relations(depends)}\nRecommends: {relations(recommends)}\n"
        f"Section: science\nPriority: optional\n{DESCRIPTION}"
    )
    sums = "".join(f"{hashlib.md5(files[path][0]).hexdigest()}  {path}\n" for path in sorted(files))
    members = {"control": (control.encode(), 0o644), "md5sums": (sums.encode(), 0o644)}
    return ar([("debian-binary", b"2.0\n"), ("control.tar.gz", tar(members)), ("data.tar.gz", tar(files))])


def tarball(arguments):
    root = f"nomo-{arguments.version}/"
    files = {root + "bin/nomo": (stripped(arguments.nomo), 0o755)}
    for path, contents in extras(arguments.nomo).items():
        files[root + path] = (contents, 0o644)
    files[root + "LICENSE"] = (pathlib.Path(arguments.license).read_bytes(), 0o644)
    packages = set()
    for name, path in libraries(arguments.nomo).items():
        files[f"{root}lib/{name}"] = (pathlib.Path(path).read_bytes(), 0o644)
        packages.add(package_of(path))
    for package in sorted(packages):
        text = pathlib.Path(f"/usr/share/doc/{package}/copyright")
        if not text.exists():
            sys.exit(f"package.py: {text} is missing, and the library's licence asks for it")
        files[f"{root}lib/copyright/{package}"] = (text.read_bytes(), 0o644)
    return tar(files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("form", choices=["deb", "tar"])
    for name in ["nomo", "license", "out"]:
        parser.add_argument("--" + name, required=True)
    arguments = parser.parse_args()
    arguments.version = run(arguments.nomo, "--version").split()[1].rstrip(",")
    contents = deb(arguments) if arguments.form == "deb" else tarball(arguments)
    pathlib.Path(arguments.out).write_bytes(contents)


if __name__ == "__main__":
    main()
