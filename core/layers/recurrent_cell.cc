#include "nomograph/core/layers/recurrent_cell.h"

#include <algorithm>

#include "nomograph/core/layers/internal.h"

namespace nomograph::internal {
namespace {

using Ints = std::vector<int64_t>;

// Keras' activations as ONNX's recurrent ops name them.
struct FusedActivation {
  const char *keras, *onnx;
  std::vector<double> alpha = {}, beta = {};
};

const FusedActivation* FindFused(const std::string& activation) {
  static const auto& known = *new std::vector<FusedActivation>{
      {"", "Affine", {1}, {0}},
      {"linear", "Affine", {1}, {0}},
      {"elu", "Elu", {1}},
      {"hard_sigmoid", "HardSigmoid", {1.0 / 6}, {0.5}},
      {"hard_sigmoid_0_2", "HardSigmoid", {0.2}, {0.5}},
      {"leaky_relu", "LeakyRelu", {0.2}},
      {"relu", "Relu"},
      {"sigmoid", "Sigmoid"},
      {"softplus", "Softplus"},
      {"softsign", "Softsign"},
      {"tanh", "Tanh"},
  };
  const auto found = std::find_if(known.begin(), known.end(), [&](const FusedActivation& entry) {
    return entry.keras == activation;
  });
  return found == known.end() ? nullptr : &*found;
}

// None where the op lacks one of them.
std::optional<Attributes> FusedActivations(const std::vector<std::string>& activations) {
  std::vector<std::string> names;
  std::vector<double> alpha, beta;
  for (const std::string& activation : activations) {
    const FusedActivation* fused = FindFused(activation);
    if (fused == nullptr) return std::nullopt;
    names.push_back(fused->onnx);
    alpha.insert(alpha.end(), fused->alpha.begin(), fused->alpha.end());
    beta.insert(beta.end(), fused->beta.begin(), fused->beta.end());
  }
  Attributes attrs = {{"activations", names}};
  if (!alpha.empty()) attrs.Set("activation_alpha", alpha);
  if (!beta.empty()) attrs.Set("activation_beta", beta);
  return attrs;
}

absl::Status CheckBoth(const std::string& activation, const std::string& recurrent_activation) {
  const absl::Status recurrent = CheckActivation(recurrent_activation);
  return AllOf({CheckActivation(activation),
                recurrent.ok() ? recurrent : Annotate(recurrent, "recurrent_activation")});
}

Value Reshaped(const Value& x, Ints shape) {
  return Op("array.Reshape", {x}, {{"shape", std::move(shape)}});
}

int64_t SizeOf(const Value& x, int axis) { return x.shape()[axis].size(); }

// [n, gates * units] as ONNX has it: [1, gates * units, n], the gates in `order`.
Value FusedKernel(const Value& kernel, const Ints& order) {
  const int64_t rows = SizeOf(kernel, 0), columns = SizeOf(kernel, 1);
  const int64_t gates = static_cast<int64_t>(order.size());
  Value y = Op("array.Transpose", {kernel}, {{"perm", Ints{1, 0}}});
  if (!std::is_sorted(order.begin(), order.end())) {
    y = Reshaped(y, {gates, columns / gates, rows});
    y = Op("array.Gather", {y, Constant(Tensor::Of<int64_t>(Shape{gates}, order))}, {{"axis", 0}});
  }
  return Reshaped(y, {1, columns, rows});
}

// [gates * units] as ONNX has it, with zeros for what is added to the products with h.
Value FusedBias(const Value& bias, const Ints& order) {
  if (!bias.valid()) return Value();
  const int64_t size = SizeOf(bias, 0);
  const Value row = FusedKernel(Reshaped(bias, {1, size}), order);
  const Value zeros = Constant(Tensor::Full(bias.dtype(), Shape{1, size}, 0));
  return Op("array.Concat", {Reshaped(row, {1, size}), zeros}, {{"axis", 1}});
}

// Equal parts of the last axis.
std::vector<Value> Gates(const Value& x, int count) {
  return CallMulti("array.Split", {x}, {{"axis", 1}}, {.num_outputs = count});
}

Value Product(const Value& x, const Value& kernel) { return Op("math.MatMul", {x, kernel}); }

class SimpleCell : public RecurrentCell {
 public:
  explicit SimpleCell(const SimpleRNNOptions& options) : options_(options) {}

