// What people write into Keras' Lambda layers, as Nomograph models. Each case stands beside the
// Keras code that it replaces, and carries a golden vector, so that `nomo verify` proves it in a
// process that has none of this code.
//
//   keras_lambdas FOLDER      saves FOLDER/<case>.nomo for every case
#include <cmath>
#include <functional>
#include <iostream>
#include <numbers>

#include "nomograph/nomograph.h"

namespace nomograph {
namespace {

// A model whose one golden vector says what it must yield.
absl::StatusOr<Model> WithGolden(absl::StatusOr<Model> model, const Tensor& input,
                                 const Tensor& expected) {
  if (!model.ok()) return model;
  const Graph& graph = model->graph;
  model->golden_vectors.push_back(
      {.name = "by hand",
       .inputs = {{graph.values[graph.inputs[0]].name, input}},
       .outputs = {{graph.values[graph.outputs[0]].name, {expected, 1e-5, 1e-5}}}});
  return model;
}

// Lambda(lambda x: x + 10, input_shape=(1,))
absl::StatusOr<Model> AddTen() {
  return WithGolden(Sequential({Input({1}), Lambda([](Value x) { return x + 10; })}).Build(),
                    Tensor::Of<float>({2, 1}, {1, -10}), Tensor::Of<float>({2, 1}, {11, 0}));
}

// Dense layers behind a scaled image. The hidden units all yield the mean of the pixels, and logit
// j is j times that.
absl::StatusOr<Model> Classifier(const Layer& rescale) {
  auto model =
      Sequential(
          {Input({28, 28, 3}), rescale, Flatten(),
           Dense(128, {.activation = "relu", .kernel_initializer = Constant(1.0 / (28 * 28 * 3))}),
           Dense(10, {.activation = "softmax"})})
          .Build();
  if (!model.ok()) return model;
  Tensor kernel(DType::kFloat32, {128, 10});
  for (int i = 0; i < 1280; ++i) kernel.mutable_data<float>()[i] = static_cast<float>(i % 10) / 128;
  NOMO_RETURN_IF_ERROR(model->SetWeight("dense_1/kernel", kernel));
  Tensor expected(DType::kFloat32, {1, 10});
  double sum = 0;
  for (int j = 0; j < 10; ++j) sum += std::exp(0.2 * j);
  for (int j = 0; j < 10; ++j)
    expected.mutable_data<float>()[j] = static_cast<float>(std::exp(0.2 * j) / sum);
  return WithGolden(std::move(model), Tensor::Full(DType::kFloat32, {1, 28, 28, 3}, 51), expected);
}

// Lambda(lambda x: x / 255.0), by the op that does this
absl::StatusOr<Model> RescaleByName() {
  return Classifier(Lambda("image.Rescale", {{"scale", 1 / 255.0}}));
}

// Lambda(lambda x: x / 255.0), traced
absl::StatusOr<Model> RescaleTraced() {
  return Classifier(Lambda([](Value x) { return x / 255.0; }));
}

// Dense(64), Lambda(K.softplus), Dense(1)
absl::StatusOr<Model> SoftplusByName() {
  return WithGolden(
      Sequential({Input({1}), Dense(64, {.kernel_initializer = "ones"}), Lambda("nn.Softplus"),
                  Dense(1, {.kernel_initializer = Constant(1.0 / 64)})})
          .Build(),
      Tensor::Of<float>({2, 1}, {0, 2}),
      Tensor::Of<float>({2, 1}, {std::numbers::ln2_v<float>, 2.1269280110f}));
}

// Lambda(tf.image.random_flip_left_right) ahead of Conv2D(32, 3, activation="relu"): acts in
// training only
absl::StatusOr<Model> RandomFlipLeftRight() {
  return Sequential({Input({256, 256, 3}), Lambda("image.RandomFlip", {{"mode", "horizontal"}}),
                     Conv2D(32, {3, 3}, {.activation = "relu"})})
      .Build();
}

// Lambda(lambda x: tf.matmul(x, tf.transpose(constant)), output_shape=(1,)): the constant is saved
// with the model
absl::StatusOr<Model> MatMulWithConstant() {
  const Value constant = Constant(Tensor::Of<float>({1, 5}, {1, 2, 3, 4, 5}));
  return WithGolden(
      Sequential(
          {Input({5}), Lambda(
                           [constant](Value x) {
                             return Call("math.MatMul", {x, constant}, {{"transpose_b", true}});
                           },
                           {.output_shape = PartialShape{1}})})
          .Build(),
      Tensor::Of<float>({1, 5}, {1, 1, 1, 1, 1}), Tensor::Of<float>({1, 1}, {15}));
}

// Lambda(lambda x: tf.reshape(x, (-1, 2, 3)))
absl::StatusOr<Model> ReshapeByName() {
  const Tensor input = Tensor::Of<float>({1, 6}, {1, 2, 3, 4, 5, 6});
  return WithGolden(
      Sequential({Input({6}), Lambda("array.Reshape", {{"shape", std::vector<int64_t>{-1, 2, 3}}})})
          .Build(),
      input, input.Reshaped({1, 2, 3}));
}

// Lambda(lambda x: tfa.image.rotate(x, pi / 2))
absl::StatusOr<Model> Rotate() {
  return WithGolden(
      Sequential({Input({2, 2, 1}), Lambda("image.Rotate", {{"angle", std::numbers::pi / 2}})})
          .Build(),
      Tensor::Of<float>({1, 2, 2, 1}, {1, 2, 3, 4}), Tensor::Of<float>({1, 2, 2, 1}, {2, 4, 1, 3}));
}

// Lambda(lambda x: tf.image.adjust_brightness(x, 0.25))
absl::StatusOr<Model> Brightness() {
  return WithGolden(
      Sequential({Input({1, 2, 1}), Lambda("image.AdjustBrightness", {{"delta", 0.25}})}).Build(),
      Tensor::Of<float>({1, 1, 2, 1}, {0.5, 1}), Tensor::Of<float>({1, 1, 2, 1}, {0.75, 1.25}));
}

// Lambda(lambda x, l2: x + l2 * K.sum(K.square(x)), arguments={"l2": 0.01}): a value of one's own
// for regularisation
absl::StatusOr<Model> Regularized() {
  const double l2 = 0.01;
  return WithGolden(
      Sequential(
          {Input({3}), Lambda([l2](Value x) {
             return x + l2 * Call("math.ReduceSum", {x * x}, {{"axes", std::vector<int64_t>{1}}});
           })})
          .Build(),
      Tensor::Of<float>({1, 3}, {1, 2, 2}), Tensor::Of<float>({1, 3}, {1.09f, 2.09f, 2.09f}));
}

// A Lambda with weights, which Keras cannot track: a layer of one's own.
class ScaleAndShift : public LayerBase {
 public:
  ScaleAndShift() : LayerBase("ScaleAndShift") {}

