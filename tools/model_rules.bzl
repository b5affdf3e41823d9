"""Rules that run `nomo` on models. Users load them from //:nomograph.bzl."""

_NOMO = attr.label(
    default = Label("//tools:nomo"),
    executable = True,
    cfg = "target",
)

# For what is built, as opposed to tested.
_NOMO_TOOL = attr.label(
    default = Label("//tools:nomo"),
    executable = True,
    cfg = "host",
)

_MODEL_FILES = [".nomo", ".txtpb", ".onnx", ".keras", ".h5"]

_OP_LIBRARIES = attr.label_list(
    allow_files = [".so"],
    doc = "Op libraries (nomo_op_library) with the ops that are not in the standard set.",
)

def _quoted(words):
    return " ".join(["'%s'" % word.replace("'", "'\\''") for word in words])

def _library_flags(libraries):
    flags = []
    for library in libraries:
        flags += ["--op-library", library]
    return flags

def _nomo_test(ctx, arguments, files, failure):
    """A test that runs `nomo ARGUMENTS`. Where it fails, `failure` tells of which target and file."""
    nomo = ctx.executable._nomo
    libraries = ctx.files.op_libraries
    words = [nomo.short_path] + arguments + _library_flags([library.short_path for library in libraries])
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        output = script,
        content = "#!/bin/sh\n" +
                  _quoted(words) + "\n" +
                  "code=$?\n" +
                  "test $code -eq 0 || echo " + _quoted([str(ctx.label) + ": " + failure]) + " >&2\n" +
                  "exit $code\n",
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [nomo] + files + libraries)
    return [DefaultInfo(
        executable = script,
        runfiles = runfiles.merge(ctx.attr._nomo[DefaultInfo].default_runfiles),
    )]

def _nomo_verify_test_impl(ctx):
    model = ctx.file.model
    arguments = ["verify", "--require-golden-vectors", model.short_path]
    files = [model]
    if ctx.attr.require_external:
        arguments.append("--require-external")
    if ctx.attr.lambdas:
        arguments.append("--lambdas")
    if ctx.file.key:
        arguments += ["--key", ctx.file.key.short_path]
        files.append(ctx.file.key)
        if not ctx.file.signature:
            fail("%s: `key` needs `signature`, the file that nomo sign wrote" % ctx.label)
    if ctx.file.signature:
        arguments += ["--signature", ctx.file.signature.short_path]
        files.append(ctx.file.signature)
    return _nomo_test(ctx, arguments, files, "%s does not prove itself" % model.short_path)

nomo_verify_test = rule(
    implementation = _nomo_verify_test_impl,
    doc = """A test that a model proves itself: checksums, then golden vectors in fast and in exact mode.

A model without golden vectors fails it.""",
    attrs = {
        "model": attr.label(
            allow_single_file = _MODEL_FILES,
            mandatory = True,
            doc = "The model file.",
        ),
        "require_external": attr.bool(
            doc = "Fail it, too, where no golden vector says that another program computed it.",
        ),
        "lambdas": attr.bool(doc = "Compare kernels with the bodies that the model has for their ops."),
        "key": attr.label(
            allow_single_file = True,
            doc = "The public key of who must have signed the model.",
        ),
        "signature": attr.label(
            allow_single_file = True,
            doc = "The signature that `nomo sign` wrote.",
        ),
        "op_libraries": _OP_LIBRARIES,
        "_nomo": _NOMO,
    },
    test = True,
)

def _nomo_diff_test_impl(ctx):
    model, blessed = ctx.file.model, ctx.file.blessed
    arguments = ["diff", blessed.short_path, model.short_path]
    if ctx.attr.ignore_names:
        arguments.append("--ignore-names")
    if ctx.attr.ignore_descriptions:
        arguments.append("--ignore-descriptions")
    if ctx.attr.rtol:
        arguments += ["--rtol", ctx.attr.rtol]
    if ctx.attr.atol:
        arguments += ["--atol", ctx.attr.atol]
    return _nomo_test(
        ctx,
        arguments,
        [model, blessed],
        "%s is not the blessed %s; where the change is meant, copy it there" % (model.short_path, blessed.short_path),
    )

nomo_diff_test = rule(
    implementation = _nomo_diff_test_impl,
    doc = "A test that a model is the same as a blessed one, by `nomo diff`, which tells what differs.",
    attrs = {
        "model": attr.label(
            allow_single_file = _MODEL_FILES,
            mandatory = True,
            doc = "The model, such as one that the build makes.",
        ),
        "blessed": attr.label(
            allow_single_file = _MODEL_FILES,
            mandatory = True,
            doc = "The model as it is meant to be, which is checked in.",
        ),
        "ignore_names": attr.bool(doc = "Other names of nodes, values and weights are no difference."),
        "ignore_descriptions": attr.bool(doc = "Nor are metadata, documentation and the producer."),
        "rtol": attr.string(doc = "Weights within atol + rtol * |blessed| are the same, e.g. \"1e-6\"."),
        "atol": attr.string(doc = "As rtol."),
        "op_libraries": _OP_LIBRARIES,
        "_nomo": _NOMO,
    },
    test = True,
)

