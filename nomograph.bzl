"""What other workspaces build with Nomograph: op libraries, and models as libraries, tests and pictures.

    load("@nomograph//:nomograph.bzl", "nomo_model", "nomo_verify_test")
"""

load("@rules_cc//cc:defs.bzl", "cc_library")
load("//:build_defs.bzl", "NOMO_COPTS", _nomo_op_library = "nomo_op_library")
load(
    "//tools:model_rules.bzl",
    "embedded_model",
    _nomo_convert = "nomo_convert",
    _nomo_diff_test = "nomo_diff_test",
    _nomo_graph = "nomo_graph",
    _nomo_verify_test = "nomo_verify_test",
)

nomo_convert = _nomo_convert
nomo_diff_test = _nomo_diff_test
nomo_graph = _nomo_graph
nomo_op_library = _nomo_op_library
nomo_verify_test = _nomo_verify_test

def _class_name(name):
    return "".join([part[:1].upper() + part[1:] for part in name.replace("-", "_").replace(".", "_").split("_")])

def nomo_model(name, model, class_name = None, namespace = "", data = [], deps = [], **kwargs):
    """A cc_library with a model in it, and a class that runs it.

    The header is `<package>/<name>.h`. For a model with the input "x" and the output "scores" it has

        class ClassName {
         public:
          struct Inputs { nomograph::Tensor x; };
          struct Outputs { nomograph::Tensor scores; };
          static absl::StatusOr<ClassName> Create(nomograph::SessionOptions options = {});
          absl::StatusOr<Outputs> Run(const Inputs& inputs, const nomograph::RunOptions& options = {});
          ...
        };

    and `Model()`, the model itself. A model of another form than .nomo is converted. Above 64 MiB it is refused: such
    a model is better a file beside the program, which is mapped and not read.

    Args:
      name: of the library.
      model: the file, of any form that `nomo` opens.
      class_name: by default the name in camel case: "my_model" makes MyModel.
      namespace: of the class, e.g. "acme::models".
      data: files that an ONNX model keeps weights in.
      deps: libraries with ops that the model needs beside the standard ones.
      **kwargs: as for cc_library.
    """
    embedded_model(
        name = name + "_embedded",
        class_name = class_name or _class_name(name),
        data = data,
        header = name + ".h",
        model = model,
        namespace = namespace,
        source = name + ".cc",
        tags = ["manual"],
        testonly = kwargs.get("testonly", False),
        visibility = ["//visibility:private"],
    )
    cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = [name + ".h"],
        copts = NOMO_COPTS + kwargs.pop("copts", []),
        deps = [Label("//:nomograph")] + deps,
        **kwargs
    )