  absl::Status Build(absl::Span<const TensorType> inputs) override {
    const Shape shape = {inputs[0].shape[inputs[0].shape.rank() - 1].size()};
    scale_ = AddWeight({.name = "scale", .shape = shape, .initializer = Constant(2)});
    shift_ = AddWeight({.name = "shift", .shape = shape, .initializer = Constant(-1)});
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    return std::vector<Value>{inputs[0] * scale_ + shift_};
  }

 private:
  Value scale_, shift_;
};

absl::StatusOr<Model> WithWeights() {
  return WithGolden(Sequential({Input({3}), MakeLayer<ScaleAndShift>()}).Build(),
                    Tensor::Of<float>({1, 3}, {1, 2, 3}), Tensor::Of<float>({1, 3}, {1, 3, 5}));
}

// A Lambda with state, which Keras would lose: a running mean that every run moves.
class Centered : public LayerBase {
 public:
  Centered() : LayerBase("Centered") {}

  absl::Status Build(absl::Span<const TensorType>) override {
    mean_ = AddVariable("running_mean", Tensor::Scalar(0.0f));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    const Value batch_mean = nomograph::Call("math.ReduceMean", {inputs[0]}, {{"keepdims", false}});
    const Value mean = AssignVariable(mean_, 0.5 * ReadVariable(mean_) + 0.5 * batch_mean);
    return std::vector<Value>{inputs[0] - mean};
  }

