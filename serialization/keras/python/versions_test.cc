// Bytecode of Python versions that are rarely at hand, put together by hand from the numbers in
// CPython's own sources: Lib/opcode.py of 3.3, 3.4 and 3.5, Lib/_opcode_metadata.py of 3.14.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/keras/python/function.h"
#include "nomograph/serialization/keras/python/testing/assembler.h"

namespace nomograph::keras {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<int>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
// An instruction of Python up to 3.5 with an argument of two bytes.
Bytes Old(int opcode, int arg) { return {opcode, arg & 255, arg >> 8}; }
// An instruction of Python 3.14 and its cache entries.
Bytes New(int opcode, int arg = 0, int caches = 0) {
  return Bytes{opcode, arg} + Bytes(2 * caches, 0);
}

struct Case {
  const char* what;
  std::string payload;
  const char* version;  // what the payload may be of
  const char* source;   // "" where it is shown otherwise
  std::vector<float> expected;
  int inputs = 1;
};

// x is [[1, 2, 3], [4, 5, 6]], a second input ten times that.
void Check(const Case& test) {
  SCOPED_TRACE(test.what);
  const auto lambda = ReadPayload(test.payload);
  ASSERT_TRUE(lambda.ok()) << lambda.status();
  EXPECT_EQ(lambda->PythonVersion(), test.version);
  if (*test.source != 0) {
    EXPECT_EQ(lambda->SourceText(), test.source);
  }
  std::vector<Value> inputs;
  std::vector<Tensor> tensors;
  for (int i = 0; i < test.inputs; ++i) {
    inputs.push_back(InputValue({DType::kFloat32, {Dim::Symbol("batch"), 3}}));
    const float k = i == 0 ? 1 : 10;
    tensors.push_back(Tensor::Of<float>({2, 3}, {1 * k, 2 * k, 3 * k, 4 * k, 5 * k, 6 * k}));
  }
  const Translation translation = Translate(*lambda, inputs, test.inputs > 1);
  ASSERT_TRUE(translation.status.ok()) << translation.status;
  const auto model = BuildModel(inputs, translation.outputs);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  const auto outputs = (*session)->Run(tensors);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  const Tensor found = (*outputs)[0].Cast(DType::kFloat32);
  EXPECT_THAT(found.data<float>(), testing::Pointwise(testing::FloatEq(), test.expected));
}

// Lib/opcode.py: 3.3 to 3.5 agree on these.
constexpr int kPopTop = 1, kSubtractOld = 24, kSubscript = 25, kDivide = 27, kStoreMap = 54,
              kInplaceAdd = 55, kMultiply = 20, kGetIter = 68, kWithCleanup = 81, kReturn = 83,
              kPopBlock = 87, kEndFinally = 88, kForIter = 93, kLoadConst = 100, kBuildList = 103,
              kBuildMap = 105, kLoadAttr = 106, kJumpAbsolute = 113, kLoadGlobal = 116,
              kSetupLoop = 120, kLoadFast = 124, kStoreFast = 125, kCallFunction = 131,
              kMakeFunction = 132, kCallFunctionVar = 140, kSetupWith = 143;
// 3.5 only.
constexpr int kMatrixMultiply = 16, kWithCleanupFinish = 82;

std::vector<Case> OldCases() {
  const Bytes x = Old(kLoadFast, 0);
  const std::string inner =
      AssembleOld({.bytes = Old(kLoadFast, 0) + Old(kLoadFast, 1) + Bytes{kMultiply, kReturn},
                   .variables = {"y", "k"},
                   .num_args = 2});
  const Bytes with = Old(kLoadGlobal, 0) + Old(kLoadAttr, 1) + Old(kLoadConst, 1) +
                     Old(kCallFunction, 1) + Old(kSetupWith, 12) + Bytes{kPopTop} + x + x +
                     Bytes{kMultiply} + Old(kStoreFast, 0) + Bytes{kPopBlock};
  return {
      {"an expression",
       AssembleOld({.bytes = x + Old(kLoadConst, 0) + Bytes{kDivide} + Old(kLoadConst, 1) +
                             Bytes{kSubtractOld, kReturn},
                    .constants = {MarshalFloat(2), MarshalFloat(0.5)}}),
       "Python 3.3, 3.4 or 3.5",
       "lambda x: x / 2.0 - 0.5",
       {0, 0.5, 1, 1.5, 2, 2.5}},
      {"keyword arguments",
       AssembleOld({.bytes = Old(kLoadGlobal, 0) + Old(kLoadAttr, 1) + x + Old(kLoadConst, 0) +
                             Old(kLoadConst, 1) + Old(kCallFunction, 1 | 1 << 8) + Bytes{kReturn},
                    .constants = {MarshalText("axis"), MarshalInt(1)},
                    .names = {"K", "mean"}}),
       "Python 3.3, 3.4 or 3.5",
       "lambda x: K.mean(x, axis=1)",
       {2, 5}},
      {"arguments of a list",
       AssembleOld({.bytes = Old(kLoadGlobal, 0) + Old(kLoadAttr, 1) + x + Old(kLoadConst, 0) +
                             Old(kBuildList, 2) + Old(kCallFunctionVar, 0) + Bytes{kReturn},
                    .constants = {MarshalInt(1)},
                    .names = {"K", "sum"}}),
       "Python 3.3, 3.4 or 3.5",
       "lambda x: K.sum(*[x, 1])",
       {6, 15}},
      {"a function with a default",
       AssembleOld(
           {.bytes = Old(kLoadConst, 0) + Old(kLoadConst, 1) + Old(kLoadConst, 2) +
                     Old(kMakeFunction, 1) + x + Old(kCallFunction, 1) + Bytes{kReturn},
            .constants = {MarshalInt(3), inner, MarshalText("<lambda>.<locals>.<lambda>")}}),
       "Python 3.3, 3.4 or 3.5",
       "lambda x: (lambda y, k=3: y * k)(x)",
       {3, 6, 9, 12, 15, 18}},
      {"a loop",
       AssembleOld({.bytes = Old(kSetupLoop, 30) + Old(kLoadGlobal, 0) + Old(kLoadConst, 0) +
                             Old(kCallFunction, 1) + Bytes{kGetIter} + Old(kForIter, 16) +
                             Old(kStoreFast, 1) + x + Old(kLoadFast, 1) + Bytes{kInplaceAdd} +
                             Old(kStoreFast, 0) + Old(kJumpAbsolute, 13) + Bytes{kPopBlock} + x +
                             Bytes{kReturn},
                    .constants = {MarshalInt(4)},
                    .names = {"range"},
                    .variables = {"x", "i"}}),
       "Python 3.3, 3.4 or 3.5",
       "",
       {7, 8, 9, 10, 11, 12}},
      // BUILD_MAP's argument is a size hint; pairs are stored one by one, the value first.
      {"a dict up to 3.4",
       AssembleOld({.bytes = x + Old(kBuildMap, 1) + Old(kLoadConst, 1) + Old(kLoadConst, 0) +
                             Bytes{kStoreMap} + Old(kLoadConst, 0) +
                             Bytes{kSubscript, kMultiply, kReturn},
                    .constants = {MarshalText("a"), MarshalInt(2)}}),
       "Python 3.3 or 3.4",
       "lambda x: x * {'a': 2}['a']",
       {2, 4, 6, 8, 10, 12}},
      {"a dict of 3.5",
       AssembleOld({.bytes = x + Old(kLoadConst, 0) + Old(kLoadConst, 1) + Old(kBuildMap, 1) +
                             Old(kLoadConst, 0) + Bytes{kSubscript, kMultiply, kReturn},
                    .constants = {MarshalText("a"), MarshalInt(2)}}),
       "Python 3.5",
       "lambda x: x * {'a': 2}['a']",
       {2, 4, 6, 8, 10, 12}},
      {"a product of matrices",
       AssembleOld({.bytes = x + Old(kLoadGlobal, 0) + Old(kLoadAttr, 1) + x +
                             Old(kCallFunction, 1) + Bytes{kMatrixMultiply, kReturn},
                    .names = {"K", "transpose"}}),
       "Python 3.5",
       "lambda x: x @ K.transpose(x)",
       {14, 32, 32, 77}},
      {"a block up to 3.4",
       AssembleOld({.bytes = with + Old(kLoadConst, 0) + Bytes{kWithCleanup, kEndFinally} + x +
                             Bytes{kReturn},
                    .constants = {"N", MarshalText("a")},
                    .names = {"tf", "name_scope"}}),
       "Python 3.3, 3.4 or 3.5",
       "",
       {1, 4, 9, 16, 25, 36}},
      {"a block of 3.5",
       AssembleOld({.bytes = with + Old(kLoadConst, 0) +
                             Bytes{kWithCleanup, kWithCleanupFinish, kEndFinally} + x +
                             Bytes{kReturn},
                    .constants = {"N", MarshalText("a")},
                    .names = {"tf", "name_scope"}}),
       "Python 3.5",
       "",
       {1, 4, 9, 16, 25, 36}},
  };
}

// Lib/_opcode_metadata.py of 3.14; cache entries by Lib/opcode.py.
constexpr int kBuildTemplate14 = 2, kCallEx14 = 4, kEndFor14 = 9, kGetIter14 = 16,
              kMakeFunction14 = 23, kNotTaken14 = 28, kPopIter14 = 30, kPopTop14 = 31,
              kPushNull14 = 33, kReturn14 = 35, kNegative14 = 41, kBinaryOp14 = 44,
              kInterpolation14 = 45, kBuildTuple14 = 51, kCall14 = 52, kCallKw14 = 55,
              kCompare14 = 56, kCopy14 = 59, kForIter14 = 70, kJumpBackward14 = 75,
              kLoadAttr14 = 80, kCommonConstant14 = 81, kLoadConst14 = 82, kBorrow14 = 86,
              kBorrowTwo14 = 87, kLoadGlobal14 = 92, kSmallInt14 = 94, kLoadSpecial14 = 95,
              kJumpIfFalse14 = 100, kSetAttribute14 = 108, kStoreFast14 = 112, kStoreTwo14 = 114,
              kSwap14 = 117, kUnpack14 = 119, kResume14 = 128;
// The operators of BINARY_OP: Include/opcode.h.
constexpr int kNbMultiply = 5, kNbSubtract = 10, kNbTrueDivide = 11, kNbInplaceAdd = 13,
              kNbSubscript = 26;

Bytes Binary(int op) { return New(kBinaryOp14, op, 5); }
// A name of `names`, and its attribute, called as a method.
Bytes Method(int global, int attribute) {
  return New(kLoadGlobal14, global << 1, 4) + New(kLoadAttr14, attribute << 1 | 1, 9);
}
Bytes Call(int count) { return New(kCall14, count, 3); }

std::string Assemble14(Assembled code) {
  code.bytes = New(kResume14) + code.bytes;
  return AssembleNew(code);
}

std::vector<Case> NewCases() {
  const Bytes x = New(kBorrow14, 0), end = New(kReturn14);
  const std::string inner =
      Assemble14({.bytes = New(kBorrowTwo14, 0 << 4 | 1) + Binary(kNbMultiply) + New(kReturn14),
                  .variables = {"y", "k"},
                  .num_args = 2});
  // The loop goes back over FOR_ITER (2 units), what it holds (10) and itself (2).
  const Bytes loop = New(kStoreFast14, 1) + New(kBorrowTwo14, 0 << 4 | 1) + Binary(kNbInplaceAdd) +
                     New(kStoreFast14, 0);
  const Bytes call_ex = New(kLoadGlobal14, 0, 4) + New(kLoadAttr14, 1 << 1, 9) + New(kPushNull14) +
                        x + New(kSmallInt14, 1) + New(kBuildTuple14, 2) + New(kPushNull14);
  const char* const kOnly = "Python 3.14";
  return {
      {"small integers and no RETURN_CONST",
       Assemble14({.bytes = x + New(kLoadConst14, 0) + Binary(kNbTrueDivide) + New(kSmallInt14, 1) +
                            Binary(kNbSubtract) + end,
                   .constants = {MarshalFloat(2)}}),
       kOnly,
       "lambda x: x / 2.0 - 1",
       {-0.5, 0, 0.5, 1, 1.5, 2}},
      {"subscripts are an operator, slices constants",
       Assemble14({.bytes = x + New(kLoadConst14, 0) + Binary(kNbSubscript) + end,
                   .constants = {MarshalTuple({":NNN", MarshalInt(1)})}}),
       kOnly,
       "lambda x: x[:, 1]",
       {2, 5}},
      {"two variables in one instruction",
       Assemble14({.bytes = New(kBorrow14, 0) + New(kUnpack14, 2, 1) +
                            New(kStoreTwo14, 1 << 4 | 2) + New(kBorrowTwo14, 2 << 4 | 1) +
                            Binary(kNbSubtract) + end,
                   .variables = {"args", "a", "b"}}),
       kOnly,
       "",
       {9, 18, 27, 36, 45, 54},
       2},
      {"a loop with its END_FOR and POP_ITER",
       Assemble14({.bytes = New(kLoadGlobal14, 0 << 1 | 1, 4) + New(kSmallInt14, 4) + Call(1) +
                            New(kGetIter14) + New(kForIter14, 11, 1) + loop +
                            New(kJumpBackward14, 13, 1) + New(kEndFor14) + New(kPopIter14) + x +
                            end,
                   .names = {"range"},
                   .variables = {"x", "i"}}),
       kOnly,
       "",
       {7, 8, 9, 10, 11, 12}},
      {"a condition with NOT_TAKEN",
       Assemble14({.bytes = Method(0, 1) + x + Call(1) + New(kSmallInt14, 3) +
                            New(kCompare14, 2 << 5 | 0x18, 1) + New(kJumpIfFalse14, 3, 1) +
                            New(kNotTaken14) + x + end + x + New(kNegative14) + end,
                   .names = {"K", "ndim"}}),
       kOnly,
       "lambda x: x if K.ndim(x) == 3 else -x",
       {-1, -2, -3, -4, -5, -6}},
      {"keyword arguments",
       Assemble14({.bytes = Method(0, 1) + x + New(kSmallInt14, 1) + New(kLoadConst14, 0) +
                            New(kCallKw14, 2, 3) + end,
                   .constants = {MarshalTuple({MarshalText("axis")})},
                   .names = {"K", "mean"}}),
       kOnly,
       "lambda x: K.mean(x, axis=1)",
       {2, 5}},
      {"arguments of a tuple",
       Assemble14({.bytes = call_ex + New(kCallEx14, 0, 0) + end, .names = {"K", "sum"}}),
       kOnly,
       "",
       {6, 15}},
      {"arguments of a tuple, with a cache entry",
       Assemble14({.bytes = call_ex + New(kCallEx14, 0, 1) + end, .names = {"K", "sum"}}),
       kOnly,
       "",
       {6, 15}},
      {"common constants",
       Assemble14({.bytes = x + New(kCommonConstant14, 3) + New(kPushNull14) +
                            New(kLoadConst14, 0) + Call(1) + Binary(kNbMultiply) + end,
                   .constants = {MarshalTuple({MarshalInt(1), MarshalInt(0)})}}),
       kOnly,
       "",
       {0, 0, 0, 0, 0, 0}},
      {"a function with a default",
       Assemble14({.bytes = New(kLoadConst14, 0) + New(kLoadConst14, 1) + New(kMakeFunction14) +
                            New(kSetAttribute14, 1) + New(kPushNull14) + x + Call(1) + end,
                   .constants = {MarshalTuple({MarshalInt(3)}), inner}}),
       kOnly,
       "lambda x: (lambda y, k=3: y * k)(x)",
       {3, 6, 9, 12, 15, 18}},
      // codegen_with() of Python/codegen.c: the manager twice, its __exit__, then its __enter__.
      {"a block",
       Assemble14({.bytes = Method(0, 1) + New(kLoadConst14, 0) + Call(1) + New(kCopy14, 1) +
                            New(kLoadSpecial14, 1) + New(kSwap14, 2) + New(kSwap14, 3) +
                            New(kLoadSpecial14, 0) + Call(0) + New(kPopTop14) +
                            New(kBorrowTwo14, 0) + Binary(kNbMultiply) + New(kStoreFast14, 0) +
                            New(kLoadConst14, 1) + New(kLoadConst14, 1) + New(kLoadConst14, 1) +
                            Call(3) + New(kPopTop14) + x + end,
                   .constants = {MarshalText("a"), "N"},
                   .names = {"tf", "name_scope"}}),
       kOnly,
       "",
       {1, 4, 9, 16, 25, 36}},
  };
}

TEST(Versions, AreReadByTheirOwnNumbers) {
  for (const Case& test : OldCases()) Check(test);
  for (const Case& test : NewCases()) Check(test);
}

// Template strings are no part of a model.
TEST(Versions, SayWhichInstructionIsNotCovered) {
  const std::string payload = Assemble14(
      {.bytes = New(kLoadConst14, 0) + New(kBorrow14, 0) + New(kLoadConst14, 1) +
                New(kInterpolation14, 2) + New(kBuildTuple14, 1) + New(kBuildTemplate14) +
                New(kReturn14),
       .constants = {MarshalTuple({MarshalText("a"), MarshalText("")}), MarshalText("x")}});
  const auto lambda = ReadPayload(payload);
  ASSERT_TRUE(lambda.ok()) << lambda.status();
  EXPECT_EQ(lambda->PythonVersion(), "Python 3.14");
  const Value x = InputValue({DType::kFloat32, {Dim(2), Dim(3)}});
  EXPECT_THAT(Translate(*lambda, {x}, false).status.message(),
              HasSubstr("the instruction BUILD_INTERPOLATION is not covered"));
}

}  // namespace
}  // namespace nomograph::keras
