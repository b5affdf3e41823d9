#include "nomograph/tools/testing/stand_ins.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/png.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"

namespace nomograph {
namespace {

const Dim kBatch = Dim::Symbol("batch");

TensorType Float(std::vector<Dim> dims) { return {DType::kFloat32, PartialShape(std::move(dims))}; }

// Numbers that differ by `seed`, so small that values stay of the order of 1 from product to
// product.
Tensor Numbers(const Shape& shape, int64_t seed) {
  Tensor tensor(DType::kFloat32, shape);
  const float scale = 2.0f * shape[0] / tensor.num_elements() / 100;
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    tensor.mutable_data<float>()[i] = static_cast<float>((seed * 31 + i * 17) % 101 - 50) * scale;
  }
  return tensor;
}

// Writes nodes as PyTorch's exporter names them: "/layer1/layer1.0/conv1/Conv", and its value with
// "_output_0" behind that.
class GraphWriter {
 public:
  explicit GraphWriter(std::string name) { model_.graph.name = std::move(name); }

  ValueId Input(const std::string& name, TensorType type) {
    model_.graph.inputs.push_back(model_.graph.AddValue(name, std::move(type)));
    return model_.graph.inputs.back();
  }

  ValueId Weight(const std::string& name, const Shape& shape) {
    const ValueId value =
        model_.graph.AddValue(name, TensorType{DType::kFloat32, PartialShape(shape)});
    model_.graph.weights.push_back({value, Numbers(shape, value)});
    return value;
  }

  ValueId Node(const std::string& name, const std::string& op, std::vector<ValueId> inputs,
               Attributes attrs = {}) {
    return AddNode(name, op, std::move(inputs), std::move(attrs), name + "_output_0");
  }

  void Output(const std::string& name, const std::string& node, const std::string& op,
              std::vector<ValueId> inputs, Attributes attrs = {}) {
    model_.graph.outputs.push_back(AddNode(node, op, std::move(inputs), std::move(attrs), name));
  }

  ValueId Conv(const std::string& scope, ValueId x, int64_t from, int64_t to, int64_t window,
               int64_t stride) {
    const int64_t pad = window / 2;
    const std::string weights = absl::StrReplaceAll(scope.substr(1) + "/", {{"/", "."}});
    return Node(
        scope + "/Conv", "nn.Conv",
        {x, Weight(weights + "weight", {to, from, window, window}), Weight(weights + "bias", {to})},
        {{"padding", "explicit"},
         {"pads", std::vector<int64_t>(4, pad)},
         {"strides", std::vector<int64_t>(2, stride)},
         {"data_format", "channels_first"},
         {"kernel_layout", "OIHW"}});
  }

  Model Finish() {
    const absl::Status typed =
        TypeInferrer(model_.functions, OpRegistry::Default()).InferGraph(model_.graph);
    EXPECT_TRUE(typed.ok()) << typed;
    return std::move(model_);
  }

 private:
  ValueId AddNode(const std::string& name, const std::string& op, std::vector<ValueId> inputs,
                  Attributes attrs, const std::string& output) {
    const ValueId value = model_.graph.AddValue(output, TensorType());
    model_.graph.nodes.push_back({.name = name,
                                  .op = op,
                                  .version = OpRegistry::Default().Find(op)->version,
                                  .attrs = std::move(attrs),
                                  .inputs = std::move(inputs),
                                  .outputs = {value}});
    return value;
  }

