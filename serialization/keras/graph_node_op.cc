#include "nomograph/serialization/keras/graph_node_op.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/indexing.h"
#include "nomograph/serialization/keras/network.h"
#include "nomograph/serialization/keras/python/function.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

// An attribute of the node that the call takes by keyword.
struct Keyword {
  absl::string_view attribute, keyword;
};
struct NodeForm {
  absl::string_view op, call;
  std::vector<Keyword> keywords = {};
};

const NodeForm* FormOfNode(absl::string_view op) {
  static const std::vector<Keyword> kept = {{"keep_dims", "keepdims"}};
  static const auto& rows = *new std::vector<NodeForm>{
      {"Abs", "tf.math.abs"},
      {"Add", "tf.math.add"},
      {"AddV2", "tf.math.add"},
      {"ArgMax", "tf.math.argmax"},
      {"BatchMatMul", "tf.linalg.matmul", {{"adj_x", "adjoint_a"}, {"adj_y", "adjoint_b"}}},
      {"BatchMatMulV2", "tf.linalg.matmul", {{"adj_x", "adjoint_a"}, {"adj_y", "adjoint_b"}}},
      {"BiasAdd", "tf.nn.bias_add"},
      {"Cast", "tf.cast", {{"DstT", "dtype"}}},
      {"ClipByValue", "tf.clip_by_value"},
      {"Cos", "tf.math.cos"},
      {"DepthToSpace", "tf.nn.depth_to_space", {{"block_size", "block_size"}}},
      {"Elu", "tf.nn.elu"},
      {"Equal", "tf.math.equal"},
      {"Erf", "tf.math.erf"},
      {"Exp", "tf.math.exp"},
      {"ExpandDims", "tf.expand_dims"},
      {"Floor", "tf.math.floor"},
      {"FloorDiv", "tf.math.floordiv"},
      {"FloorMod", "tf.math.floormod"},
      {"GatherV2", "tf.gather"},
      {"Greater", "tf.math.greater"},
      {"GreaterEqual", "tf.math.greater_equal"},
      {"Identity", "tf.identity"},
      {"Less", "tf.math.less"},
      {"LessEqual", "tf.math.less_equal"},
      {"Log", "tf.math.log"},
      {"LogSoftmax", "tf.nn.log_softmax"},
      {"MatMul",
       "tf.linalg.matmul",
       {{"transpose_a", "transpose_a"}, {"transpose_b", "transpose_b"}}},
      {"Max", "tf.math.reduce_max", kept},
      {"Maximum", "tf.math.maximum"},
      {"Mean", "tf.math.reduce_mean", kept},
      {"Min", "tf.math.reduce_min", kept},
      {"Minimum", "tf.math.minimum"},
      {"Mul", "tf.math.multiply"},
      {"Neg", "tf.math.negative"},
      {"NotEqual", "tf.math.not_equal"},
      {"OneHot", "tf.one_hot"},
      {"Pack", "tf.stack", {{"axis", "axis"}}},
      {"Pad", "tf.pad"},
      {"PadV2", "tf.pad"},
      {"Pow", "tf.math.pow"},
      {"Prod", "tf.math.reduce_prod", kept},
      {"RealDiv", "tf.math.divide"},
      {"Reciprocal", "tf.math.reciprocal"},
      {"Relu", "tf.nn.relu"},
      {"Relu6", "tf.nn.relu6"},
      {"Reshape", "tf.reshape"},
      {"ResizeBilinear", "tf.image.resize"},
      {"Round", "tf.math.round"},
      {"Rsqrt", "tf.math.rsqrt"},
      {"Selu", "tf.nn.selu"},
      {"Shape", "tf.shape"},
      {"Sigmoid", "tf.math.sigmoid"},
      {"Sign", "tf.math.sign"},
      {"Sin", "tf.math.sin"},
      {"Softmax", "tf.nn.softmax"},
      {"Softplus", "tf.math.softplus"},
      {"Softsign", "tf.nn.softsign"},
      {"SpaceToDepth", "tf.nn.space_to_depth", {{"block_size", "block_size"}}},
      {"Sqrt", "tf.math.sqrt"},
      {"Square", "tf.math.square"},
      {"SquaredDifference", "tf.math.squared_difference"},
      {"Squeeze", "tf.squeeze", {{"squeeze_dims", "axis"}}},
      {"Sub", "tf.math.subtract"},
      {"Sum", "tf.math.reduce_sum", kept},
      {"Tanh", "tf.math.tanh"},
      {"Tile", "tf.tile"},
      {"Transpose", "tf.transpose"},
  };
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const NodeForm& row) { return row.op == op; });
  return found == rows.end() ? nullptr : &*found;
}

