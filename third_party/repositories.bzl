"""Debian's development packages as Bazel repositories.

Every repository has the name and the labels that the library's own Bazel build gives it, so that BUILD files read
`@com_google_absl//absl/strings` and work unchanged in a codebase that builds its libraries from source. Such a codebase
leaves this file alone and brings the same names itself: a name that is already taken is not defined again.

Headers and libraries stay where Debian puts them, on the compiler's default paths; a target only says what to link.
"""

# repository: (apt package, a file that it installs, {target: (what to link, targets of the same repository)})
_LIBRARIES = {
    "cli11": ("libcli11-dev", "CLI/CLI.hpp", {
        "cli11": ([], []),
    }),
    "com_google_benchmark": ("libbenchmark-dev", "benchmark/benchmark.h", {
        "benchmark": (["-lbenchmark"], []),
        "benchmark_main": (["-lbenchmark_main"], ["benchmark"]),
    }),
    # Its headers alone: what they need of the library is the choice of a processor's instructions, which is made in
    # core/vector/vector_target.h, and the library's own start would cost every program a millisecond.
    "highway": ("libhwy-dev", "hwy/highway.h", {
        "hwy": ([], []),
    }),
    "libjpeg_turbo": ("libjpeg-dev", "jpeglib.h", {
        "jpeg": (["-ljpeg"], []),
    }),
    "libpng": ("libpng-dev", "png.h", {
        "libpng": ([], ["png"]),
        "png": (["-lpng16"], []),
    }),
    "libsodium": ("libsodium-dev", "sodium.h", {
        "libsodium": (["-lsodium"], []),
    }),
    "nlohmann_json": ("nlohmann-json3-dev", "nlohmann/json.hpp", {
        "json": ([], []),
    }),
    "onednn": ("libdnnl-dev", "dnnl.hpp", {
        "onednn": (["-ldnnl"], []),
    }),
    "xxhash": ("libxxhash-dev", "xxhash.h", {
        "xxhash": (["-lxxhash"], []),
    }),
    "zlib": ("zlib1g-dev", "zlib.h", {
        "zlib": (["-lz"], []),
    }),
}

# Abseil's targets by package. All link one list of its libraries, from which the linker keeps those that are used: the
# headers' inline functions reach into most of them, and to follow that by hand would only repeat Abseil's own build.
_ABSL_TARGETS = {
    "algorithm": ["algorithm", "container"],
    "base": ["base", "config", "core_headers", "dynamic_annotations", "endian", "log_severity", "nullability", "prefetch"],
    "cleanup": ["cleanup"],
    "container": [
        "btree",
        "fixed_array",
        "flat_hash_map",
        "flat_hash_set",
        "inlined_vector",
        "node_hash_map",
        "node_hash_set",
    ],
    "debugging": ["debugging", "failure_signal_handler", "leak_check", "stacktrace", "symbolize"],
    "flags": ["commandlineflag", "config", "flag", "marshalling", "parse", "reflection", "usage"],
    "functional": ["any_invocable", "bind_front", "function_ref"],
    "hash": ["hash"],
    "memory": ["memory"],
    "meta": ["type_traits"],
    "numeric": ["bits", "int128"],
    "random": ["bit_gen_ref", "distributions", "random", "seed_gen_exception", "seed_sequences"],
    "status": ["status", "statusor"],
    "strings": ["cord", "str_format", "strings"],
    "synchronization": ["synchronization"],
    "time": ["time"],
    "types": ["any", "compare", "optional", "span", "variant"],
    "utility": ["utility"],
}

_RULES = '# Debian\'s packages: see third_party/repositories.bzl in Nomograph.\n' + \
         'load("@rules_cc//cc:defs.bzl", "cc_library")\n\n' + \
         'package(default_visibility = ["//visibility:public"])\n'

_LIBRARY = '\ncc_library(\n    name = "{name}",\n    linkopts = {linkopts},\n    deps = {deps},\n)\n'

def _require(ctx, package, probe):
    """The path of a file that a Debian package installs; fails with the package's name where it is missing."""
    path = ctx.path(probe)
    if not path.exists:
        fail(("\n\n    @{} needs the Debian package {}: {} is missing.\n" +
              "    Install it with `apt-get install {}`, or everything with tools/setup.sh.\n").format(
            ctx.name,
            package,
            probe,
            package,
        ))
    return path

def _library_repository_impl(ctx):
    _require(ctx, ctx.attr.package, "/usr/include/" + ctx.attr.probe)
    content = _RULES
    for name, linkopts in ctx.attr.linkopts.items():
        content += _LIBRARY.format(name = name, linkopts = linkopts, deps = [":" + d for d in ctx.attr.deps[name]])
    ctx.file("BUILD.bazel", content)