  Model model_;
};

Model ResNet() {
  GraphWriter g("torch_jit");
  constexpr int64_t kFirst = 4;  // channels; ResNet-50 has 64
  ValueId x = g.Input("input", Float({kBatch, 3, 32, 32}));
  x = g.Node("/relu/Relu", "nn.Relu", {g.Conv("/conv1", x, 3, kFirst, 7, 2)});
  x = g.Node("/maxpool/MaxPool", "nn.MaxPool", {x},
             {{"kernel_shape", std::vector<int64_t>{3, 3}},
              {"strides", std::vector<int64_t>{2, 2}},
              {"padding", "explicit"},
              {"pads", std::vector<int64_t>(4, 1)},
              {"data_format", "channels_first"}});
  int64_t from = kFirst;
  for (int layer = 1; layer <= 4; ++layer) {
    const int64_t width = kFirst << (layer - 1), to = 4 * width;
    for (int block = 0; block < 3; ++block) {
      const std::string at = absl::StrCat("/layer", layer, "/layer", layer, ".", block);
      const int64_t stride = block == 0 && layer > 1 ? 2 : 1;
      const ValueId shortcut =
          block == 0 ? g.Conv(at + "/downsample/downsample.0", x, from, to, 1, stride) : x;
      ValueId y =
          g.Node(at + "/relu/Relu", "nn.Relu", {g.Conv(at + "/conv1", x, from, width, 1, 1)});
      y = g.Node(at + "/relu_1/Relu", "nn.Relu",
                 {g.Conv(at + "/conv2", y, width, width, 3, stride)});
      y = g.Node(at + "/Add", "math.Add", {g.Conv(at + "/conv3", y, width, to, 1, 1), shortcut});
      x = g.Node(at + "/relu_2/Relu", "nn.Relu", {y});
      from = to;
    }
  }
  x = g.Node("/avgpool/GlobalAveragePool", "nn.GlobalAveragePool", {x},
             {{"data_format", "channels_first"}});
  x = g.Node("/Flatten", "array.Flatten", {x});
  g.Output("output", "/fc/Gemm", "math.Gemm",
           {x, g.Weight("fc.weight", {10, from}), g.Weight("fc.bias", {10})},
           {{"transpose_b", true}});
  return g.Finish();
}

Model FineTuned() {
  Model model = ResNet();
  for (Node& node : model.graph.nodes) {
    if (node.name == "/relu/Relu") node.name = "/act/Relu";
  }
  EXPECT_TRUE(model.SetWeight("fc.weight", Numbers({10, 128}, 99)).ok());
  return model;
}

absl::StatusOr<Model> Vad() {
  const Value input = InputValue(Float({kBatch, 512}), "input");
  const Value state = InputValue(Float({2, 1, 128}), "state");
  const Value rate = InputValue({DType::kInt64, PartialShape(Shape())}, "sr");
  const auto branch = [](int64_t window) {
    return [window](absl::Span<const Value> in) -> std::vector<Value> {
      const Value weights = Constant(Numbers({window, 1}, window));
      return {Call("nn.Sigmoid", {Call("math.MatMul", {Slice(in[0], 0, window, 1), weights})}),
              in[1] * 0.5};
    };
  };
  const std::vector<Value> outputs = If(rate == 16000, {input, state}, branch(512), branch(256));
  return BuildModel({input, state, rate}, outputs,
                    {.name = "vad", .output_names = {"output", "stateN"}});
}

Model Bert() {
  GraphWriter g("bert");
  const std::vector<Dim> shape = {kBatch, Dim::Symbol("time")};
  const ValueId words = g.Input("input_ids", {DType::kInt64, PartialShape(shape)});
  const ValueId types = g.Input("token_type_ids", {DType::kInt64, PartialShape(shape)});
  const ValueId a =
      g.Node("/embeddings/word/Gather", "array.Gather", {g.Weight("word.weight", {100, 8}), words});
  const ValueId b =
      g.Node("/embeddings/type/Gather", "array.Gather", {g.Weight("type.weight", {2, 8}), types});
  ValueId x = g.Node("/embeddings/Add", "math.Add", {a, b});
  for (int layer = 0; layer < 3; ++layer) {
    const std::string at = absl::StrCat("/encoder/layer.", layer);
    const ValueId y = g.Node(at + "/fc/MatMul", "math.MatMul",
                             {x, g.Weight(absl::StrCat("layer.", layer, ".weight"), {8, 8})});
    x = g.Node(at + "/Add", "math.Add", {x, g.Node(at + "/act/Tanh", "math.Tanh", {y})});
  }
  g.Output("last_hidden_state", "/pooler/Tanh", "math.Tanh", {x});
  return g.Finish();
}

Model Mnist() {
  Model model = *Sequential({Input({28, 28, 1}, {.dtype = DType::kUInt8, .name = "image"}),
                             Lambda("image.Rescale", {{"scale", 1 / 255.0}}, {.name = "rescale"}),
                             Flatten(), Dense(16, {.activation = "relu", .name = "hidden"}),
                             Dense(10, {.activation = "softmax", .name = "scores"})},
                            "mnist")
                     .Build();
  // What is worked out by hand: of all zeros come equal scores, as all biases are zero.
  model.golden_vectors.push_back(
      {.name = "black",
       .inputs = {{"image", Tensor(DType::kUInt8, {1, 28, 28, 1})}},
       .outputs = {{"scores", {Tensor::Full(DType::kFloat32, {1, 10}, 0.1), 1e-5, 1e-6}}}});
  model.metadata["labels"] = "0,1,2,3,4,5,6,7,8,9";
  return model;
}

absl::StatusOr<Model> Acme() {
  const Value x = InputValue(Float({kBatch, 2}), "x");
  const std::vector<Value> y =
      CallTraced([](absl::Span<const Value> in) { return std::vector<Value>{in[0] * 10}; }, {x},
                 {.name = "tenfold"}, "acme.Tenfold");
  return BuildModel({x}, {y[0]}, {.name = "acme"});
}

absl::StatusOr<Model> Missing() {
  const Value x = InputValue(Float({kBatch, 2}), "x");
  const Value y = Call("acme.Missing", {x}, {},
                       {.name = "missing",
                        .version = 2,
                        .output_types = {Float({kBatch, 2})},
                        .provider = "//acme:ops"});
  return BuildModel({x}, {y}, {.name = "missing"});
}

Tensor Picture(int64_t size, int64_t channels) {
  Tensor image(DType::kUInt8, {size, size, channels});
  for (int64_t i = 0; i < image.num_elements(); ++i) image.mutable_data<uint8_t>()[i] = i * 7 % 256;
  return image;
}

}  // namespace

