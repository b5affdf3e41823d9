// Lambdas of every kind, as several Python versions store them: each is translated and run, and
// yields what the same source yields with NumPy. testing/generate.py wrote testing/lambdas.json.
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/build/build.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/keras/calls/known_call.h"
#include "nomograph/serialization/keras/python/function.h"
#include "nomograph/serialization/keras/python/names.h"

namespace nomograph::keras {
namespace {

using Json = nlohmann::json;

Json ReadCases() {
  std::ifstream file("serialization/keras/python/testing/lambdas.json");
  return Json::parse(file, nullptr, /*allow_exceptions=*/false);
}

ConfigValue ToConfig(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (!json.is_array()) return nullptr;
  ConfigValue::List list;
  for (const Json& item : json) list.push_back(ToConfig(item));
  return list;
}

// As make_input() of generate.py has it.
Tensor MakeInput(char kind, const Shape& shape, int k) {
  const int64_t size = shape.num_elements();
  Tensor tensor(DType::kFloat64, shape);
  for (int64_t i = 0; i < size; ++i) {
    const double wave = std::sin(static_cast<double>(i) * (1.7 + 0.3 * k) + k + 0.3);
    tensor.mutable_data<double>()[i] = kind == 'f'   ? wave
                                       : kind == 'p' ? std::fabs(wave) + 0.1
                                       : kind == 'i' ? static_cast<double>(i * 7 % 11 - 3)
                                                     : static_cast<double>(i * 37 % 256);
  }
  return tensor.Cast(kind == 'i' ? DType::kInt32 : kind == 'u' ? DType::kUInt8 : DType::kFloat32);
}

std::vector<Tensor> MakeInputs(const std::string& text) {
  std::vector<Tensor> tensors;
  for (const absl::string_view one : absl::StrSplit(text, ';')) {
    Shape shape;
    for (const absl::string_view size : absl::StrSplit(one.substr(2), ',')) {
      int64_t number = 0;
      EXPECT_TRUE(absl::SimpleAtoi(size, &number));
      shape.Append(number);
    }
    tensors.push_back(MakeInput(one[0], shape, static_cast<int>(tensors.size())));
  }
  return tensors;
}

// The function's values as a model, whose first axis has no known size, run on the tensors.
absl::StatusOr<std::vector<Tensor>> RunLambda(const LambdaFunction& lambda,
                                              const std::vector<Tensor>& tensors, bool& is_list) {
  std::vector<Value> inputs;
  for (const Tensor& tensor : tensors) {
    PartialShape shape(tensor.shape());
    shape[0] = Dim::Symbol("batch");
    inputs.push_back(InputValue({tensor.dtype(), shape}, absl::StrCat("x", inputs.size())));
  }
  const Translation translation = Translate(lambda, inputs, inputs.size() > 1);
  NOMO_RETURN_IF_ERROR(translation.status);
  is_list = translation.is_list;
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel(inputs, translation.outputs));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(model)));
  return session->Run(tensors);
}

void Check(const Json& test, const std::string& payload) {
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(payload, &bytes));
  const auto read = ReadPayload(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  LambdaFunction lambda = *read;
  lambda.defaults = ToConfig(test["defaults"]);
  lambda.closure = ToConfig(test["closure"]);
  EXPECT_FALSE(lambda.SourceText().empty());
  const std::vector<Tensor> tensors = MakeInputs(test["inputs"]);
  bool is_list = false;
  const auto outputs = RunLambda(lambda, tensors, is_list);
  ASSERT_TRUE(outputs.ok()) << outputs.status() << "\n" << lambda.SourceText();
  EXPECT_EQ(is_list, test["list"].get<bool>());
  ASSERT_EQ(outputs->size(), test["outputs"].size());
  for (size_t i = 0; i < outputs->size(); ++i) {
    const auto sizes = test["outputs"][i][0].get<std::vector<int64_t>>();
    const auto values = test["outputs"][i][1].get<std::vector<double>>();
    ASSERT_EQ((*outputs)[i].shape(), Shape(sizes)) << lambda.SourceText();
    const Tensor expected = Tensor::Of<double>(Shape(sizes), values);
    const absl::Status close = AllClose((*outputs)[i].Cast(DType::kFloat64), expected, 2e-5, 2e-6);
    EXPECT_TRUE(close.ok()) << close << "\n" << lambda.SourceText();
  }
}

TEST(Lambdas, YieldWhatNumPyYields) {
  const Json cases = ReadCases();
  ASSERT_TRUE(cases.is_array());
  std::set<std::string> versions;
  int payloads = 0;
  for (const Json& test : cases) {
    for (const Json& payload : test["payloads"]) {
      SCOPED_TRACE(absl::StrCat(test["source"].get<std::string>(), "\n", payload[1].dump()));
      for (const Json& version : payload[1]) versions.insert(version.get<std::string>());
      Check(test, payload[0]);
      ++payloads;
    }
  }
  EXPECT_GE(cases.size(), 800u);
  EXPECT_GE(payloads, 3000);
  EXPECT_THAT(versions, testing::IsSupersetOf(
                            {"2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"}));
}

// The versions that a payload may be of are those that wrote it, and others that mean the same.
TEST(Lambdas, AreOfTheVersionsThatWroteThem) {
  for (const Json& test : ReadCases()) {
    for (const Json& payload : test["payloads"]) {
      std::string bytes;
      ASSERT_TRUE(absl::Base64Unescape(payload[0].get<std::string>(), &bytes));
      const auto lambda = ReadPayload(bytes);
      ASSERT_TRUE(lambda.ok()) << lambda.status();
      const std::vector<std::string> found =
          absl::StrSplit(lambda->PythonVersion(), absl::ByAnyChar(" ,"), absl::SkipEmpty());
      for (const Json& version : payload[1]) {
        EXPECT_THAT(found, testing::Contains(version.get<std::string>())) << test["source"];
      }
    }
  }
}

TEST(Lambdas, KnowEveryCallOnce) {
  EXPECT_TRUE(CallFaults().ok()) << CallFaults();
  EXPECT_GE(CallNames().size(), 1000u);
  // Names that are not canonical are never looked up.
  for (const std::string& name : CallNames()) EXPECT_EQ(CanonicalName(name), name);
}

}  // namespace
}  // namespace nomograph::keras
