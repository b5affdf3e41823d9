"""How Nomograph's libraries, programs, tests, protos and op libraries are built.

Headers are included as "nomograph/<package>/<file>.h" and protos imported as "nomograph/<package>/<file>.proto", from
this repository and from any other that uses it.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_proto_library", "cc_test")
load("@rules_proto//proto:defs.bzl", "proto_library")
load("//tools:model_rules.bzl", _nomo_verify_test = "nomo_verify_test")

# Of //:nomograph.bzl, where there is more that other workspaces use.
nomo_verify_test = _nomo_verify_test

# What the code relies on wherever it is built, so it stands here and not in .bazelrc, which other workspaces do not read.
# Without OpenMP (--define=openmp=no) a session has one thread unless it names more; oneDNN keeps what it was built with.
_NO_OPENMP = "@nomograph//third_party:no_openmp"  # as seen from any workspace
NOMO_COPTS = ["-std=c++20"] + select({
    _NO_OPENMP: ["-fopenmp-simd", "-Wno-unknown-pragmas"],
    "//conditions:default": ["-fopenmp"],
}) + ["-ffp-contract=off"]
_OPENMP_LINKOPTS = select({_NO_OPENMP: [], "//conditions:default": ["-fopenmp"]})

# What nearly every source includes is compiled once, where .bazelrc says that the compiler is GCC: see //third_party.
def _precompiled(target, header):
    return (
        select({str(Label("//third_party:precompile")): ["-include", header], "//conditions:default": []}),
        select({str(Label("//third_party:precompile")): [str(Label("//third_party:" + target))], "//conditions:default": []}),
    )

_PCH_COPTS, _PCH_DEPS = _precompiled("precompiled", "precompiled_header.h")
_TEST_PCH_COPTS, _TEST_PCH_DEPS = _precompiled("precompiled_test", "precompiled_test_header.h")

# -rdynamic: an op library that the program loads finds the program's own Nomograph in it.
_LINKOPTS = _OPENMP_LINKOPTS + ["-rdynamic"]

def nomo_cc_library(name, copts = [], linkopts = [], deps = [], alwayslink = True, **kwargs):
    """A cc_library whose headers are included as "nomograph/<package>/<file>.h".

    It is linked whole (alwayslink) unless told otherwise: ops register themselves, and an op library that is loaded
    later may call a function that the program itself never calls.
    """
    cc_library(
        name = name,
        alwayslink = alwayslink,
        copts = NOMO_COPTS + copts + _PCH_COPTS,
        deps = deps + _PCH_DEPS,
        include_prefix = "nomograph/" + native.package_name(),
        linkstatic = True,
        linkopts = _LINKOPTS + linkopts,
        **kwargs
    )

# Programs wait politely (core/run/openmp_wait.cc). Those of a ThreadSanitizer build bring what it must not report.
_PROGRAM_DEPS = [str(Label("//core/run:openmp_wait"))] + select({
    str(Label("//third_party:tsan")): [str(Label("//third_party:tsan_suppressions"))],
    "//conditions:default": [],
})

def nomo_cc_binary(name, copts = [], linkopts = [], deps = [], **kwargs):
    """A cc_binary with the project's flags."""
    cc_binary(
        name = name,
        copts = NOMO_COPTS + copts + _PCH_COPTS,
        linkopts = _LINKOPTS + linkopts,
        deps = deps + _PCH_DEPS + _PROGRAM_DEPS,
        **kwargs
    )

def nomo_cc_test(name, copts = [], linkopts = [], deps = [], lesser_isas = [], **kwargs):
    """A GoogleTest test, with gtest, gmock and a main function.

    `lesser_isas`: below which instruction sets of core/vector/vector_target.h it runs as well, as :<name>_<isa>.
    """
    for isa in lesser_isas:
        native.sh_test(
            name = name + "_" + isa,
            srcs = [str(Label("//tools:with_cpu_isa.sh"))],
            args = [isa, "$(location :%s)" % name],
            data = [":" + name],
        )
    cc_test(
        name = name,
        copts = NOMO_COPTS + copts + _TEST_PCH_COPTS,
        linkopts = _LINKOPTS + linkopts,
        deps = deps + ["@com_google_googletest//:gtest_main"] + _TEST_PCH_DEPS + _PROGRAM_DEPS,
        **kwargs
    )

def nomo_proto_library(name, srcs, deps = [], **kwargs):
    """A proto_library and its C++ code, :<name> and :<name minus _proto>_cc_proto.

    Protos are imported as "nomograph/<package>/<file>.proto"; C++ includes "nomograph/<package>/<file>.pb.h".
    """
    proto_library(
        name = name,
        srcs = srcs,
        import_prefix = "nomograph",
        strip_import_prefix = "/",
        deps = deps,
        **kwargs
    )
    cc_proto_library(
        name = (name[:-len("_proto")] if name.endswith("_proto") else name) + "_cc_proto",
        deps = [":" + name],
        **kwargs
    )

# The packages whose code is in every program that loads op libraries.
_HOST_PACKAGES = ["proto", "core", "data", "inspect", "ops", "serialization"]

_HOST_REPOSITORY = Label("//:build_defs.bzl").workspace_name

def _is_host(label):
    return label.workspace_name == _HOST_REPOSITORY and label.package.split("/")[0] in _HOST_PACKAGES

def _without_host_impl(ctx):
    """Passes on the headers of `deps`, and what they link except for the host's own object code."""
    cc = cc_common.merge_cc_infos(direct_cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    inputs = [
        cc_common.create_linker_input(
            owner = input.owner,
            user_link_flags = depset(input.user_link_flags),
        ) if _is_host(input.owner) else input
        for input in cc.linking_context.linker_inputs.to_list()
    ]
    return [CcInfo(
        compilation_context = cc.compilation_context,
        linking_context = cc_common.create_linking_context(
            linker_inputs = depset(inputs, order = "topological"),
        ),
    )]

_without_host = rule(
    implementation = _without_host_impl,
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
)

def nomo_op_library(name, srcs, deps = [], copts = [], linkopts = [], **kwargs):
    """A shared library `lib<name>.so` of ops that a running program loads with dlopen().

    The ops must register in the ONE registry of the process. So the library takes Nomograph's headers from `deps` but
    none of its object code: a second copy would bring a second registry, and register every standard op again. At
    dlopen() the missing symbols are found in the program, which exports them (-rdynamic) and has all of them (alwayslink;
    only the code that protoc writes is there just where the program itself uses it). What else `deps` bring is linked as
    usual: the library's own code, and the system's libraries, which it shares with the program.

    Use it from this repository or from another; there, list Nomograph's targets as "@nomograph//core/op" and the like.
    """
    _without_host(
        name = name + "_deps",
        deps = deps,
        tags = ["manual"],
        testonly = kwargs.get("testonly", False),
        visibility = ["//visibility:private"],
    )
    cc_binary(
        name = "lib%s.so" % name,
        srcs = srcs,
        copts = NOMO_COPTS + copts,
        linkopts = _OPENMP_LINKOPTS + linkopts,
        linkshared = True,
        deps = [":%s_deps" % name],
        **kwargs
    )
    native.filegroup(
        name = name,
        srcs = [":lib%s.so" % name],
        testonly = kwargs.get("testonly", False),
        visibility = kwargs.get("visibility"),
    )
