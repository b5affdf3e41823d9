// Real models of Keras 1.0 to 3.15: each opens, comes out as its authors made it, and computes what
// testdata/reference.py computes of it.
#include "nomograph/serialization/keras/import.h"

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/npz.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"

namespace nomograph::keras {
namespace {

std::string ModelPath(absl::string_view file) {
  return absl::StrCat("serialization/keras/testdata/models/", file);
}

// What the file's authors and its meta data say.
struct RealModel {
  const char* file;
  const char* keras_version;
  std::vector<const char*> inputs, outputs;
  int64_t parameters;
  // By layer, what the Lambda is in source-like form; "" where the file does not have it.
  std::vector<std::pair<const char*, const char*>> lambdas = {};
  bool has_weights = true;
};

const std::vector<RealModel>& RealModels() {
  static const auto& models = *new std::vector<RealModel>{
      {"abalone/model.json", "tfjs-layers 1.3.2", {"[batch,8]"}, {"[batch,1]"}, 3051},
      {"carnd.h5",
       "1.2.1",
       {"[batch,66,200,3]"},
       {"[batch,1]"},
       252859,
       {{"lambda_1", "x / 255.0 - 0.5"}}},
      {"deepfm.json",
       "2.2.4-tf",
       {"[batch,1]", "[batch,1]", "[batch,1]", "[batch,3]"},
       {"[batch,1]"},
       -1,
       {{"cat_embed_2d_genure_mean", "K.mean(x, axis=1, keepdims=keepdims)"},
        {"embed_1d_mean", "K.mean(x, axis=1, keepdims=keepdims)"},
        {"lambda_1", "x * 0.5"},
        {"square_of_tensors", "K.square(x)"},
        {"sum_of_tensors", "K.sum(x, axis=1)"}},
       false},
      {"encoder.keras", "2.15.0", {"[batch,128,6]"}, {"[batch,12]"}, 46170},
      {"mini_xception.hdf5", "2.0.5", {"[batch,64,64,1]"}, {"[batch,7]"}, 58423},
      {"mobilenet/model.json", "2.2.4", {"[batch,224,224,3]"}, {"[batch,5]"}, 2619461},
      {"model_lambda.h5",
       "2.0.9",
       {"[batch,784]"},
       {"[batch,10]"},
       50890,
       {{"lambda_3", "x ** 2"}, {"lambda_4", "3 * x"}}},
      {"nested_container.keras", "3.15.0", {"[batch,4]"}, {""}, 58, {{"nested_dense_model", ""}}},
      {"sequential_lambda.h5",
       "2.0.9",
       {"[batch,100]"},
       {"[batch,32]"},
       8544,
       {{"lambda_1", "x ** 2"}, {"lambda_2", "3 * x"}}},
      {"siamese_pill.keras",
       "3.10.0",
       {"[batch,224,224,3]", "[batch,224,224,3]"},
       {"[batch,1]"},
       -1,
       {{"absolute_difference", "tf.math.abs(x[0] - x[1])"},
        {"embedding_model/l2_embedding", "tf.math.l2_normalize(t, axis=1)"}}},
      {"siamese_pnnl.h5",
       "2.8.0",
       {"[batch,1700,1]", "[batch,1700,1]"},
       {"[batch,1]"},
       -1,
       {{"lambda", "K.abs(tensor[0] - tensor[1])"}}},
      {"space_to_depth.h5",
       "1.2.2",
       {"[batch,6,6,4]"},
       {"[batch,3,3,16]"},
       0,
       {{"space_to_depth_x2", "tf.space_to_depth(x, block_size=2)"}},
       true},
      {"space_to_depth_graph.h5",
       "2.1.3",
       {"[batch,6,6,4]", "[batch,3,3,16]"},
       {"[batch,3,3,32]"},
       0,
       {{"space_to_depth_x2", "tf.space_to_depth(x, block_size=2)"}}},
      {"steering_angle.json",
       "",
       {"[batch,3,160,320]"},
       {"[batch,1]"},
       6621809,
       {{"lambda_1", "x / 127.5 - 1.0"}},
       false},
      {"vae_encoder.keras",
       "3.14.0",
       {"[batch,30,38]"},
       {"[batch,16]", "[batch,16]", "[batch,16]"},
       75360,
       {{"sampling", ""}}},
      {"yolo9000.json",
       "2.1.3",
       {"[batch,608,608,3]"},
       {"[batch,19,19,425]"},
       -1,
       {{"space_to_depth_x2", "tf.space_to_depth(x, block_size=2)"}},
       false},
  };
  return models;
}

std::vector<std::string> ShapesOf(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<std::string> shapes;
  for (const ValueId id : ids) shapes.push_back(graph.value(id).type.shape.ToString());
  return shapes;
}

TEST(RealModels, Open) {
  for (const RealModel& model : RealModels()) {
    SCOPED_TRACE(model.file);
    const auto imported = Import(ModelPath(model.file));
    ASSERT_TRUE(imported.ok()) << imported.status();
    const Graph& graph = imported->model.graph;
    EXPECT_TRUE(VerifyModel(imported->model).ok()) << VerifyModel(imported->model);
    EXPECT_EQ(imported->report.keras_version, model.keras_version);
    EXPECT_EQ(ShapesOf(graph, graph.inputs),
              std::vector<std::string>(model.inputs.begin(), model.inputs.end()));
    const auto outputs = ShapesOf(graph, graph.outputs);
    ASSERT_EQ(outputs.size(), model.outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (*model.outputs[i] != '\0') {
        EXPECT_EQ(outputs[i], model.outputs[i]);
      }
    }
    if (model.parameters >= 0) {
      EXPECT_EQ(CountParameters(imported->model).total(), model.parameters);
    }
    EXPECT_EQ(imported->report.weights_loaded > 0, model.has_weights && model.parameters != 0);
    EXPECT_EQ(imported->report.warnings.empty(), model.has_weights);
    ASSERT_EQ(imported->report.lambdas.size(), model.lambdas.size());
  }
}

TEST(RealModels, LambdasAreTranslated) {
  for (const RealModel& model : RealModels()) {
    SCOPED_TRACE(model.file);
    const auto imported = Import(ModelPath(model.file));
    ASSERT_TRUE(imported.ok()) << imported.status();
    std::map<std::string, LambdaOutcome> found;
    for (const LambdaOutcome& lambda : imported->report.lambdas) found[lambda.layer] = lambda;
    for (const auto& [layer, source] : model.lambdas) {
      SCOPED_TRACE(layer);
      ASSERT_TRUE(found.contains(layer));
      const LambdaOutcome& lambda = found[layer];
      if (*source == '\0') {
        EXPECT_EQ(lambda.how, LambdaOutcome::How::kMissing);
        EXPECT_TRUE(absl::StrContains(lambda.skeleton, "NOMO_REGISTER_OP")) << lambda.skeleton;
        continue;
      }
      EXPECT_TRUE(absl::StrContains(lambda.source, source)) << lambda.source;
      EXPECT_EQ(lambda.how, LambdaOutcome::How::kTranslated)
          << absl::StrJoin(lambda.obstacles, "\n");
    }
  }
}

// The formula of reference.py.
Tensor MakeInput(int index, const Shape& shape, int64_t rows) {
  Tensor tensor(DType::kFloat32, shape);
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const int64_t number = i * 37 + 11 * index + 5;
    tensor.mutable_data<float>()[i] =
        rows > 0 ? static_cast<float>(number % rows) : static_cast<float>(number % 251) / 251.0f;
  }
  return tensor;
}

struct Computed {
  const char* name;
  const char* file;
  std::vector<Shape> inputs;
};
const std::vector<Computed>& ComputedModels() {
  static const auto& models = *new std::vector<Computed>{
      {"abalone", "abalone/model.json", {{3, 8}}},
      {"carnd", "carnd.h5", {{2, 66, 200, 3}}},
      {"encoder", "encoder.keras", {{2, 128, 6}}},
      {"mini_xception", "mini_xception.hdf5", {{1, 64, 64, 1}}},
      {"mobilenet", "mobilenet/model.json", {{1, 224, 224, 3}}},
      {"model_lambda", "model_lambda.h5", {{2, 784}}},
      {"sequential_lambda", "sequential_lambda.h5", {{2, 100}}},
      {"siamese_pill", "siamese_pill.keras", {{1, 224, 224, 3}, {1, 224, 224, 3}}},
      {"siamese_pnnl", "siamese_pnnl.h5", {{1, 1700, 1}, {1, 1700, 1}}},
  };
  return models;
}

absl::StatusOr<std::vector<Tensor>> RunModel(const Model& model, const std::vector<Shape>& shapes) {
  NamedTensors inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    inputs[model.graph.value(model.graph.inputs[i]).name] =
        MakeInput(static_cast<int>(i), shapes[i], 0);
  }
  NOMO_ASSIGN_OR_RETURN(NamedTensors outputs, model.Predict(inputs));
  std::vector<Tensor> ordered;
  for (const ValueId id : model.graph.outputs)
    ordered.push_back(outputs[model.graph.value(id).name]);
  return ordered;
}

