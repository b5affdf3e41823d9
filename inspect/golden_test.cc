// Golden vectors: who computed them, and those of ONNX's test data.
#include "nomograph/inspect/golden.h"

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/io/file.h"
#include "nomograph/inspect/verify_model.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

// y = 2 x + 1
Model Affine() {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("batch"), 2}}, "x");
  auto model = BuildModel({x}, {2 * x + 1}, {.output_names = {"y"}});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

const NamedTensors kInputs = {{"x", Tensor::Of<float>({1, 2}, {1, -3})}};
const Tensor kExpected = Tensor::Of<float>({1, 2}, {3, -5});

TEST(GoldenTest, SaysWhoComputedTheOutputs) {
  Model model = Affine();
  ASSERT_TRUE(RecordGolden(model, model, "mine", kInputs).ok());
  ASSERT_TRUE(AddExternalGolden(model, "torch", kInputs, {{"y", kExpected}}, "PyTorch 2.1").ok());
  ASSERT_TRUE(AddExternalGolden(model, "other", kInputs, {{"y", kExpected}}, "").ok());
  model.golden_vectors.push_back(model.golden_vectors[0]);
  model.golden_vectors.back().name = "old";
  EXPECT_EQ(model.golden_vectors[0].outputs.at("y").expected, kExpected);
  const std::string texts[] = {"recorded", "external: PyTorch 2.1", "external", "not said"};
  const auto results = ReplayGoldenVectors(std::make_shared<const Model>(model), {.exact = true});
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 4u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(GoldenSourceText((*results)[i].source), texts[i]);
    EXPECT_TRUE((*results)[i].status.ok()) << (*results)[i].status;
  }
  // What is written by hand and says nothing that is known.
  model.metadata["golden_vector/old/source"] = "externally";
  EXPECT_EQ(SourceOfGolden(model, "old").kind, GoldenSource::Kind::kUnknown);
}

TEST(GoldenTest, RefusesWhatDoesNotFit) {
  Model model = Affine();
  ASSERT_TRUE(RecordGolden(model, model, "a", kInputs).ok());
  const Model before = model;
  EXPECT_TRUE(absl::IsAlreadyExists(RecordGolden(model, model, "a", kInputs)));
  for (const NamedTensors& expected : {NamedTensors{}, NamedTensors{{"z", kExpected}},
                                       NamedTensors{{"y", Tensor::Of<float>({1, 3}, {1, 2, 3})}},
                                       NamedTensors{{"y", Tensor::Of<double>({1, 2}, {3, -5})}}}) {
    EXPECT_FALSE(AddExternalGolden(model, "b", kInputs, expected, "").ok());
  }
  EXPECT_FALSE(AddExternalGolden(model, "b", {}, {{"y", kExpected}}, "").ok());
  EXPECT_EQ(model.golden_vectors.size(), before.golden_vectors.size());
  EXPECT_EQ(model.metadata, before.metadata);
}

void PutTensor(const std::string& path, const Tensor& tensor) {
  onnx::TensorProto proto;
  ASSERT_TRUE(onnx::TensorToOnnx(tensor, proto).ok());
  ASSERT_TRUE(WriteFileAtomically(path, proto.SerializeAsString()).ok());
}

TEST(GoldenTest, ReadsOnnxTestData) {
  const std::string folder = ::testing::TempDir() + "/golden_test_data";
  std::filesystem::remove_all(folder);
  const Model model = Affine();
  std::filesystem::create_directories(folder);
  EXPECT_FALSE(HasOnnxTestData(folder));
  EXPECT_TRUE(absl::IsNotFound(ReadOnnxTestData(folder, model.graph).status()));
  for (const char* set : {"/test_data_set_0", "/test_data_set_1"}) {
    std::filesystem::create_directories(folder + set);
    PutTensor(folder + set + "/input_0.pb", kInputs.at("x"));
    PutTensor(folder + set + "/output_0.pb", kExpected);
  }
  EXPECT_TRUE(HasOnnxTestData(folder));
  const auto sets = ReadOnnxTestData(folder, model.graph);
  ASSERT_TRUE(sets.ok()) << sets.status();
  ASSERT_EQ(sets->size(), 2u);
  EXPECT_EQ((*sets)[1].name, "test_data_set_1");
  EXPECT_EQ((*sets)[1].inputs.at("x"), kInputs.at("x"));
  EXPECT_EQ((*sets)[1].outputs.at("y").expected, kExpected);
  EXPECT_EQ((*sets)[1].outputs.at("y").rtol, 1e-3);
  const auto one = ReadOnnxTestData(folder + "/test_data_set_1/", model.graph);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ((*one)[0].name, "test_data_set_1");

  PutTensor(folder + "/test_data_set_1/input_1.pb", kExpected);
  EXPECT_THAT(std::string(ReadOnnxTestData(folder, model.graph).status().message()),
              HasSubstr("there is a file input_1.pb"));
  ASSERT_TRUE(WriteFileAtomically(folder + "/test_data_set_0/output_0.pb", "\xff\xff").ok());
  EXPECT_THAT(std::string(ReadOnnxTestData(folder, model.graph).status().message()),
              HasSubstr("output_0.pb\": expected a TensorProto"));
  std::filesystem::remove(folder + "/test_data_set_0/output_0.pb");
  EXPECT_THAT(std::string(ReadOnnxTestData(folder, model.graph).status().message()),
              HasSubstr("output_0.pb is missing"));
}

}  // namespace
}  // namespace nomograph