def _run_nomo(ctx, arguments, inputs, output, what):
    libraries = ctx.files.op_libraries
    ctx.actions.run(
        executable = ctx.executable._nomo,
        arguments = arguments + _library_flags([library.path for library in libraries]),
        inputs = inputs + libraries,
        outputs = [output],
        mnemonic = "Nomo",
        progress_message = "%s (%s)" % (what, ctx.label),
    )
    return [DefaultInfo(files = depset([output]), runfiles = ctx.runfiles(files = [output]))]

def _nomo_convert_impl(ctx):
    arguments = ["convert", ctx.file.model.path, ctx.outputs.out.path]
    if ctx.attr.opset:
        if not ctx.outputs.out.basename.endswith(".onnx"):
            fail("%s: `opset` is for ONNX, and `out` is %s" % (ctx.label, ctx.outputs.out.basename))
        arguments += ["--opset", str(ctx.attr.opset)]
    return _run_nomo(
        ctx,
        arguments,
        [ctx.file.model] + ctx.files.data,
        ctx.outputs.out,
        "Converting %s to %s" % (ctx.file.model.short_path, ctx.outputs.out.basename),
    )

nomo_convert = rule(
    implementation = _nomo_convert_impl,
    doc = "Converts a model between Nomograph's forms and ONNX: `out` ends with .nomo, .nomo.txtpb or .onnx.",
    attrs = {
        "model": attr.label(
            allow_single_file = _MODEL_FILES,
            mandatory = True,
            doc = "The model file.",
        ),
        "out": attr.output(
            mandatory = True,
            doc = "The file to write.",
        ),
        "opset": attr.int(doc = "The opset of an ONNX file; 0: nomo's default."),
        "data": attr.label_list(
            allow_files = True,
            doc = "Files that an ONNX model keeps weights in.",
        ),
        "op_libraries": _OP_LIBRARIES,
        "_nomo": _NOMO_TOOL,
    },
)

_PICTURES = [".svg", ".png", ".dot", ".mmd"]

def _nomo_graph_impl(ctx):
    out = ctx.outputs.out
    if not [end for end in _PICTURES if out.basename.endswith(end)]:
        fail("%s: `out` is %s; pictures end with %s" % (ctx.label, out.basename, ", ".join(_PICTURES)))
    arguments = ["graph", ctx.file.model.path]
    if ctx.attr.selector:
        arguments.append(ctx.attr.selector)
    arguments += ["-o", out.path] + ctx.attr.flags
    return _run_nomo(
        ctx,
        arguments,
        [ctx.file.model] + ctx.files.data,
        out,
        "Drawing %s" % ctx.file.model.short_path,
    )

nomo_graph = rule(
    implementation = _nomo_graph_impl,
    doc = "A picture of a model by `nomo graph`. Its bytes change only when the model does.",
    attrs = {
        "model": attr.label(
            allow_single_file = _MODEL_FILES,
            mandatory = True,
            doc = "The model file.",
        ),
        "out": attr.output(
            mandatory = True,
            doc = "The picture: .svg, .png, .dot or .mmd.",
        ),
        "selector": attr.string(doc = "The part to draw; all where it is empty."),
        "flags": attr.string_list(doc = "Further flags of `nomo graph`, e.g. [\"--depth\", \"1\"]."),
        "data": attr.label_list(
            allow_files = True,
            doc = "Files that an ONNX model keeps weights in.",
        ),
        "op_libraries": _OP_LIBRARIES,
        "_nomo": _NOMO_TOOL,
    },
)

def _embedded_model_impl(ctx):
    package = ctx.label.package
    arguments = ctx.actions.args()
    arguments.add("--target", str(ctx.label))
    arguments.add("--class", ctx.attr.class_name)
    arguments.add("--namespace=" + ctx.attr.namespace)
    arguments.add("--include", (package + "/" if package else "") + ctx.outputs.header.basename)
    arguments.add("--header", ctx.outputs.header)
    arguments.add("--source", ctx.outputs.source)
    arguments.add(ctx.file.model)
    ctx.actions.run(
        executable = ctx.executable._embed_model,
        arguments = [arguments],
        inputs = [ctx.file.model] + ctx.files.data,
        outputs = [ctx.outputs.header, ctx.outputs.source],
        mnemonic = "NomoEmbed",
        progress_message = "Embedding %s (%s)" % (ctx.file.model.short_path, ctx.label),
    )
    return [DefaultInfo(files = depset([ctx.outputs.header, ctx.outputs.source]))]

embedded_model = rule(
    implementation = _embedded_model_impl,
    doc = "The sources of nomo_model() in //:nomograph.bzl.",
    attrs = {
        "model": attr.label(
            allow_single_file = _MODEL_FILES,
            mandatory = True,
            doc = "The model file.",
        ),
        "class_name": attr.string(mandatory = True),
        "namespace": attr.string(),
        "header": attr.output(mandatory = True),
        "source": attr.output(mandatory = True),
        "data": attr.label_list(
            allow_files = True,
            doc = "Files that an ONNX model keeps weights in.",
        ),
        "_embed_model": attr.label(
            default = Label("//tools:embed_model"),
            executable = True,
            cfg = "host",
        ),
    },
)
