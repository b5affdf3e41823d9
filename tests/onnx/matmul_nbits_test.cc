// ONNX Runtime's MatMulNBits, by its definition in ContribOperators.md: how bits lie in bytes.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/tests/onnx/model_builder.h"

namespace nomograph {
namespace {

using onnx::TensorProto;
using testing::HasSubstr;

constexpr int kTerms = 20, kColumns = 3, kBlock = 16, kBlocks = 2;

struct Case {
  int bits;
  bool zeros, bias;
};

uint8_t Byte(int i) { return static_cast<uint8_t>(i * 37 + 11); }
std::string Bytes(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(Byte(i)));
  return bytes;
}
// Number i of those in the bytes from `first` on.
int Element(int bits, int first, int i) {
  if (bits == 8) return Byte(first + i);
  return i % 2 == 0 ? Byte(first + i / 2) & 15 : Byte(first + i / 2) >> 4;
}
int LineBytes(int bits) { return kBlocks * kBlock * bits / 8; }
int ZeroBytes(int bits) { return (kBlocks * bits + 7) / 8; }
float Scale(int i) { return 0.125f * static_cast<float>(i + 1); }

std::string Model(const Case& c, int block_size, int columns) {
  OnnxBuilder b(21);
  b.Opset("com.microsoft", 1);
  b.Input("x", TensorProto::FLOAT, {2, kTerms});
  b.Raw("B", {kColumns, kBlocks, kBlock * c.bits / 8}, TensorProto::UINT8,
        Bytes(kColumns * LineBytes(c.bits)));
  std::vector<float> scales, bias = {1, -2, 3};
  for (int i = 0; i < kColumns * kBlocks; ++i) scales.push_back(Scale(i));
  b.Floats("scales", {kColumns * kBlocks}, scales);
  std::vector<std::string> inputs = {"x", "B", "scales"};
  if (c.zeros || c.bias) inputs.push_back(c.zeros ? "zeros" : "");
  if (c.zeros) {
    const int bytes = kColumns * ZeroBytes(c.bits);
    b.Raw("zeros", {bytes}, TensorProto::UINT8, Bytes(bytes));
  }
  if (c.bias) {
    b.Floats("bias", {kColumns}, bias);
    inputs.insert(inputs.end(), {"", "bias"});
  }
  b.Node("MatMulNBits", inputs, {"y"}, "com.microsoft")
      .IntAttr("K", kTerms)
      .IntAttr("N", columns)
      .IntAttr("bits", c.bits)
      .IntAttr("block_size", block_size);
  b.Output("y", TensorProto::FLOAT, {2, kColumns});
  return b.Finish().SerializeAsString();
}

TEST(MatMulNBits, IsWhatItsDefinitionSays) {
  for (const Case& c : {Case{4, false, false}, Case{4, true, true}, Case{4, false, true},
                        Case{8, false, false}, Case{8, true, true}}) {
    SCOPED_TRACE(absl::StrCat(c.bits, " bits, zeros ", c.zeros, ", bias ", c.bias));
    const auto model = onnx::ImportFromBytes(Model(c, kBlock, kColumns));
    ASSERT_TRUE(model.ok()) << model.status();
    Tensor x(DType::kFloat32, {2, kTerms});
    for (int i = 0; i < 2 * kTerms; ++i) {
      x.mutable_data<float>()[i] = static_cast<float>(i % 7) - 3;
    }
    for (const bool exact : {false, true}) {
      const auto session = Session::Create(*model, {.exact = exact});
      ASSERT_TRUE(session.ok()) << session.status();
      const auto y = (*session)->Run(x);
      ASSERT_TRUE(y.ok()) << y.status();
      for (int r = 0; r < 2; ++r) {
        for (int n = 0; n < kColumns; ++n) {
          double sum = c.bias ? (n == 0 ? 1 : n == 1 ? -2 : 3) : 0;
          for (int k = 0; k < kTerms; ++k) {
            const int zero =
                c.zeros ? Element(c.bits, n * ZeroBytes(c.bits), k / kBlock) : 1 << (c.bits - 1);
            const int weight = Element(c.bits, n * LineBytes(c.bits), k) - zero;
            sum += x.data<float>()[r * kTerms + k] * static_cast<double>(weight) *
                   Scale(n * kBlocks + k / kBlock);
          }
          // Whole multiples of 1/8 below 2^20: nothing is rounded.
          EXPECT_EQ(y->data<float>()[r * kColumns + n], sum);
        }
      }
    }
  }
}

TEST(MatMulNBits, FaultsAreNamed) {
  const auto message = [](const Case& c, int block_size, int columns) {
    const auto model = onnx::ImportFromBytes(Model(c, block_size, columns));
    return std::string(model.status().message());
  };
  EXPECT_THAT(message({4, false, false}, 12, kColumns), HasSubstr("a power of two"));
  EXPECT_THAT(message({4, false, false}, kBlock, 0), HasSubstr("positive sizes"));
  EXPECT_THAT(message({4, false, false}, kBlock, 5), HasSubstr("input B: expected"));
}

}  // namespace
}  // namespace nomograph