// An attribute as protobuf's JSON has it: {"i": "2"}, {"b": true}, {"type": "DT_FLOAT"},
// {"list": {"i": ["1"]}}.
std::optional<ConfigValue> PlainAttribute(const ConfigValue& value) {
  const LayerConfig* object = value.As<LayerConfig>();
  if (object == nullptr) return std::nullopt;
  if (const ConfigValue* flag = object->Find("b")) return *flag;
  if (const ConfigValue* number = object->Find("f")) return *number;
  const auto whole = [](const ConfigValue& text) -> std::optional<ConfigValue> {
    int64_t number = 0;
    if (text.As<int64_t>() != nullptr) return text;
    if (text.As<std::string>() == nullptr || !absl::SimpleAtoi(*text.As<std::string>(), &number))
      return std::nullopt;
    return ConfigValue(number);
  };
  if (const ConfigValue* number = object->Find("i")) return whole(*number);
  if (const std::string* type = FieldOf<std::string>(*object, "type")) {
    static constexpr std::pair<absl::string_view, absl::string_view> kTypes[] = {
        {"DT_FLOAT", "float32"}, {"DT_DOUBLE", "float64"}, {"DT_HALF", "float16"},
        {"DT_INT32", "int32"},   {"DT_INT64", "int64"},    {"DT_UINT8", "uint8"},
        {"DT_INT8", "int8"},     {"DT_BOOL", "bool"}};
    for (const auto& [from, to] : kTypes) {
      if (from == *type) return ConfigValue(std::string(to));
    }
    return std::nullopt;
  }
  if (const LayerConfig* list = FieldOf<LayerConfig>(*object, "list")) {
    List elements;
    if (const List* numbers = FieldOf<List>(*list, "i")) {
      for (const ConfigValue& number : *numbers) {
        if (const auto element = whole(number)) elements.push_back(*element);
      }
    }
    return ConfigValue(std::move(elements));
  }
  return std::nullopt;
}

class NodeCaller {
 public:
  NodeCaller(const LayerConfig& node, const LayerConfig* constants)
      : attributes_(FieldOf<LayerConfig>(node, "attr")), constants_(constants) {}

  // The node's inputs in order: constants by their numbers, and values in between.
  std::vector<CallArgument> Arguments(absl::Span<const Value> inputs) const {
    std::vector<CallArgument> arguments;
    const size_t count = inputs.size() + (constants_ == nullptr ? 0 : constants_->size());
    size_t next = 0;
    for (size_t i = 0; i < count; ++i) {
      const ConfigValue* constant =
          constants_ == nullptr ? nullptr : constants_->Find(absl::StrCat(i));
      if (constant != nullptr) {
        arguments.push_back({Unwrapped(*constant)});
      } else if (next < inputs.size()) {
        arguments.push_back({inputs[next++]});
      }
    }
    return arguments;
  }

  std::optional<ConfigValue> Attribute(absl::string_view name) const {
    const ConfigValue* value = attributes_ == nullptr ? nullptr : attributes_->Find(name);
    return value == nullptr ? std::nullopt : PlainAttribute(*value);
  }