  absl::Status CheckActivations() const override { return CheckActivation(options_.activation); }

  std::vector<RecurrentWeight> Weights(int64_t features, int64_t units) override {
    std::vector<RecurrentWeight> weights = {
        {"kernel", {features, units}, options_.kernel_initializer, &kernel_},
        {"recurrent_kernel", {units, units}, options_.recurrent_initializer, &recurrent_kernel_}};
    if (options_.use_bias) weights.push_back({"bias", {units}, options_.bias_initializer, &bias_});
    return weights;
  }

  std::vector<Value> Step(const Value& x, const std::vector<Value>& states,
                          absl::Span<const Value> weights) const override {
    Value sum = Product(x, weights[0]);
    if (weights.size() > 2) sum = sum + weights[2];
    return {Activate(sum + Product(states[0], weights[1]), options_.activation)};
  }

  const char* fused_op() const override { return "nn.RNN"; }
  std::optional<Attributes> FusedAttributes() const override {
    return FusedActivations({options_.activation});
  }
  RecurrentWeights FusedWeights() const override {
    return {FusedKernel(kernel_, {0}), FusedKernel(recurrent_kernel_, {0}), FusedBias(bias_, {0})};
  }

 private:
  SimpleRNNOptions options_;
};

// `bias` with ones for the forget gate, the second of four.
Initializer WithUnitForgetBias(Initializer bias) {
  return [bias = std::move(bias)](const Shape& shape, DType dtype,
                                  uint64_t key) -> absl::StatusOr<Tensor> {
    const int64_t units = shape[0] / 4;
    NOMO_ASSIGN_OR_RETURN(Tensor all, bias(shape, dtype, key));
    all = all.Clone();
    const Tensor ones = Tensor::Full(dtype, Shape{units}, 1);
    std::copy_n(ones.raw_data(), ones.num_bytes(), all.mutable_raw_data() + ones.num_bytes());
    return all;
  };
}

class LongShortCell : public RecurrentCell {
 public:
  explicit LongShortCell(const LSTMOptions& options) : options_(options) {}

  absl::Status CheckActivations() const override {
    return CheckBoth(options_.activation, options_.recurrent_activation);
  }
  size_t num_states() const override { return 2; }

  std::vector<RecurrentWeight> Weights(int64_t features, int64_t units) override {
    std::vector<RecurrentWeight> weights = {
        {"kernel", {features, 4 * units}, options_.kernel_initializer, &kernel_},
        {"recurrent_kernel",
         {units, 4 * units},
         options_.recurrent_initializer,
         &recurrent_kernel_}};
    if (options_.use_bias) {
      weights.push_back({"bias",
                         {4 * units},
                         options_.unit_forget_bias ? WithUnitForgetBias(options_.bias_initializer)
                                                   : options_.bias_initializer,
                         &bias_});
    }
    return weights;
  }

  std::vector<Value> Step(const Value& x, const std::vector<Value>& states,
                          absl::Span<const Value> weights) const override {
    Value sum = Product(x, weights[0]) + Product(states[0], weights[1]);
    if (weights.size() > 2) sum = sum + weights[2];
    const std::vector<Value> gates = Gates(sum, 4);
    const Value input = Gate(gates[0]), forget = Gate(gates[1]), output = Gate(gates[3]);
    const Value c = forget * states[1] + input * Activate(gates[2], options_.activation);
    return {output * Activate(c, options_.activation), c};
  }

  const char* fused_op() const override { return "nn.LSTM"; }
  std::optional<Attributes> FusedAttributes() const override {
    return FusedActivations(
        {options_.recurrent_activation, options_.activation, options_.activation});
  }
  // Keras: input, forget, cell, output. ONNX: input, output, forget, cell.
  RecurrentWeights FusedWeights() const override {
    const Ints order = {0, 3, 1, 2};
    return {FusedKernel(kernel_, order), FusedKernel(recurrent_kernel_, order),
            FusedBias(bias_, order)};
  }

