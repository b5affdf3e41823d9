// Opens Keras models: of Keras 1, 2 and 3 and tf.keras, in HDF5, .keras, JSON and TensorFlow.js'
// layers format. No code of the file ever runs.
//
//   NOMO_ASSIGN_OR_RETURN(keras::Imported imported, keras::Import("model.h5"));
//   NOMO_RETURN_IF_ERROR(Save(imported.model, "model.nomo"));
//
// A Lambda's bytecode is translated into a function of the model's library. What cannot be
// translated, and a layer class of its author's own, becomes a node that names an op, which runs
// once an op of that name is registered; the report has its skeleton. FORMS.md lists what is read.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_IMPORT_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_IMPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/serialization/keras/keras_file.h"
#include "nomograph/serialization/keras/python/limits.h"

namespace nomograph::keras {

// The op that the user names for a layer, in place of its function.
struct NamedOp {
  std::string op = {};  // "acme.Op"
  Attributes attrs = {};
};

// Reads "acme.Op" or "acme.Op,alpha=0.5,axes=[1, 2],mode=same": values are JSON, or else text.
absl::StatusOr<NamedOp> ParseNamedOp(absl::string_view text);

struct KerasImportOptions {
  // By a layer's name ("lambda_1"), or of layers in models by their full names
  // ("encoder/lambda_1").
  std::map<std::string, NamedOp, std::less<>> lambdas = {};
  // What global names stand for in Lambdas: a number or other data, or the name of a known module
  // or call ("keras.backend").
  std::map<std::string, ConfigValue, std::less<>> defines = {};
  // A file of weights in place of the one that is found beside a configuration.
  std::string weights = {};
  // Of initial values, where the file has no weights.
  uint64_t seed = 0;
  PythonLimits limits = {};
  // The ops that layers and functions are written with.
  const OpRegistry* registry = &OpRegistry::Default();
};

// How a Lambda, or a layer of the author's own class, came out.
struct LambdaOutcome {
  enum class How {
    kNamed,       // by the user's word
    kTranslated,  // its function is a body in the model's library
    kMissing,     // a node that names an op that is to be registered
  };
  std::string layer;   // its full name
  std::string origin;  // "Lambda, Python 3.6 or 3.7", "class Sampling of the author's"
  std::string source;  // in source-like form, escaped; may have several lines
  How how = How::kMissing;
  std::string op;  // what the node names
  // Why it could not be translated, a line each.
  std::vector<std::string> obstacles;
  std::string skeleton;  // C++ that registers the op, where it is missing
};

struct KerasImportReport {
  Container container = Container::kHdf5;
  std::string keras_version, backend, model_class;
  std::string weights_from;  // as KerasFile has it
  int64_t weights_loaded = 0;
  std::vector<LambdaOutcome> lambdas;
  std::vector<std::string> warnings;  // escaped
};

struct Imported {
  Model model;
  KerasImportReport report;
};

// The model in a file, its kind found by content. Names of inputs, outputs and layers are Keras';
// '/' in a layer's name becomes '_'. Loss, optimizer and the like are metadata ("keras.loss"). A
// file without weights gets initial ones, with a warning. Errors as ReadKerasFile();
// InvalidArgument, with every fault that was found, for configurations that contradict themselves
// or their weights; Unimplemented for options that mean what no layer here does.
absl::StatusOr<Imported> Import(const std::string& path, const KerasImportOptions& options = {});

// The same of a file in memory, which `owner` keeps there while this runs. A configuration has no
// weights then but those of `options`.
absl::StatusOr<Imported> ImportBytes(absl::string_view bytes, std::shared_ptr<const void> owner,
                                     const KerasImportOptions& options = {});

// The same for a file that has been read.
absl::StatusOr<Imported> ImportFile(const KerasFile& file, const KerasImportOptions& options = {});

// The report as lines for people: each Lambda with its source, what stopped it, and the skeleton.
std::string ReportText(const KerasImportReport& report);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_IMPORT_H_
