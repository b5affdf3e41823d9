#include "nomograph/core/build/build.h"

#include <algorithm>
#include <set>

#include "absl/strings/strip.h"
#include "nomograph/core/build/expr_writer.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// Outputs whose masks are not lost: in the graph, train.LossMask has them.
std::vector<Value> WithMasks(absl::Span<const Value> outputs) {
  std::vector<Value> result(outputs.begin(), outputs.end());
  if (ScopedRegistry::Current().Find("train.LossMask") == nullptr) return result;
  for (Value& output : result) {
    if (!output.valid() || output.expr()->mask == nullptr) continue;
    const ScopedLayer scope(output.expr()->layer);  // the output keeps its name
    output = Call("train.LossMask", {output, *output.expr()->mask});
  }
  return result;
}

std::shared_ptr<const LayerScope> OutermostLayer(std::shared_ptr<const LayerScope> layer) {
  while (layer != nullptr && layer->parent != nullptr) layer = layer->parent;
  return layer;
}

class ModelBuilder {
 public:
  explicit ModelBuilder(const BuildOptions& options)
      : options_(options), writer_(model_.graph, layers_, model_.functions, model_.variables) {}

  absl::StatusOr<Model> Build(absl::Span<const Value> inputs, absl::Span<const Value> outputs) {
    NOMO_RETURN_IF_ERROR(CheckArguments(inputs, outputs));
    const auto exprs = ReachableExprs(outputs, [](const Expr&) { return true; });
    ErrorList errors;
    ReserveNames(exprs, inputs, errors);
    for (const Value& input : inputs) AddInput(input);
    for (const auto& expr : exprs) {
      const std::string& layer = layers_.Of(expr->layer);
      absl::Status status = expr->status;
      if (status.ok()) status = CheckInput(expr);
      if (status.ok()) status = writer_.Write(expr, options_.seed);
      if (status.ok() && expr->kind == Expr::Kind::kWeight) AddRules(expr);
      errors.Add(layer.empty() ? status : Annotate(status, absl::StrCat("layer ", Quoted(layer))));
    }
    NOMO_RETURN_IF_ERROR(errors.ToStatus("the model cannot be built"));
    AddOutputs(outputs);
    AddLayers(exprs, inputs);
    model_.name = model_.graph.name = options_.name;
    model_.producer = "nomograph";
    NOMO_RETURN_IF_ERROR(VerifyModel(model_));
    return std::move(model_);
  }