TEST(RealModels, ComputeWhatTheReferenceComputes) {
  const auto expected = ReadNpz("serialization/keras/testdata/expected.npz");
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (const Computed& model : ComputedModels()) {
    SCOPED_TRACE(model.name);
    const auto imported = Import(ModelPath(model.file));
    ASSERT_TRUE(imported.ok()) << imported.status();
    const auto outputs = RunModel(imported->model, model.inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    for (size_t i = 0; i < outputs->size(); ++i) {
      const auto& reference = expected->find(absl::StrCat(model.name, ".", i));
      ASSERT_NE(reference, expected->end());
      const absl::Status close = AllClose((*outputs)[i], reference->second, 1e-4, 1e-4);
      EXPECT_TRUE(close.ok()) << close;
    }
  }
}

TEST(RealModels, SaveLoadAndExport) {
  for (const Computed& model : ComputedModels()) {
    SCOPED_TRACE(model.name);
    const auto imported = Import(ModelPath(model.file));
    ASSERT_TRUE(imported.ok()) << imported.status();
    const auto before = RunModel(imported->model, model.inputs);
    ASSERT_TRUE(before.ok()) << before.status();
    const std::string path = absl::StrCat(testing::TempDir(), "/", model.name, ".nomo");
    ASSERT_TRUE(Save(imported->model, path).ok());
    const auto loaded = Load(path);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(SemanticHash(*loaded), SemanticHash(imported->model));
    const std::string onnx_path = absl::StrCat(testing::TempDir(), "/", model.name, ".onnx");
    const absl::Status exported = onnx::Export(imported->model, onnx_path);
    ASSERT_TRUE(exported.ok()) << exported;
    const auto back = onnx::Import(onnx_path);
    ASSERT_TRUE(back.ok()) << back.status();
    const auto after = RunModel(*back, model.inputs);
    ASSERT_TRUE(after.ok()) << after.status();
    for (size_t i = 0; i < after->size(); ++i) {
      const absl::Status close = AllClose((*after)[i], (*before)[i], 1e-4, 1e-5);
      EXPECT_TRUE(close.ok()) << close;
    }
  }
}

}  // namespace
}  // namespace nomograph::keras
