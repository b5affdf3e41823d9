// Damaged ONNX files: every truncation and every flipped byte of five models of ONNX's suite yields
// a model or an error, and what is a model can be saved or is refused; nothing crashes. Sizes that
// come to few bytes only where their product wraps around are refused.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/tests/onnx/model_builder.h"

namespace nomograph {
namespace {

constexpr char kSuite[] = "/usr/share/libonnx-testdata/data/node/";

class Hostile : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto bytes = ReadFile(absl::StrCat(kSuite, GetParam(), "/model.onnx"));
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    bytes_ = *bytes;
    ASSERT_TRUE(onnx::ImportFromBytes(bytes_).ok());
  }

  // True when the bytes are a model still.
  static bool Try(const std::string& bytes) {
    const auto model = onnx::ImportFromBytes(bytes);
    if (!model.ok()) {
      EXPECT_FALSE(model.status().message().empty());
      return false;
    }
    const auto saved = SaveToString(*model);
    if (saved.ok()) {
      EXPECT_TRUE(LoadFromBytes(*saved, std::make_shared<std::string>(*saved)).ok());
    }
    return true;
  }

  std::string bytes_;
};

TEST_P(Hostile, Truncated) {
  for (size_t size = 0; size < bytes_.size(); ++size) {
    SCOPED_TRACE(size);
    Try(bytes_.substr(0, size));
  }
}

TEST_P(Hostile, Flipped) {
  int models = 0;
  for (size_t i = 0; i < bytes_.size(); ++i) {
    for (const int mask : {0xff, 0x01, 0x80}) {
      SCOPED_TRACE(absl::StrCat("byte ", i, " ^ ", mask));
      std::string damaged = bytes_;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      models += Try(damaged);
    }
  }
  EXPECT_GT(models, 0) << "names and documentation may be anything";
}

INSTANTIATE_TEST_SUITE_P(Models, Hostile,
                         testing::Values("test_loop11", "test_scan9_sum", "test_if",
                                         "test_layer_normalization_2d_axis0_expanded",
                                         "test_qlinearconv"),
                         [](const auto& info) { return std::string(info.param); });

TEST(HostileSizes, AreMultipliedWithACheck) {
  const struct {
    onnx::TensorProto::DataType type;
    std::vector<int64_t> dims;
    size_t bytes;  // what the product is where it wraps around
    const char* message;
  } cases[] = {
      {onnx::TensorProto::INT64, {(int64_t{1} << 61) + 8}, 64, "passes 2^62 bytes"},
      {onnx::TensorProto::DOUBLE, {2, (int64_t{1} << 60) + 1}, 16, "passes 2^62 bytes"},
      {onnx::TensorProto::FLOAT, {int64_t{1} << 62}, 0, "passes 2^62 bytes"},
      {onnx::TensorProto::UINT8, {(int64_t{1} << 62) + 1}, 1, "more than 2^62 elements"},
  };
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "hostile_sizes";
  std::filesystem::create_directories(folder);
  for (const auto& c : cases) {
    for (const bool external : {false, true}) {
      SCOPED_TRACE(absl::StrCat(c.message, " ", c.dims[0], external ? " in a file" : ""));
      const std::string bytes(c.bytes, 'x');
      ASSERT_TRUE(WriteFileAtomically((folder / "data.bin").string(), bytes).ok());
      OnnxBuilder b(21);
      b.Input("x", onnx::TensorProto::FLOAT, {2});
      b.Raw("first", {1}, onnx::TensorProto::UINT8, "x");
      b.Raw("w", c.dims, c.type, bytes);
      b.Node("Neg", {"x"}, {"y"});
      b.Output("y", onnx::TensorProto::FLOAT, {});
      onnx::ModelProto proto = b.Finish();
      if (external) {
        proto.mutable_graph()->mutable_initializer(1)->clear_raw_data();
        SetExternal(proto, "data.bin");
      }
      const auto model = onnx::ImportFromBytes(proto.SerializeAsString(), folder.string());
      EXPECT_THAT(std::string(model.status().message()), testing::HasSubstr(c.message));
    }
  }
}

}  // namespace
}  // namespace nomograph
