// The calls that a translation knows: functions of keras.backend, keras.ops, TensorFlow, NumPy and
// Python itself, and methods of values. A call that is an op of ours with other names is a row of
// that op, OpDef::Known() with the format "python"; one that takes code is a rule, which registers
// itself. Both are written in the same way, names and parameters:
//
//   {keras.backend,keras.ops,np}.mean,{tf,tf.math}.reduce_mean(
//       x|input_tensor, axis|reduction_indices=axes, keepdims|keep_dims=keepdims:False)
//
// Braces multiply names. A parameter may have several names, the first being the usual one. Of an
// op's row, "=attribute" names the attribute that the parameter is (those without one are the op's
// inputs, in order), and ":default" is what an absent argument is, where that is not the
// attribute's own default. Of a rule, "=default" is the default, which makes the parameter
// optional. "*name" takes all further positional arguments,
// "**name" all further keywords, as a dict.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_CALLS_KNOWN_CALL_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_CALLS_KNOWN_CALL_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/op/op.h"
#include "nomograph/serialization/keras/python/value.h"

namespace nomograph::keras {

class Interpreter;

// A parameter of a known call.
struct CallParameter {
  std::vector<std::string> names;
  std::string attribute;               // of an op's row
  std::optional<std::string> literal;  // the default
  bool rest = false;                   // *name
  bool keywords = false;               // **name
};

struct CallSignature {
  std::vector<std::string> names;  // canonical
  std::vector<CallParameter> parameters;
};

// InvalidArgument for what is not written as above.
absl::StatusOr<CallSignature> ParseSignature(absl::string_view text);

// The arguments of one call, by the names of the parameters.
class CallContext {
 public:
  CallContext(Interpreter& interpreter, std::string name, const CallSignature& signature,
              std::vector<PyValue> arguments)
      : interpreter_(interpreter),
        name_(std::move(name)),
        signature_(signature),
        arguments_(std::move(arguments)) {}

  Interpreter& interpreter() { return interpreter_; }
  // Under which name it was called: "tf.math.reduce_mean".
  const std::string& name() const { return name_; }
  const CallSignature& signature() const { return signature_; }

  // The argument, kNull where it is absent. REQUIRES: the signature has the parameter.
  const PyValue& Get(absl::string_view parameter) const;
  const PyValue& Get(int index) const { return arguments_[index]; }
  int size() const { return static_cast<int>(arguments_.size()); }
  // Whether it is given, and not None.
  bool Has(absl::string_view parameter) const;

  // The argument in some form; InvalidArgument names the parameter, what was expected and found.
  absl::StatusOr<Value> Tensor(absl::string_view parameter) const;
  // All elements of a list (or the one tensor), of one dtype.
  absl::StatusOr<std::vector<Value>> Tensors(absl::string_view parameter) const;
  absl::StatusOr<int64_t> Int(absl::string_view parameter) const;
  absl::StatusOr<double> Number(absl::string_view parameter) const;
  absl::StatusOr<bool> Bool(absl::string_view parameter) const;
  absl::StatusOr<std::string> Text(absl::string_view parameter) const;
  // An integer, or a sequence of them.
  absl::StatusOr<std::vector<int64_t>> Ints(absl::string_view parameter) const;
  // The same where the argument is absent or None.
  absl::StatusOr<int64_t> Int(absl::string_view parameter, int64_t absent) const;
  absl::StatusOr<double> Number(absl::string_view parameter, double absent) const;
  absl::StatusOr<std::string> Text(absl::string_view parameter, absl::string_view absent) const;
  absl::StatusOr<DType> Type(absl::string_view parameter, DType absent) const;

  // The result of a rule. A value's own fault becomes the status.
  absl::StatusOr<PyValue> Result(Value value) const;
  absl::Status Unsupported(absl::string_view what) const;

 private:
  Interpreter& interpreter_;
  const std::string name_;
  const CallSignature& signature_;
  const std::vector<PyValue> arguments_;
};

using CallRule = absl::StatusOr<PyValue> (*)(CallContext& call);

struct KnownCall {
  CallSignature signature;
  CallRule rule = nullptr;
  const OpDef* op = nullptr;  // of a row
};

struct CallRegistrar {
  CallRegistrar(const char* signature, CallRule rule);
};

// Binds the arguments to the parameters and applies the call.
absl::StatusOr<PyValue> ApplyCall(Interpreter& interpreter, const KnownCall& call,
                                  const std::string& name, PyArguments arguments);

// Null where there is none. Names are canonical (python/names.h).
const KnownCall* FindCall(absl::string_view name);
// All names, sorted. Those of methods begin with the kind of value: "tensor.", "list.", "text.".
std::vector<std::string> CallNames();
// What is wrong with rules and rows: signatures that do not parse, names given twice.
absl::Status CallFaults();

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_CALLS_KNOWN_CALL_H_