 private:
  absl::Status CheckArguments(absl::Span<const Value> inputs, absl::Span<const Value> outputs) {
    if (outputs.empty()) return InvalidArgument("a model needs an output");
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].valid()) return InvalidArgument("output ", i, " is absent");
    }
    absl::flat_hash_map<uint64_t, size_t> numbers;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].valid() || inputs[i].expr()->kind != Expr::Kind::kInput) {
        return InvalidArgument("input ", i, " was not made by Input()");
      }
      const auto [first, is_new] = numbers.try_emplace(inputs[i].expr()->id, i);
      if (!is_new) return InvalidArgument("input ", i, " is input ", first->second, " once more");
    }
    if (!options_.output_names.empty() && options_.output_names.size() != outputs.size()) {
      return InvalidArgument("expected ", outputs.size(), " output names, found ",
                             options_.output_names.size());
    }
    std::set<absl::string_view> names;
    for (const std::string& name : options_.output_names) {
      if (!name.empty() && !names.insert(name).second)
        return InvalidArgument("two outputs are named ", Quoted(name));
    }
    return absl::OkStatus();
  }

  // Names that were given come ahead of names that are made; those of outermost layers ahead of
  // those inside.
  void ReserveNames(const std::vector<std::shared_ptr<const Expr>>& exprs,
                    absl::Span<const Value> inputs, ErrorList& errors) {
    for (const Value& input : inputs) errors.Add(layers_.Reserve(input.expr()->layer));
    for (const auto& expr : exprs) errors.Add(layers_.Reserve(OutermostLayer(expr->layer)));
    for (const auto& expr : exprs) errors.Add(layers_.Reserve(expr->layer));
    for (const auto& expr : exprs) writer_.ReserveName(expr);
  }

  void AddInput(const Value& input) {
    const Expr& expr = *input.expr();
    const std::string& layer = layers_.Of(expr.layer);
    writer_.AddInput(input, !expr.node.name.empty() ? expr.node.name
                            : layer.empty()         ? "input"
                                                    : layer);
  }

  absl::Status CheckInput(const std::shared_ptr<const Expr>& expr) {
    if (expr->kind != Expr::Kind::kInput || writer_.IdOf(Value(expr, 0)) != kNoValue)
      return absl::OkStatus();
    return InvalidArgument("input ", Quoted(expr->node.name), " (", expr->outputs[0].ToString(),
                           ") is used but is not among the model's inputs");
  }

  // What the weight's layer asks of it in training: "recurrent_regularizer" is of
  // "recurrent_kernel", and "kernel_regularizer" of "query/kernel".
  void AddRules(const std::shared_ptr<const Expr>& expr) {
    if (expr->layer == nullptr || expr->layer->rules.empty()) return;
    const std::string& name = expr->weight->name;
    const absl::string_view own = absl::string_view(name).substr(name.rfind('/') + 1);
    const std::string& full = model_.graph.value(writer_.IdOf(Value(expr, 0))).name;
    for (const auto& [argument, text] : expr->layer->rules) {
      absl::string_view word = argument;
      const bool regularizes = absl::ConsumeSuffix(&word, "_regularizer");
      if (!regularizes) absl::ConsumeSuffix(&word, "_constraint");
      if (own != word && own != absl::StrCat(word, "_kernel")) continue;
      model_.metadata[absl::StrCat(regularizes ? kRegularizerKey : kConstraintKey, full)] = text;
    }
  }

  void AddOutputs(absl::Span<const Value> outputs) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      Value output = outputs[i];
      const bool is_node = output.expr()->kind == Expr::Kind::kCall;
      const ValueId known = writer_.IdOf(output);
      const bool listed = std::find(model_.graph.outputs.begin(), model_.graph.outputs.end(),
                                    known) != model_.graph.outputs.end();
      if (!is_node || listed) {  // an output has a name of its own
        output = Call("core.Identity", {output});
        (void)writer_.Write(output.expr(), options_.seed);
      }
      const ValueId id = writer_.IdOf(output);
      model_.graph.outputs.push_back(id);
      if (!options_.output_names.empty() && !options_.output_names[i].empty()) {
        writer_.Rename(id, options_.output_names[i]);
      } else if (const std::string& layer = layers_.Of(output.expr()->layer); !layer.empty()) {
        writer_.Rename(id, layer.substr(0, layer.find('/')));
      }
    }
  }

  // The outermost layers, in the order of their first expressions; those of inputs come first.
  void AddLayers(const std::vector<std::shared_ptr<const Expr>>& exprs,
                 absl::Span<const Value> inputs) {
    absl::flat_hash_map<std::shared_ptr<const LayerScope>, size_t> index;
    absl::flat_hash_map<uint64_t, std::shared_ptr<const Expr>> by_id;
    const auto add = [&](const std::shared_ptr<const Expr>& expr) {
      by_id.emplace(expr->id, expr);
      const std::shared_ptr<const LayerScope> layer = OutermostLayer(expr->layer);
      if (layer == nullptr) return;
      const auto [it, inserted] = index.emplace(layer, model_.layers.size());
      if (inserted) model_.layers.push_back({layers_.Of(layer), layer->class_name, {}, ""});
      // What the layer yields where its first call is not in this model.
      if (expr->kind == Expr::Kind::kWeight) return;
      model_.layers[it->second].outputs.clear();
      for (size_t i = 0; i < expr->outputs.size(); ++i) {
        model_.layers[it->second].outputs.push_back(writer_.IdOf(Value(expr, static_cast<int>(i))));
      }
    };
    for (const Value& input : inputs) add(input.expr());
    for (const auto& expr : exprs) add(expr);
    for (const auto& [layer, i] : index) {
      std::vector<ValueId> outputs;
      for (const auto& [id, output] : layer->first_outputs) {
        const auto expr = by_id.find(id);
        if (expr != by_id.end()) outputs.push_back(writer_.IdOf(Value(expr->second, output)));
      }
      if (!outputs.empty()) model_.layers[i].outputs = std::move(outputs);
    }
  }

  const BuildOptions& options_;
  Model model_;
  LayerNames layers_;
  ExprWriter writer_;
};

}  // namespace

absl::StatusOr<Model> BuildModel(absl::Span<const Value> inputs, absl::Span<const Value> outputs,
                                 const BuildOptions& options) {
  return ModelBuilder(options).Build(inputs, WithMasks(outputs));
}

}  // namespace nomograph