 private:
  std::shared_ptr<const VariableSpec> mean_;
};

absl::StatusOr<Model> WithState() {
  return WithGolden(Sequential({Input({2}), MakeLayer<Centered>()}).Build(),
                    Tensor::Of<float>({1, 2}, {3, 5}), Tensor::Of<float>({1, 2}, {1, 3}));
}

// A branch that depends on a tensor, which tracing in Python would freeze: halve what is too large.
absl::StatusOr<Model> Branch() {
  const Value x = Input({2}, {.name = "x"});
  const Value large = Call("math.ReduceMax", {x}, {{"keepdims", false}}) > 10;
  const std::vector<Value> y = If(
      large, {x}, [](absl::Span<const Value> in) { return std::vector<Value>{in[0] / 2}; },
      [](absl::Span<const Value> in) { return std::vector<Value>{in[0]}; });
  return WithGolden(BuildModel({x}, {y[0]}, {.name = "branch"}), Tensor::Of<float>({1, 2}, {4, 20}),
                    Tensor::Of<float>({1, 2}, {2, 10}));
}

// A loop whose length depends on a tensor: double until the largest element passes 100.
absl::StatusOr<Model> Loop() {
  const Value x = Input({2}, {.name = "x"});
  const std::vector<Value> y = While(
      {x},
      [](absl::Span<const Value> in) {
        return std::vector<Value>{Call("math.ReduceMax", {in[0]}, {{"keepdims", false}}) <= 100};
      },
      [](absl::Span<const Value> in) { return std::vector<Value>{in[0] + in[0]}; });
  return WithGolden(BuildModel({x}, {y[0]}, {.name = "loop"}), Tensor::Of<float>({1, 2}, {1, 7}),
                    Tensor::Of<float>({1, 2}, {16, 112}));
}

// An op that only this codebase has. Here it need not even be linked in: its type is declared.
absl::StatusOr<Model> UserOp() {
  return WithGolden(
      Sequential({Input({2}), Lambda("acme.Triple", {},
                                     {.output_shape = PartialShape{2},
                                      .provider = "//examples/keras_lambdas:acme_ops"})})
          .Build(),
      Tensor::Of<float>({1, 2}, {1, 2}), Tensor::Of<float>({1, 2}, {3, 6}));
}

struct Case {
  const char* name;
  absl::StatusOr<Model> (*build)();
};

constexpr Case kCases[] = {
    {"add_ten", AddTen},
    {"rescale_by_name", RescaleByName},
    {"rescale_traced", RescaleTraced},
    {"softplus", SoftplusByName},
    {"random_flip", RandomFlipLeftRight},
    {"matmul_with_constant", MatMulWithConstant},
    {"reshape", ReshapeByName},
    {"rotate", Rotate},
    {"brightness", Brightness},
    {"regularized", Regularized},
    {"with_weights", WithWeights},
    {"with_state", WithState},
    {"branch", Branch},
    {"loop", Loop},
    {"user_op", UserOp},
};

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: keras_lambdas FOLDER\n";
    return 2;
  }
  int faults = 0;
  for (const auto& c : nomograph::kCases) {
    const std::string path = std::string(argv[1]) + "/" + c.name + ".nomo";
    const absl::Status status = nomograph::Save(c.build(), path);
    if (!status.ok()) {
      std::cerr << c.name << ": " << status.message() << "\n";
      ++faults;
    } else {
      std::cout << "saved " << path << "\n";
    }
  }
  return faults == 0 ? 0 : 1;
}
