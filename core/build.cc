#include "nomograph/core/build.h"

#include <algorithm>

#include "nomograph/core/expr_writer.h"

namespace nomograph {
namespace {

class ModelBuilder {
 public:
  explicit ModelBuilder(const BuildOptions& options)
      : options_(options), writer_(model_.graph, layers_, model_.functions, model_.variables) {}

  absl::StatusOr<Model> Build(absl::Span<const Value> inputs, absl::Span<const Value> outputs) {
    NOMO_RETURN_IF_ERROR(CheckArguments(inputs, outputs));
    const auto exprs = ReachableExprs(outputs, [](const Expr&) { return true; });
    ErrorList errors;
    for (const auto& expr : exprs) errors.Add(layers_.Reserve(expr->layer));
    for (const Value& input : inputs) AddInput(input);
    for (const auto& expr : exprs) {
      const std::string& layer = layers_.Of(expr->layer);
      absl::Status status = expr->status;
      if (status.ok()) status = CheckInput(expr);
      if (status.ok()) status = writer_.Write(expr, options_.seed);
      errors.Add(layer.empty() ? status : Annotate(status, absl::StrCat("layer \"", layer, "\"")));
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
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].valid() || inputs[i].expr()->kind != Expr::Kind::kInput) {
        return InvalidArgument("input ", i, " was not made by Input()");
      }
    }
    if (!options_.output_names.empty() && options_.output_names.size() != outputs.size()) {
      return InvalidArgument("expected ", outputs.size(), " output names, found ", options_.output_names.size());
    }
    return absl::OkStatus();
  }

  void AddInput(const Value& input) {
    const Expr& expr = *input.expr();
    const std::string& layer = layers_.Of(expr.layer);
    writer_.AddInput(input, !expr.name.empty() ? expr.name : layer.empty() ? "input" : layer);
  }

  absl::Status CheckInput(const std::shared_ptr<const Expr>& expr) {
    if (expr->kind != Expr::Kind::kInput || writer_.IdOf(Value(expr, 0)) != kNoValue) return absl::OkStatus();
    return InvalidArgument("input \"", expr->name, "\" (", expr->outputs[0].ToString(),
                           ") is used but is not among the model's inputs");
  }

  void AddOutputs(absl::Span<const Value> outputs) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      Value output = outputs[i];
      const bool is_node = output.expr()->kind == Expr::Kind::kCall;
      const ValueId known = writer_.IdOf(output);
      const bool listed = std::find(model_.graph.outputs.begin(), model_.graph.outputs.end(), known) !=
                          model_.graph.outputs.end();
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
  void AddLayers(const std::vector<std::shared_ptr<const Expr>>& exprs, absl::Span<const Value> inputs) {
    absl::flat_hash_map<std::string, size_t> index;
    const auto add = [&](const Expr& expr, std::vector<ValueId> outputs) {
      if (expr.layer == nullptr) return;
      const LayerScope* outermost = expr.layer.get();
      while (outermost->parent != nullptr) outermost = outermost->parent.get();
      const std::string& full = layers_.Of(expr.layer);
      const std::string name = full.substr(0, full.find('/'));
      const auto [it, inserted] = index.emplace(name, model_.layers.size());
      if (inserted) model_.layers.push_back({name, outermost->class_name, {}, ""});
      // The last node of a layer's first call yields what Keras shows as the layer's output.
      const bool first_call = expr.id <= outermost->first_call_end;
      if (first_call && !outputs.empty()) model_.layers[it->second].outputs = std::move(outputs);
    };
    for (const Value& input : inputs) add(*input.expr(), {writer_.IdOf(input)});
    for (const auto& expr : exprs) {
      std::vector<ValueId> outputs;
      for (size_t i = 0; expr->kind == Expr::Kind::kCall && i < expr->outputs.size(); ++i) {
        outputs.push_back(writer_.IdOf(Value(expr, static_cast<int>(i))));
      }
      if (expr->kind != Expr::Kind::kInput) add(*expr, std::move(outputs));
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
  return ModelBuilder(options).Build(inputs, outputs);
}

}  // namespace nomograph
