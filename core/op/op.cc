#include "nomograph/core/op/op.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {
namespace {

// "acme.Scale" or "com.acme.Scale": parts of letters, digits and underscores, each beginning with a
// letter.
bool IsQualifiedName(absl::string_view name) {
  bool start_of_part = true;
  int parts = 0;
  for (char c : name) {
    if (start_of_part) {
      if (!absl::ascii_isalpha(c)) return false;
      start_of_part = false;
      ++parts;
    } else if (c == '.') {
      start_of_part = true;
    } else if (!absl::ascii_isalnum(c) && c != '_') {
      return false;
    }
  }
  return parts >= 2 && !start_of_part;
}

OpDef& AddPort(OpDef& op, std::vector<Port>& ports, Port port) {
  ports.push_back(std::move(port));
  return op;
}

std::string CountRange(const std::vector<Port>& ports, int min_variadic) {
  int least = 0, most = 0;
  bool unbounded = false;
  for (const Port& port : ports) {
    const bool variadic = port.kind == Port::Kind::kVariadic;
    unbounded |= variadic;
    if (port.kind == Port::Kind::kRequired) ++least;
    if (variadic) least += min_variadic;
    ++most;
  }
  if (unbounded) return absl::StrCat("at least ", least);
  return least == most ? absl::StrCat(least) : absl::StrCat(least, " to ", most);
}

// The port of the i-th input or output; null when there is none.
const Port* PortAt(const std::vector<Port>& ports, int i) {
  if (i < static_cast<int>(ports.size())) return &ports[i];
  return !ports.empty() && ports.back().kind == Port::Kind::kVariadic ? &ports.back() : nullptr;
}

absl::Status CheckCount(absl::string_view what, const std::vector<Port>& ports, int min_variadic,
                        int count) {
  int least = 0;
  for (int i = 0; i < static_cast<int>(ports.size()); ++i) {
    if (ports[i].kind == Port::Kind::kRequired) least = i + 1;
    if (ports[i].kind == Port::Kind::kVariadic) least = std::max(least, i + min_variadic);
  }
  if (count < least || (count > 0 && PortAt(ports, count - 1) == nullptr)) {
    return InvalidArgument("expected ", CountRange(ports, min_variadic), " ", what, ", found ",
                           count);
  }
  return absl::OkStatus();
}

// Binds type variables to dtypes and checks fixed dtypes.
class TypeBinder {
 public:
  explicit TypeBinder(const OpDef& op) : op_(op), bound_(op.type_vars.size(), DType::kInvalid) {}

  absl::Status Check(absl::string_view what, const Port& port, DType dtype) {
    if (port.type == "any") return absl::OkStatus();
    const DType fixed = DTypeFromName(port.type);
    if (fixed != DType::kInvalid) {
      if (dtype == fixed) return absl::OkStatus();
      return InvalidArgument(what, " ", port.name, ": expected ", port.type, ", found ",
                             DTypeName(dtype));
    }
    for (size_t v = 0; v < bound_.size(); ++v) {
      if (op_.type_vars[v].first != port.type) continue;
      const DTypeSet allowed = op_.type_vars[v].second;
      if (!allowed.Contains(dtype)) {
        return InvalidArgument(what, " ", port.name, ": expected ", allowed.ToString(), ", found ",
                               DTypeName(dtype));
      }
      if (bound_[v] != DType::kInvalid && bound_[v] != dtype) {
        return InvalidArgument(what, " ", port.name, ": expected ", DTypeName(bound_[v]),
                               " like the other ", port.type, ", found ", DTypeName(dtype));
      }
      bound_[v] = dtype;
    }
    return absl::OkStatus();
  }

