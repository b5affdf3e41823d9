// Functions that Keras files store as Python bytecode: read, shown as source, and translated into
// values of a graph. Nothing of what a file stores is ever executed: the bytecode is interpreted
// over values that have no numbers yet, and what it calls is looked up among known calls.
//
//   NOMO_ASSIGN_OR_RETURN(const keras::LambdaFunction lambda, keras::ReadLambda(config));
//   keras::Translation result = keras::Translate(lambda, {x}, {});
//   if (!result.status.ok()) report(lambda.SourceText(), result.status, result.missing);
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_FUNCTION_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_FUNCTION_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/serialization/keras/python/limits.h"

namespace nomograph::keras {

struct Code;  // python/code.h

// A function of a Keras file: what the entry `function` (or `output_shape`, `mask`) of a Lambda's
// configuration holds.
struct LambdaFunction {
  // The name under which it was defined; "<lambda>" for lambdas.
  std::string name;
  // Null where the file has the name only, as Keras 3 stores what was written with `def`.
  std::shared_ptr<const Code> code;
  // The values of the last parameters where a call does not give them: a list, or null.
  ConfigValue defaults;
  // The values of the variables that the function took from around it, in the order of
  // FreeVariables(): a list, or null.
  ConfigValue closure;

  bool has_body() const { return code != nullptr; }
  // "Python 3.6 or 3.7"; empty without a body.
  std::string PythonVersion() const;
  // The names of the parameters, in order.
  std::vector<std::string> Parameters() const;
  std::vector<std::string> FreeVariables() const;
  // Global names that the function and those in it use, and that are neither built in nor usual
  // names of modules: the user has to give their values.
  std::vector<std::string> UnknownGlobals() const;
  // The function as one would write it: "lambda x: x / 127.5 - 1.0", or several lines beginning
  // with "def". Escaped, and never longer than `limits.max_text`. "NAME (its body is not stored)"
  // without a body.
  std::string SourceText(const PythonLimits& limits = {}) const;
  // The same without "lambda x: " where it is a lambda: "x / 127.5 - 1.0".
  std::string BodyText(const PythonLimits& limits = {}) const;
};

// Reads a function in any of the forms that Keras has used: a string of marshal data (up to 1.0.8);
// [code, defaults, closure]; {"class_name": "__lambda__", "config": {"code", "defaults",
// "closure"}} or {"config": {"value": [...]}}; {"class_name": "function", "config": NAME}. Code is
// in base64 or escaped as raw_unicode_escape does; both are tried. A string that is neither is a
// name. `function_type` is the entry of that name beside it ("function": `function` is a name).
// InvalidArgument says what is damaged.
absl::StatusOr<LambdaFunction> ReadLambda(const ConfigValue& function,
                                          absl::string_view function_type = "",
                                          const PythonLimits& limits = {});
// Whether a configuration's entry looks like one of these forms (other than a name).
bool LooksLikeLambda(const ConfigValue& value);
// The same for a marshal payload.
absl::StatusOr<LambdaFunction> ReadPayload(absl::string_view marshal_data,
                                           const PythonLimits& limits = {});
// The bytes of a payload that is text: base64 (line ends in it are ignored) where that decodes to
// marshal data, else raw_unicode_escape in UTF-8.
absl::StatusOr<std::string> DecodePayload(absl::string_view text);

// What a call gives besides its inputs.
struct TranslateOptions {
  // Keyword arguments: the Lambda's configuration entry `arguments`.
  LayerConfig arguments;
  // Values of global names: the user's word (`--define epsilon_std=1.0`). A string that is the name
  // of a known module or call ("keras.backend", "tf.math.exp") stands for that.
  std::map<std::string, ConfigValue, std::less<>> defines;
  // The masks of the inputs, for functions with a parameter `mask`; absent ones are None.
  std::vector<Value> masks;
  DType floatx = DType::kFloat32;  // of Keras numbers that have no type of their own
  bool channels_first = false;     // Keras' image_data_format()
  int keras_major = 2;             // of which version keras.activations are: 2 stands for 1, too
  PythonLimits limits;
};

// Something that stopped a translation.
struct MissingItem {
  enum class Kind {
    kGlobal,       // a global name without a value: a define gives it
    kCall,         // a call that is not known
    kBody,         // a function whose body the file does not have
    kUnsupported,  // anything else: a statement, a type, a wrong argument
  };
  Kind kind;
  std::string name;     // of the global or call; empty for kUnsupported
  std::string message;  // the whole of it, escaped: "line 3: epsilon_std: give it a value"
};

struct Translation {
  // OK, or one that lists all that was found missing.
  absl::Status status;
  std::vector<MissingItem> missing;
  std::vector<Value> outputs;
  // Whether the function yields a list or tuple of values, and not one.
  bool is_list = false;
};

// The values that the function yields for `inputs`, which are one argument: a value, or where
// `as_list` a list of them. The function is interpreted within the limits; the values are of this
// thread's registry (ScopedRegistry).
Translation Translate(const LambdaFunction& function, absl::Span<const Value> inputs, bool as_list,
                      const TranslateOptions& options = {});

// What a function from shapes to a shape (Keras' `output_shape` where it is a function) yields:
// `inputs` with their batch axes, the result with or without, as the function has it.
absl::StatusOr<std::vector<PartialShape>> TranslateShape(const LambdaFunction& function,
                                                         absl::Span<const PartialShape> inputs,
                                                         bool as_list,
                                                         const TranslateOptions& options = {});

// An argument of a known call: a value, a number, string or the like, or a list of arguments.
struct CallArgument {
  std::variant<ConfigValue, Value, std::vector<CallArgument>> value;
};

// Applies the known call `name` ("keras.ops.mean", "tf.math.reduce_mean", "keras.backend.dot").
// NotFound where there is none of that name; InvalidArgument and Unimplemented say which argument
// is wrong.
Translation CallKnown(absl::string_view name, absl::Span<const CallArgument> arguments,
                      const std::vector<std::pair<std::string, CallArgument>>& keywords,
                      const TranslateOptions& options = {});
// The canonical names of the calls that are known, sorted: for documentation.
std::vector<std::string> KnownCallNames();
bool IsKnownCall(absl::string_view name);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_FUNCTION_H_