_library_repository = repository_rule(
    implementation = _library_repository_impl,
    attrs = {
        "package": attr.string(mandatory = True),
        "probe": attr.string(mandatory = True),
        "linkopts": attr.string_list_dict(mandatory = True),
        "deps": attr.string_list_dict(mandatory = True),
    },
    local = True,
)

def _absl_repository_impl(ctx):
    _require(ctx, "libabsl-dev", "/usr/include/absl/base/config.h")
    libraries = []
    for root in ["/usr/lib"] + [str(d) for d in ctx.path("/usr/lib").readdir() if d.basename.endswith("-linux-gnu")]:
        for file in ctx.path(root).readdir():
            name = file.basename
            if name.startswith("libabsl_") and name.endswith(".so") and "test_util" not in name:
                libraries.append("-l" + name[len("lib"):-len(".so")])
    linkopts = ["-Wl,--push-state,--as-needed"] + sorted(libraries) + ["-Wl,--pop-state"]
    ctx.file("BUILD.bazel", _RULES + _LIBRARY.format(name = "libraries", linkopts = linkopts, deps = []))
    for package, names in _ABSL_TARGETS.items():
        content = _RULES
        for name in names:
            content += _LIBRARY.format(name = name, linkopts = [], deps = ["//:libraries"])
        ctx.file("absl/%s/BUILD.bazel" % package, content)

_absl_repository = repository_rule(implementation = _absl_repository_impl, local = True)

def _googletest_repository_impl(ctx):
    _require(ctx, "libgtest-dev", "/usr/include/gtest/gtest.h")
    _require(ctx, "libgmock-dev", "/usr/include/gmock/gmock.h")
    ctx.file(
        "BUILD.bazel",
        _RULES +
        _LIBRARY.format(name = "gtest", linkopts = ["-lgmock", "-lgtest"], deps = []) +
        _LIBRARY.format(name = "gtest_main", linkopts = ["-lgmock_main"], deps = [":gtest"]),
    )

_googletest_repository = repository_rule(implementation = _googletest_repository_impl, local = True)

def _loaded_name(ctx, library):
    """The name by which programs ask for a library (libfoo.so.1) where lib<library>.so is what is linked with."""
    for folder in ctx.path("/usr/lib").readdir():
        file = folder.get_child("lib%s.so" % library)
        if folder.basename.endswith("-linux-gnu") and file.exists:
            for line in ctx.execute(["readelf", "-d", file]).stdout.splitlines():
                if "(SONAME)" in line:
                    return line.split("[")[1].split("]")[0]
    fail("\n\n    @%s: lib%s.so has no SONAME, or readelf (binutils) is missing.\n" % (ctx.name, library))

# What core/io/lazy_library.h loads when it is needed: programs are not linked with it.
_LAZY_LIBRARY = """
cc_library(
    name = "{name}",
    hdrs = ["nomo_{name}_library.h"] + glob(["include/*.h"], allow_empty = True),
    includes = {includes},
)
"""

def _lazy_library_repository_impl(ctx):
    header = _require(ctx, ctx.attr.package, "/usr/include/" + ctx.attr.probe)
    if ctx.attr.linked_headers:
        ctx.symlink(header.dirname, "include")
    name = ctx.name.split("~")[-1]
    library = _loaded_name(ctx, ctx.attr.library)
    ctx.file("nomo_%s_library.h" % name, '#define NOMO_%s_LIBRARY "%s"\n' % (name.upper(), library))
    includes = ["include"] if ctx.attr.linked_headers else []
    ctx.file("BUILD.bazel", _RULES + _LAZY_LIBRARY.format(name = name, includes = includes))

_lazy_library_repository = repository_rule(
    implementation = _lazy_library_repository_impl,
    attrs = {
        "package": attr.string(mandatory = True),
        "probe": attr.string(mandatory = True),
        "library": attr.string(mandatory = True),
        "linked_headers": attr.bool(doc = "Whether the headers are not on the compiler's default path"),
    },
    local = True,
)

_OPENMPI = """\
load("@rules_cc//cc:defs.bzl", "cc_library")

package(default_visibility = ["//visibility:public"])

cc_library(
    name = "openmpi",
    hdrs = glob(["include/**"]),
    # Its C++ bindings, which MPI has given up, do not compile without warnings.
    defines = ["OMPI_SKIP_MPICXX"],
    includes = ["include"],
    linkopts = ["-lmpi"],
)
"""

def _openmpi_repository_impl(ctx):
    """Debian keeps the headers of several MPIs beside each other, none on the compiler's default path."""
    header = None
    for arch in ["x86_64-linux-gnu", "aarch64-linux-gnu"]:
        path = ctx.path("/usr/lib/{}/openmpi/include/mpi.h".format(arch))
        if path.exists:
            header = path
    if header == None:
        header = _require(ctx, "libopenmpi-dev", "/usr/lib/x86_64-linux-gnu/openmpi/include/mpi.h")
    ctx.symlink(header.dirname, "include")
    ctx.file("BUILD.bazel", _OPENMPI)