void SaveStandIns(const std::string& folder) {
  const auto at = [&](const char* name) { return absl::StrCat(folder, "/", name); };
  const auto written = [](const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; };
  written(onnx::Export(ResNet(), at("resnet50.onnx")));
  written(onnx::Export(ResNet(), at("model.onnx")));
  written(onnx::Export(FineTuned(), at("finetuned.onnx")));
  const auto vad = Vad();
  ASSERT_TRUE(vad.ok()) << vad.status();
  written(onnx::Export(*vad, at("vad.onnx")));
  written(onnx::Export(Bert(), at("bert.onnx")));
  written(Save(Mnist(), at("mnist.nomo")));
  written(Save(Acme(), at("acme.nomo")));
  written(Save(Missing(), at("missing.nomo")));

  std::string bytes = *ReadFile(at("mnist.nomo"));
  written(WriteFileAtomically(at("cut.nomo"), bytes.substr(0, bytes.size() / 2)));
  bytes[bytes.size() / 2] ^= 1;
  written(WriteFileAtomically(at("damaged.nomo"), bytes));

  written(WritePng(at("cat.png"), Picture(24, 3)));
  std::filesystem::create_directories(at("pictures"));
  for (const char* picture : {"pictures/cat.png", "pictures/dog.png"})
    written(WritePng(at(picture), Picture(24, 3)));
  written(WritePng(at("digit.png"), Picture(28, 1)));
  written(WriteNpy(at("x.npy"), Numbers({1, 3, 32, 32}, 1)));
  written(WriteNpy(at("y.npy"), Tensor::Vector<int64_t>({3})));
  written(WriteFileAtomically(at("labels.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"));
}

}  // namespace nomograph
