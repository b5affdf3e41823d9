"""A header that GCC compiles once and every source reads from there."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _precompiled_header_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        # Its seed is the output's name, of which a header has no use.
        unsupported_features = ctx.disabled_features + ["random_seed"],
    )
    folder = ctx.label.name
    header = ctx.actions.declare_file(folder + "/" + ctx.file.header.basename)
    ctx.actions.symlink(output = header, target_file = ctx.file.header)
    others = [ctx.actions.declare_file(f.basename, sibling = header) for f in ctx.files.srcs]
    for output, file in zip(others, ctx.files.srcs):
        ctx.actions.symlink(output = output, target_file = file)
    compiled = ctx.actions.declare_file(header.basename + ".gch", sibling = header)
    arguments = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = ACTION_NAMES.cpp_compile,
        variables = cc_common.create_compile_variables(
            feature_configuration = features,
            cc_toolchain = toolchain,
            source_file = header.path,
            output_file = compiled.path,
            use_pic = True,
            user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts + ["-x", "c++-header"],
        ),
    )
    ctx.actions.run(
        executable = cc_common.get_tool_for_action(feature_configuration = features, action_name = ACTION_NAMES.cpp_compile),
        arguments = arguments,
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = ACTION_NAMES.cpp_compile,
            variables = cc_common.empty_variables(),
        ),
        inputs = depset([header] + others, transitive = [toolchain.all_files]),
        outputs = [compiled],
        mnemonic = "CppPrecompile",
        progress_message = "Precompiling " + ctx.file.header.short_path,
    )
    return [
        DefaultInfo(files = depset([compiled])),
        CcInfo(compilation_context = cc_common.create_compilation_context(
            headers = depset([header, compiled] + others),
            quote_includes = depset([header.dirname]),
        )),
    ]

precompiled_header = rule(
    implementation = _precompiled_header_impl,
    doc = """A header for sources that are compiled with `-include` and its file name.

GCC takes the compiled form only where a source is compiled with the same flags, and the header itself elsewhere.""",
    attrs = {
        "copts": attr.string_list(doc = "The flags of the sources."),
        "header": attr.label(
            allow_single_file = [".h"],
            mandatory = True,
            doc = "It may include nothing but what lies on the compiler's default paths.",
        ),
        "srcs": attr.label_list(allow_files = [".h"], doc = "Headers beside it that it includes."),
        "_cc_toolchain": attr.label(default = Label("@bazel_tools//tools/cpp:current_cc_toolchain")),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
