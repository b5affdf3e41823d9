#include "nomograph/serialization/keras/python/names.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace nomograph::keras {
namespace {

using Pair = std::pair<absl::string_view, absl::string_view>;

// What people write behind "import ... as".
constexpr Pair kUsual[] = {
    {"K", "keras.backend"},
    {"k", "keras.backend"},
    {"KB", "keras.backend"},
    {"kb", "keras.backend"},
    {"backend", "keras.backend"},
    {"keras_backend", "keras.backend"},
    {"keras", "keras"},
    {"tfk", "keras"},
    {"tf_keras", "keras"},
    {"tf", "tf"},
    {"ktf", "tf"},
    {"tensorflow", "tf"},
    {"np", "np"},
    {"numpy", "np"},
    {"jnp", "np"},
    {"onp", "np"},
    {"tnp", "np"},
    {"math", "math"},
    {"ops", "keras.ops"},
    {"kops", "keras.ops"},
    {"keras_ops", "keras.ops"},
    {"knp", "keras.ops"},
    {"layers", "keras.layers"},
    {"activations", "keras.activations"},
    {"KTF", "tf"},
    {"kl", "keras.layers"},
    {"tfm", "tf.math"},
    {"nn", "tf.nn"},
    {"array_ops", "tf"},
    {"math_ops", "tf.math"},
    {"nn_ops", "tf.nn"},
    {"image_ops", "tf.image"},
    {"functools", "functools"},
    {"T", "np"},  // theano.tensor, which is named after NumPy
    {"theano", "theano"},
    {"operator", "operator"},
    {"itertools", "itertools"},
    {"kerasBackend", "keras.backend"},
    {"KBackend", "keras.backend"},
    {"TF", "tf"},
    {"tf1", "tf"},
    {"tf2", "tf"},
    {"tfv1", "tf"},
    {"tf_v1", "tf"},
};

// Ahead of a name, each replaced until none holds.
constexpr Pair kPrefixes[] = {
    {"tensorflow.", "tf."},
    {"numpy.", "np."},
    {"jax.numpy.", "np."},
    {"jax.nn.", "tf.nn."},
    {"tf_keras.", "keras."},
    {"tf.keras.", "keras."},
    {"tf.python.keras.", "keras."},
    {"tf.contrib.keras.", "keras."},
    {"tf.python.ops.array_ops.", "tf."},
    {"tf.python.ops.math_ops.", "tf.math."},
    {"tf.python.ops.nn_ops.", "tf.nn."},
    {"tf.python.ops.nn.", "tf.nn."},
    {"tf.python.ops.", "tf."},
    {"tf.python.framework.", "tf."},
    {"tf.experimental.numpy.", "np."},
    {"tf.compat.v1.", "tf."},
    {"tf.compat.v2.", "tf."},
    {"tf.raw_ops.", "tf.raw."},
    {"keras.metrics.", "keras.losses."},
    {"keras.objectives.", "keras.losses."},
    {"keras.utils.np_utils.", "keras.utils."},
    {"tf.numpy.", "np."},
    {"tf.dtypes.", "tf."},
    {"keras.src.", "keras."},
    {"keras.api.", "keras."},
    {"keras._tf_keras.", "keras."},
    {"keras.python.", "keras."},
    {"keras.backend.tensorflow_backend.", "keras.backend."},
    {"keras.backend.tf.", "tf."},
    {"keras.backend.tensorflow.", "tf."},
    {"keras.backend.np.", "np."},
    {"keras.ops.numpy.", "keras.ops."},
    {"keras.ops.nn.", "keras.ops."},
    {"keras.ops.math.", "keras.ops."},
    {"keras.ops.core.", "keras.ops."},
    {"keras.ops.linalg.", "keras.ops."},
    {"keras.random.random.", "keras.random."},
    {"np.core.", "np."},
    {"theano.tensor.", "np."},
    {"np.nnet.", "tf.nn."},
    {"np.sqr.", "np.square."},
};

constexpr absl::string_view kModules[] = {
    "keras",
    "keras.backend",
    "keras.ops",
    "keras.activations",
    "keras.layers",
    "keras.random",
    "keras.losses",
    "keras.initializers",
    "keras.utils",
    "keras.applications",
    "keras.ops.image",
    "keras.backend.tensorflow_backend",
    "tf",
    "tf.math",
    "tf.nn",
    "tf.linalg",
    "tf.image",
    "tf.random",
    "tf.signal",
    "tf.keras",
    "tf.raw",
    "tf.compat",
    "tf.compat.v1",
    "tf.compat.v2",
    "tf.python",
    "tf.python.keras",
    "tf.python.ops",
    "tf.contrib",
    "tf.experimental",
    "tf.dtypes",
    "tf.contrib.keras",
    "tf.strings",
    "tf.debugging",
    "tf.sets",
    "tf.bitwise",
    "tf.spectral",
    "tf.contrib.signal",
    "tf.python.framework",
    "np",
    "np.random",
    "np.linalg",
    "np.fft",
    "math",
    "jax",
    "theano",
    "functools",
    "itertools",
    "operator",
};

// At commas outside of braces.
std::vector<absl::string_view> SplitOutside(absl::string_view text) {
  std::vector<absl::string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(absl::StripAsciiWhitespace(text.substr(begin, i - begin)));
      begin = i + 1;
    } else {
      depth += (text[i] == '{') - (text[i] == '}');
    }
  }
  return parts;
}

std::vector<std::string> Multiply(absl::string_view text) {
  const size_t open = text.find('{');
  const size_t close = text.find('}', open);
  if (open == absl::string_view::npos || close == absl::string_view::npos) {
    return {std::string(text)};
  }
  std::vector<std::string> names;
  const std::vector<std::string> rest = Multiply(text.substr(close + 1));
  for (const absl::string_view choice :
       absl::StrSplit(text.substr(open + 1, close - open - 1), ',')) {
    for (const std::string& end : rest) {
      names.push_back(absl::StrCat(text.substr(0, open), absl::StripAsciiWhitespace(choice), end));
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> ExpandNames(absl::string_view names) {
  std::vector<std::string> all;
  for (const absl::string_view name : SplitOutside(names.substr(0, names.find('(')))) {
    for (std::string& each : Multiply(name)) all.push_back(std::move(each));
  }
  return all;
}

absl::string_view UsualModule(absl::string_view global) {
  for (const auto& [name, module] : kUsual) {
    if (name == global) return module;
  }
  return "";
}

std::string CanonicalName(absl::string_view dotted) {
  std::string name = absl::StrCat(dotted, ".");
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [prefix, canonical] : kPrefixes) {
      if (!absl::StartsWith(name, prefix)) continue;
      name = absl::StrCat(canonical, absl::string_view(name).substr(prefix.size()));
      changed = true;
    }
  }
  name.pop_back();
  return name;
}

bool IsModule(absl::string_view canonical) {
  for (const absl::string_view module : kModules) {
    if (module == canonical) return true;
  }
  return false;
}

DType DTypeOfName(absl::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot != absl::string_view::npos) {
    const absl::string_view module = name.substr(0, dot);
    if (module != "tf" && module != "np" && module != "keras.backend") return DType::kInvalid;
    name = name.substr(dot + 1);
  }
  if (name == "bool_") return DType::kBool;
  if (name == "half") return DType::kFloat16;
  if (name == "double" || name == "float_") return DType::kFloat64;
  if (name == "single") return DType::kFloat32;
  if (name == "int_") return DType::kInt64;
  return DTypeFromName(name);
}

}  // namespace nomograph::keras
