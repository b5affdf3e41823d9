#include "nomograph/serialization/keras/ready_layer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/types/escape.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

void AppendValues(const CallArgument& argument, std::vector<Value>& values) {
  if (const Value* value = std::get_if<Value>(&argument.value)) values.push_back(*value);
  if (const auto* list = std::get_if<std::vector<CallArgument>>(&argument.value)) {
    for (const CallArgument& element : *list) AppendValues(element, values);
  }
}

// A list of one kind of element, or nothing.
template <typename T, typename As>
std::optional<std::vector<T>> ListAs(const List& list, As as) {
  std::vector<T> values;
  for (const ConfigValue& element : list) {
    const std::optional<T> value = as(element);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<int64_t> AsInt(const ConfigValue& value) {
  return value.As<int64_t>() == nullptr ? std::nullopt : std::optional(*value.As<int64_t>());
}
std::optional<double> AsDouble(const ConfigValue& value) {
  if (value.As<double>() != nullptr) return *value.As<double>();
  return value.As<int64_t>() == nullptr ? std::nullopt
                                        : std::optional(static_cast<double>(*value.As<int64_t>()));
}
std::optional<std::string> AsText(const ConfigValue& value) {
  return value.As<std::string>() == nullptr ? std::nullopt
                                            : std::optional(*value.As<std::string>());
}

AttrValue AttributeOf(const ConfigValue& value) {
  if (const bool* flag = value.As<bool>()) return AttrValue(*flag);
  if (const auto number = AsInt(value)) return AttrValue(*number);
  if (const auto number = AsDouble(value)) return AttrValue(*number);
  if (const auto text = AsText(value)) return AttrValue(*text);
  if (const List* list = value.As<List>(); list != nullptr && !list->empty()) {
    if (auto ints = ListAs<int64_t>(*list, AsInt)) return AttrValue(*std::move(ints));
    if (auto floats = ListAs<double>(*list, AsDouble)) return AttrValue(*std::move(floats));
    if (auto texts = ListAs<std::string>(*list, AsText)) return AttrValue(*std::move(texts));
  }
  return AttrValue(value.ToString());
}

std::string CppText(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(Escape(text), {{"\\", "\\\\"}, {"\"", "\\\""}}),
                      "\"");
}

void AppendPort(absl::string_view method, absl::string_view name, const TensorType& type,
                std::string& text) {
  const absl::string_view dtype =
      type.dtype == DType::kInvalid ? absl::string_view("float32") : DTypeName(type.dtype);
  absl::StrAppend(&text, "    .", method, "(\"", name, "\", \"", dtype, "\", ",
                  CppText(type.shape.ToString()), ")\n");
}

// "kInts"
std::string AttrTypeEnumerator(AttrType type) {
  if (type == AttrType::kDType) return "kDType";
  std::string name(AttrTypeName(type));
  name[0] = absl::ascii_toupper(name[0]);
  return absl::StrCat("k", name);
}

std::string IdentifierOf(absl::string_view name) {
  std::string identifier;
  for (const char c : name) identifier.push_back(absl::ascii_isalnum(c) ? c : '_');
  if (identifier.empty() || absl::ascii_isdigit(identifier[0])) identifier.insert(0, "_");
  return identifier;
}

}  // namespace

std::vector<Value> ValuesIn(const CallArgument& argument) {
  std::vector<Value> values;
  AppendValues(argument, values);
  return values;
}

std::vector<Value> ValuesIn(absl::Span<const CallArgument> arguments) {
  std::vector<Value> values;
  for (const CallArgument& argument : arguments) AppendValues(argument, values);
  return values;
}

Value WithMask(const Value& value, const Value& mask) {
  const Value masked = nomograph::Call("core.Identity", {value});
  if (mask.valid()) masked.expr()->mask = std::make_shared<const Value>(mask);
  return masked;
}

Value AsMask(const Value& mask) {
  if (!mask.valid() || mask.dtype() == DType::kBool) return mask;
  return nomograph::Call("array.Cast", {mask}, {{"to", DType::kBool}});
}

std::vector<Value> WithMasks(std::vector<Value> inputs, const ResolvedCall& call) {
  const CallArgument* argument = KeywordOf(call, "mask");
  if (argument == nullptr) return inputs;
  const auto* list = std::get_if<std::vector<CallArgument>>(&argument->value);
  const size_t count = list == nullptr ? 1 : list->size();
  for (size_t i = 0; i < std::min(count, inputs.size()); ++i) {
    const CallArgument& element = list == nullptr ? *argument : (*list)[i];
    if (const Value* mask = std::get_if<Value>(&element.value))
      inputs[i] = WithMask(inputs[i], AsMask(*mask));
  }
  return inputs;
}