  // x[begin:end:strides], where bits of masks say which bounds do not count.
  absl::StatusOr<Value> StridedSlice(const std::vector<CallArgument>& arguments) const {
    const List* bounds[3];
    for (int i : {1, 2, 3}) {
      const ConfigValue* value = static_cast<size_t>(i) < arguments.size()
                                     ? std::get_if<ConfigValue>(&arguments[i].value)
                                     : nullptr;
      bounds[i - 1] = value == nullptr ? nullptr : value->As<List>();
    }
    if (bounds[0] == nullptr || bounds[1] == nullptr || bounds[2] == nullptr ||
        bounds[0]->size() != bounds[1]->size() || bounds[0]->size() != bounds[2]->size() ||
        !std::holds_alternative<Value>(arguments[0].value)) {
      return absl::UnimplementedError("a StridedSlice whose bounds are no constants");
    }
    List index;
    for (size_t i = 0; i < bounds[0]->size(); ++i) {
      if (Bit("ellipsis_mask", i)) {
        index.push_back(ConfigValue("..."));
      } else if (Bit("new_axis_mask", i)) {
        index.push_back(ConfigValue());
      } else if (Bit("shrink_axis_mask", i)) {
        index.push_back((*bounds[0])[i]);
      } else {
        index.push_back(
            LayerConfig{{"start", Bit("begin_mask", i) ? ConfigValue() : (*bounds[0])[i]},
                        {"stop", Bit("end_mask", i) ? ConfigValue() : (*bounds[1])[i]},
                        {"step", (*bounds[2])[i]}});
      }
    }
    return ValueAt(std::get<Value>(arguments[0].value), ConfigValue(std::move(index)));
  }

 private:
  bool Bit(absl::string_view mask, size_t i) const {
    const auto value = Attribute(mask);
    return value && value->As<int64_t>() != nullptr && i < 63 && (*value->As<int64_t>() >> i & 1);
  }

  const LayerConfig* attributes_;
  const LayerConfig* constants_;
};

}  // namespace

std::string GraphOpOf(const LayerConfig& config) {
  const LayerConfig* node = FieldOf<LayerConfig>(config, "node_def");
  const std::string op = node == nullptr ? "" : TextField(*node, "op");
  return op.empty() ? TextField(config, "name") : op;
}

absl::StatusOr<std::vector<Value>> CallGraphNode(const LayerConfig& config,
                                                 absl::Span<const Value> inputs) {
  const LayerConfig* node = FieldOf<LayerConfig>(config, "node_def");
  if (node == nullptr)
    return absl::UnimplementedError("node_def is no object, as Keras of TensorFlow 2.1 on has it");
  const std::string op = TextField(*node, "op");
  const NodeCaller caller(*node, FieldOf<LayerConfig>(config, "constants"));
  std::vector<CallArgument> arguments = caller.Arguments(inputs);
  if (op == "StridedSlice") {
    NOMO_ASSIGN_OR_RETURN(Value value, caller.StridedSlice(arguments));
    return std::vector<Value>{std::move(value)};
  }
  if (op == "Pack" || op == "AddN") arguments = {CallArgument{arguments}};
  std::string call;
  std::vector<std::pair<std::string, CallArgument>> keywords;
  if (op == "ConcatV2" && arguments.size() > 1) {
    call = "tf.concat";
    CallArgument axis = arguments.back();
    arguments.pop_back();
    arguments = {CallArgument{arguments}, std::move(axis)};
  } else if (op == "AddN") {
    call = "tf.math.add_n";
  } else {
    const NodeForm* form = FormOfNode(op);
    if (form == nullptr)
      return absl::UnimplementedError(
          absl::StrCat("TensorFlow's operation ", Quoted(op), " is not known"));
    call = std::string(form->call);
    for (const Keyword& row : form->keywords) {
      if (auto value = caller.Attribute(row.attribute))
        keywords.emplace_back(std::string(row.keyword), CallArgument{*std::move(value)});
    }
  }
  Translation result = CallKnown(call, arguments, keywords);
  NOMO_RETURN_IF_ERROR(Annotate(result.status, op));
  return std::move(result.outputs);
}

}  // namespace nomograph::keras