_openmpi_repository = repository_rule(implementation = _openmpi_repository_impl, local = True)

def _protobuf_repository_impl(ctx):
    ctx.symlink(_require(ctx, "protobuf-compiler", "/usr/bin/protoc"), "bin/protoc")
    _require(ctx, "libprotobuf-dev", "/usr/include/google/protobuf/message.h")
    ctx.symlink("/usr/include/google/protobuf", "src/google/protobuf")
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

_protobuf_repository = repository_rule(
    implementation = _protobuf_repository_impl,
    attrs = {"build_file": attr.label(default = Label("//third_party:protobuf.BUILD"))},
    local = True,
)

def _rules_repository_impl(ctx):
    """Debian's copy of a set of rules, for repositories that need no change."""
    root = _require(ctx, ctx.attr.package, ctx.attr.path).dirname
    for entry in root.readdir():
        ctx.symlink(entry, entry.basename)

_rules_repository = repository_rule(
    implementation = _rules_repository_impl,
    attrs = {
        "package": attr.string(mandatory = True),
        "path": attr.string(mandatory = True),
    },
    local = True,
)

_RULES_CC = "/usr/share/bazel/rules/cc"

def _rules_cc_repository_impl(ctx):
    """Debian's rules_cc is one step ahead of its Bazel, which has no use_cpp_toolchain() yet."""
    _require(ctx, "bazel-rules-cc", _RULES_CC + "/cc/defs.bzl")
    ctx.symlink(_RULES_CC + "/BUILD", "BUILD")
    for entry in ctx.path(_RULES_CC + "/cc").readdir():
        if entry.basename != "private":
            ctx.symlink(entry, "cc/" + entry.basename)
    ctx.symlink(_RULES_CC + "/cc/private/toolchain", "cc/private/toolchain")
    for file in ctx.path(_RULES_CC + "/cc/private/rules_impl").readdir():
        content = ctx.read(file).replace(', "use_cpp_toolchain"', "")
        content = content.replace("use_cpp_toolchain()", '["@bazel_tools//tools/cpp:toolchain_type"]')
        ctx.file("cc/private/rules_impl/" + file.basename, content)

_rules_cc_repository = repository_rule(implementation = _rules_cc_repository_impl, local = True)

def _coverage_repository_impl(ctx):
    """`bazel test` resolves this name, and would download it, even where no coverage is asked for."""
    ctx.file("BUILD.bazel", 'filegroup(name = "coverage_report_generator", visibility = ["//visibility:public"])\n')

_coverage_repository = repository_rule(implementation = _coverage_repository_impl)

def _maybe(rule, name, **kwargs):
    if name not in native.existing_rules():
        rule(name = name, **kwargs)

def nomograph_debian_dependencies():
    """Defines every repository that Nomograph needs, from Debian's packages.

    Call it from the WORKSPACE of Nomograph, or of a codebase that uses Nomograph as a repository.
    """
    rules = "/usr/share/bazel/rules/"
    tools = "/usr/share/bazel/tools/"
    _maybe(_rules_cc_repository, "rules_cc")
    _maybe(_rules_repository, "rules_proto", package = "bazel-rules-proto", path = rules + "proto/WORKSPACE")
    _maybe(_rules_repository, "rules_java", package = "bazel-rules-java", path = rules + "java/WORKSPACE")
    _maybe(_rules_repository, "platforms", package = "bazel-platforms", path = tools + "platforms/WORKSPACE")
    _maybe(_rules_repository, "bazel_skylib", package = "bazel-skylib", path = tools + "skylib/WORKSPACE")
    _maybe(_coverage_repository, "remote_coverage_tools")

    _maybe(_absl_repository, "com_google_absl")
    _maybe(_googletest_repository, "com_google_googletest")
    _maybe(_protobuf_repository, "com_google_protobuf")
    _maybe(
        _lazy_library_repository,
        "cairo",
        package = "libcairo2-dev",
        probe = "cairo/cairo.h",
        library = "cairo",
    )

    _maybe(
        _lazy_library_repository,
        "libzip",
        package = "libzip-dev",
        probe = "zip.h",
        library = "zip",
    )

    # Debian has HDF5 with and without MPI beside each other, none on the compiler's default path.
    _maybe(
        _lazy_library_repository,
        "hdf5",
        package = "libhdf5-dev",
        probe = "hdf5/serial/hdf5.h",
        library = "hdf5_serial",
        linked_headers = True,
    )
    _maybe(_openmpi_repository, "openmpi")
    for name, (package, probe, targets) in _LIBRARIES.items():
        _maybe(
            _library_repository,
            name,
            package = package,
            probe = probe,
            linkopts = {target: linkopts for target, (linkopts, _) in targets.items()},
            deps = {target: deps for target, (_, deps) in targets.items()},
        )