const CallArgument* KeywordOf(const ResolvedCall& call, absl::string_view name) {
  for (const auto& [known, argument] : call.keywords) {
    if (known == name) return &argument;
  }
  return nullptr;
}

std::optional<PartialShape> ShapeIn(const ConfigValue& value) {
  const ConfigValue plain = Unwrapped(value);
  const List* list = plain.As<List>();
  if (list == nullptr || list->size() > kMaxRank) return std::nullopt;
  std::vector<Dim> dims;
  for (const ConfigValue& size : *list) {
    const auto number = AsDouble(size);
    if (!size.is_null() && !number) return std::nullopt;
    dims.push_back(number && *number >= 0 && *number < 9e15 ? Dim(static_cast<int64_t>(*number))
                                                            : Dim());
  }
  return PartialShape(std::move(dims));
}

Attributes AttributesOf(const LayerConfig& config) {
  Attributes attrs;
  for (const auto& [name, value] : config) {
    if (!value.is_null()) attrs.Set(IdentifierOf(name), AttributeOf(Unwrapped(value)));
  }
  return attrs;
}

std::string SkeletonOf(const std::string& op, const Attributes& attrs,
                       absl::Span<const TensorType> inputs, absl::Span<const TensorType> outputs,
                       absl::string_view doc) {
  std::string text = absl::StrCat("NOMO_REGISTER_OP(OpDef(\"", op, "\")\n    .Doc(",
                                  CppText(absl::StrReplaceAll(doc, {{"\n", " "}})), ")\n");
  for (size_t i = 0; i < inputs.size(); ++i)
    AppendPort("Input", absl::StrCat("x", i), inputs[i], text);
  for (const auto& [name, value] : attrs) {
    absl::StrAppend(&text, "    .RequiredAttr(", CppText(name),
                    ", AttrType::", AttrTypeEnumerator(value.type()), ", ",
                    CppText(absl::StrCat("here ", value.ToString())), ")\n");
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    AppendPort("Output", absl::StrCat("y", i), outputs[i], text);
  absl::StrAppend(
      &text,
      "    .Infer([](const InferContext& c) -> absl::StatusOr<std::vector<TensorType>> {\n"
      "      return std::vector<TensorType>{");
  for (size_t i = 0; i < outputs.size(); ++i)
    absl::StrAppend(&text, i == 0 ? "" : ", ", "{DType::kFloat32, c.shape(0)}");
  absl::StrAppend(&text, "};\n    })\n    .Reference([](KernelContext& c) {\n",
                  "      // c.input<float>(0), c.output<float>(0)\n",
                  "      return absl::OkStatus();\n    }));\n");
  return text;
}

absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeReadyLayer(const std::shared_ptr<LayerNode>& node,
                                                           const OutputHints& hints,
                                                           ImportContext& context) {
  const LayerEntry& entry = node->entry;
  if (const auto opaque = context.opaque.find(node->full_name); opaque != context.opaque.end())
    return MakeUsersLayer(node, hints, context, opaque->second);
  if (node->network) return MakeNetworkLayer(node, context);
  if (IsOperation(entry)) {
    auto made = MakeOperation(node, context);
    if (made.ok()) return made;
    return MakeUsersLayer(node, hints, context, EscapeMessage(made.status().message()));
  }
  if (IsUsersClass(entry)) return MakeUsersLayer(node, hints, context);
  const std::string class_name = ClassHere(entry.class_name);
  if (class_name == "Lambda") return MakeLambda(node, hints, context);
  if (class_name == "TimeDistributed" || class_name == "Merge" || class_name == "RNN" ||
      LayerRegistry::Default().Find(class_name) != nullptr) {
    auto made = MakeRegistered(node, hints, context);
    if (made.ok()) return made;
    return MakeUsersLayer(node, hints, context, EscapeMessage(made.status().message()));
  }
  const std::string obstacle = IsKerasClass(entry)
                                   ? absl::StrCat("there is no layer ", Escape(class_name), " here")
                                   : std::string();
  return MakeUsersLayer(node, hints, context, obstacle);
}

}  // namespace nomograph::keras