 private:
  const OpDef& op_;
  std::vector<DType> bound_;
};

absl::Status ValidatePorts(const OpDef& op, absl::string_view what,
                           const std::vector<Port>& ports) {
  for (size_t i = 0; i < ports.size(); ++i) {
    const Port& port = ports[i];
    const bool known = port.type == "any" || DTypeFromName(port.type) != DType::kInvalid ||
                       std::any_of(op.type_vars.begin(), op.type_vars.end(),
                                   [&](const auto& var) { return var.first == port.type; });
    if (!known)
      return InvalidArgument(what, " ", port.name, ": ", port.type,
                             " is no dtype and no type variable");
    if (port.kind == Port::Kind::kVariadic && i + 1 != ports.size()) {
      return InvalidArgument(what, " ", port.name, ": only the last one can be variadic");
    }
  }
  return absl::OkStatus();
}

// Exporters rely on these types.
bool CanBe(KnownAttr::Kind kind, AttrType type) {
  switch (kind) {
    case KnownAttr::kInput:
      return type == AttrType::kInts || type == AttrType::kInt;
    case KnownAttr::kScalar:
      return type == AttrType::kInt;
    case KnownAttr::kLike:
      return type == AttrType::kFloat;
    default:
      return true;
  }
}

absl::Status ValidateKnown(const OpDef& op, const KnownName& known) {
  if (known.as.empty() || known.name.empty()) {
    return InvalidArgument("expected a format and a name in it, found \"", known.as, "\" and \"",
                           known.name, "\"");
  }
  if (known.since < 1) return InvalidArgument("since must be at least 1");
  for (const KnownName& other : op.known) {
    if (&other != &known && other.as == known.as && other.name == known.name &&
        other.since == known.since) {
      return InvalidArgument("it is given twice since version ", known.since);
    }
  }
  for (const KnownAttr& attr : known.attrs) {
    const AttrDef* def = op.FindAttr(attr.attr);
    if (def == nullptr) return InvalidArgument("attribute ", attr.attr, ": the op has none");
    if (!CanBe(attr.kind, def->type)) {
      return InvalidArgument("attribute ", attr.attr, ": ", AttrTypeName(def->type),
                             " cannot be such an input");
    }
    const bool is_input = attr.kind != KnownAttr::kAttribute && attr.kind != KnownAttr::kDefault;
    if (is_input && (attr.input < 0 || PortAt(op.inputs, attr.input) == nullptr)) {
      return InvalidArgument("attribute ", attr.attr, ": the op has no input ", attr.input);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view EffectsName(Effects effects) {
  static constexpr absl::string_view kNames[] = {"pure", "random", "stateful", "io"};
  return kNames[static_cast<int>(effects)];
}

absl::StatusOr<std::vector<TensorType>> InferContext::InferFunction(
    const FunctionRef& function, absl::Span<const TensorType> inputs) const {
  if (function_inferrer_ == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("function @", Shown(function.name), " is not known here"));
  }
  return (*function_inferrer_)(function.name, inputs);
}

absl::StatusOr<std::vector<TensorType>> SameAsInput(const InferContext& context) {
  return std::vector<TensorType>{context.input(0)};
}

absl::StatusOr<std::vector<TensorType>> BroadcastInputs(const InferContext& context) {
  PartialShape shape = context.shape(0);
  for (int i = 1; i < context.num_inputs(); ++i) {
    NOMO_ASSIGN_OR_RETURN(shape, Broadcast(shape, context.shape(i)));
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

OpDef::OpDef(std::string op_name, int op_version) : name(std::move(op_name)), version(op_version) {}
OpDef::OpDef(const OpDef& other) = default;
OpDef::OpDef(OpDef&& other) noexcept = default;
OpDef& OpDef::operator=(const OpDef& other) = default;
OpDef& OpDef::operator=(OpDef&& other) noexcept = default;
OpDef::~OpDef() = default;

OpDef& OpDef::TypeVar(std::string var, DTypeSet types) {
  type_vars.emplace_back(std::move(var), types);
  return *this;
}
OpDef& OpDef::Fast(FastKernel kernel) {
  fast.push_back(std::move(kernel));
  return *this;
}
OpDef& OpDef::Fast(PrepareFn prepare, TakesPostOpsFn takes_post_ops) {
  return Fast(FastKernel{std::move(prepare), std::move(takes_post_ops)});
}
bool OpDef::TakesPostOps(const PrepareContext& context) const {
  for (const FastKernel& kernel : fast) {
    if (kernel.takes_post_ops == nullptr) continue;
    if (const std::optional<bool> takes = kernel.takes_post_ops(context)) return *takes;
  }
  return false;
}
bool OpDef::MayTakePostOps() const {
  return std::any_of(fast.begin(), fast.end(),
                     [](const FastKernel& k) { return k.takes_post_ops != nullptr; });
}
OpDef& OpDef::Input(std::string port, std::string type, std::string text) {
  return AddPort(*this, inputs,
                 {std::move(port), std::move(type), std::move(text), Port::Kind::kRequired});
}

OpDef& OpDef::OptionalInput(std::string port, std::string type, std::string text) {
  return AddPort(*this, inputs,
                 {std::move(port), std::move(type), std::move(text), Port::Kind::kOptional});
}

OpDef& OpDef::VariadicInput(std::string port, std::string type, std::string text, int min_count) {
  min_variadic = min_count;
  return AddPort(*this, inputs,
                 {std::move(port), std::move(type), std::move(text), Port::Kind::kVariadic});
}

OpDef& OpDef::Output(std::string port, std::string type, std::string text) {
  return AddPort(*this, outputs,
                 {std::move(port), std::move(type), std::move(text), Port::Kind::kRequired});
}

OpDef& OpDef::OptionalOutput(std::string port, std::string type, std::string text) {
  return AddPort(*this, outputs,
                 {std::move(port), std::move(type), std::move(text), Port::Kind::kOptional});
}

OpDef& OpDef::VariadicOutput(std::string port, std::string type, std::string text) {
  return AddPort(*this, outputs,
                 {std::move(port), std::move(type), std::move(text), Port::Kind::kVariadic});
}

OpDef& OpDef::Attr(std::string attr, AttrValue default_value, std::string text) {
  AttrDef def{.name = std::move(attr), .type = default_value.type(), .doc = std::move(text)};
  def.default_value = std::move(default_value);
  attrs.push_back(std::move(def));
  return *this;
}

OpDef& OpDef::RequiredAttr(std::string attr, AttrType type, std::string text) {
  attrs.push_back({.name = std::move(attr), .type = type, .doc = std::move(text)});
  return *this;
}

OpDef& OpDef::OptionalAttr(std::string attr, AttrType type, std::string text) {
  attrs.push_back({.name = std::move(attr), .type = type, .doc = std::move(text)});
  attrs.back().optional = true;
  return *this;
}

absl::Status OpDef::Validate() const {
  const absl::Status status = [&]() -> absl::Status {
    if (!IsQualifiedName(name))
      return InvalidArgument("the name must be domain.Name, of letters, digits and _");
    if (version < 1) return InvalidArgument("the version must be at least 1");
    if (doc.empty()) return InvalidArgument("the doc is empty");
    if (outputs.empty()) return InvalidArgument("there is no output");
    if (!infer) return InvalidArgument("there is no shape function");
    if (!has_kernel() && !body) return InvalidArgument("there is neither a kernel nor a body");
    NOMO_RETURN_IF_ERROR(ValidatePorts(*this, "input", inputs));
    NOMO_RETURN_IF_ERROR(ValidatePorts(*this, "output", outputs));
    for (const AttrDef& attr : attrs) {
      if (!attr.default_value) continue;
      AttrValue value = *attr.default_value;
      NOMO_RETURN_IF_ERROR(Annotate(attr.Check(value), "default"));
    }
    for (const KnownName& other : known) {
      NOMO_RETURN_IF_ERROR(
          Annotate(ValidateKnown(*this, other), absl::StrCat("known name ", other.name)));
    }
    return absl::OkStatus();
  }();
  return Annotate(status, absl::StrCat("op ", name));
}

std::string OpDef::ToString() const { return absl::StrCat(name, " v", version); }

const AttrDef* OpDef::FindAttr(absl::string_view attr) const {
  auto it = std::find_if(attrs.begin(), attrs.end(),
                         [&](const AttrDef& def) { return def.name == attr; });
  return it == attrs.end() ? nullptr : &*it;
}

absl::StatusOr<std::vector<TensorType>> InferNode(const OpDef& op, const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckCount("inputs", op.inputs, op.min_variadic, context.num_inputs()));
  NOMO_RETURN_IF_ERROR(CheckCount("outputs", op.outputs, 1, context.num_outputs()));
  TypeBinder binder(op);
  for (int i = 0; i < context.num_inputs(); ++i) {
    const Port& port = *PortAt(op.inputs, i);
    if (context.has_input(i)) {
      NOMO_RETURN_IF_ERROR(binder.Check("input", port, context.dtype(i)));
    } else if (port.kind != Port::Kind::kOptional) {
      return InvalidArgument("input ", port.name, " is required");
    }
  }
  NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types,
                        CatchExceptions([&] { return op.infer(context); }));
  // A shape function yields every output that the op can have; a node may use fewer of them.
  if (static_cast<int>(types.size()) < context.num_outputs()) {
    return absl::InternalError(absl::StrCat("the shape function of ", op.name, " yields ",
                                            types.size(), " types for ", context.num_outputs(),
                                            " outputs"));
  }
  types.resize(context.num_outputs());
  for (size_t i = 0; i < types.size(); ++i) {
    NOMO_RETURN_IF_ERROR(
        binder.Check("output", *PortAt(op.outputs, static_cast<int>(i)), types[i].dtype));
    if (types[i].shape.rank() > kMaxRank) {
      return InvalidArgument("output: a shape has at most ", kMaxRank, " axes, found ",
                             types[i].shape.rank());
    }
    if (types[i].shape.fully_known()) {
      NOMO_RETURN_IF_ERROR(
          Annotate(types[i].shape.ToShape().CheckedNumElements().status(), "output"));
    }
  }
  return types;
}

namespace {

int64_t Elements(const InferContext& context, int i) {
  return context.has_input(i) && context.shape(i).fully_known()
             ? context.shape(i).ToShape().num_elements()
             : 0;
}

}  // namespace

int64_t SaturatingAdd(int64_t a, int64_t b) { return a > kMaxWork - b ? kMaxWork : a + b; }

int64_t SaturatingMultiply(int64_t a, int64_t b) {
  return b != 0 && a > kMaxWork / b ? kMaxWork : a * b;
}

int64_t EstimateWork(const OpDef& op, const InferContext& context, const WorkSizes& sizes) {
  const int64_t moved = SaturatingAdd(sizes.inputs, sizes.outputs);
  return op.work == nullptr ? moved : std::max(moved, op.work(context, sizes));
}

// The square root of mk * kn * mn is mkn; where the matrices come in a batch, each of the three
// factors has it, and the root is larger than the work.
int64_t ProductWork(const InferContext& context, const WorkSizes& sizes) {
  const double product = std::sqrt(static_cast<double>(Elements(context, 0))) *
                         std::sqrt(static_cast<double>(Elements(context, 1))) *
                         std::sqrt(static_cast<double>(sizes.outputs));
  return product < static_cast<double>(kMaxWork) ? static_cast<int64_t>(product) : kMaxWork;
}

int64_t WeightedWork(const InferContext& context, const WorkSizes& sizes) {
  return SaturatingMultiply(sizes.outputs, Elements(context, 1));
}

int64_t AllCombinationsWork(const InferContext& context, const WorkSizes& sizes) {
  int64_t work = std::max<int64_t>(sizes.outputs, 1);
  for (int i = 0; i < context.num_inputs(); ++i) {
    work = SaturatingMultiply(work, std::max<int64_t>(Elements(context, i), 1));
  }
  return work;
}

}  // namespace nomograph