 private:
  Value Gate(const Value& sum) const { return Activate(sum, options_.recurrent_activation); }

  LSTMOptions options_;
};

class GatedCell : public RecurrentCell {
 public:
  explicit GatedCell(const GRUOptions& options) : options_(options) {}

  absl::Status CheckActivations() const override {
    return CheckBoth(options_.activation, options_.recurrent_activation);
  }

  std::vector<RecurrentWeight> Weights(int64_t features, int64_t units) override {
    std::vector<RecurrentWeight> weights = {
        {"kernel", {features, 3 * units}, options_.kernel_initializer, &kernel_},
        {"recurrent_kernel",
         {units, 3 * units},
         options_.recurrent_initializer,
         &recurrent_kernel_}};
    if (options_.use_bias) {
      const Shape shape = options_.reset_after ? Shape{2, 3 * units} : Shape{3 * units};
      weights.push_back({"bias", shape, options_.bias_initializer, &bias_});
    }
    return weights;
  }

  std::vector<Value> Step(const Value& x, const std::vector<Value>& states,
                          absl::Span<const Value> weights) const override {
    return {options_.reset_after ? ResetAfter(x, states[0], weights)
                                 : ResetBefore(x, states[0], weights)};
  }

  const char* fused_op() const override { return "nn.GRU"; }
  std::optional<Attributes> FusedAttributes() const override {
    auto attrs = FusedActivations({options_.recurrent_activation, options_.activation});
    if (attrs && options_.reset_after) attrs->Set("linear_before_reset", true);
    return attrs;
  }
  // The gates' order is ONNX's.
  RecurrentWeights FusedWeights() const override {
    const Ints order = {0, 1, 2};
    const bool both = bias_.valid() && options_.reset_after;
    return {FusedKernel(kernel_, order), FusedKernel(recurrent_kernel_, order),
            both ? Reshaped(bias_, {1, 2 * SizeOf(bias_, 1)}) : FusedBias(bias_, order)};
  }

 private:
  Value Gate(const Value& sum) const { return Activate(sum, options_.recurrent_activation); }
  Value Next(const Value& update, const Value& h, const Value& hidden) const {
    return update * h + (1 - update) * Activate(hidden, options_.activation);
  }

  Value ResetAfter(const Value& x, const Value& h, absl::Span<const Value> weights) const {
    Value from_x = Product(x, weights[0]), from_h = Product(h, weights[1]);
    if (weights.size() > 2) {
      const std::vector<Value> bias =
          CallMulti("array.Split", {weights[2]}, {{"axis", 0}}, {.num_outputs = 2});
      from_x = from_x + bias[0];
      from_h = from_h + bias[1];
    }
    const std::vector<Value> a = Gates(from_x, 3), b = Gates(from_h, 3);
    return Next(Gate(a[0] + b[0]), h, a[2] + Gate(a[1] + b[1]) * b[2]);
  }

  Value ResetBefore(const Value& x, const Value& h, absl::Span<const Value> weights) const {
    Value from_x = Product(x, weights[0]);
    if (weights.size() > 2) from_x = from_x + weights[2];
    const std::vector<Value> a = Gates(from_x, 3), kernels = Gates(weights[1], 3);
    const Value reset = Gate(a[1] + Product(h, kernels[1]));
    return Next(Gate(a[0] + Product(h, kernels[0])), h, a[2] + Product(reset * h, kernels[2]));
  }

  GRUOptions options_;
};

}  // namespace

std::vector<Value> RecurrentCell::weights() const {
  std::vector<Value> weights = {kernel_, recurrent_kernel_};
  if (bias_.valid()) weights.push_back(bias_);
  return weights;
}

std::unique_ptr<RecurrentCell> SimpleRNNCell(const SimpleRNNOptions& options) {
  return std::make_unique<SimpleCell>(options);
}
std::unique_ptr<RecurrentCell> LSTMCell(const LSTMOptions& options) {
  return std::make_unique<LongShortCell>(options);
}
std::unique_ptr<RecurrentCell> GRUCell(const GRUOptions& options) {
  return std::make_unique<GatedCell>(options);
}

}  // namespace nomograph::internal
