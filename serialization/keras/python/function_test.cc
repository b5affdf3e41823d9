// What a Lambda's stored function tells: its text, its versions, what is missing to translate it.
#include "nomograph/serialization/keras/python/function.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/build/build.h"
#include "nomograph/core/run/session.h"

namespace nomograph::keras {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The payloads of testing/lambdas.json by source and Python version.
std::string PayloadOf(const std::string& source, const std::string& version) {
  static const auto* const cases = [] {
    std::ifstream file("serialization/keras/python/testing/lambdas.json");
    return new nlohmann::json(nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false));
  }();
  for (const auto& test : *cases) {
    if (test["source"] != source) continue;
    for (const auto& payload : test["payloads"]) {
      const auto& versions = payload[1];
      if (std::find(versions.begin(), versions.end(), version) != versions.end()) {
        return payload[0];
      }
    }
  }
  ADD_FAILURE() << "no payload of " << source << " for " << version;
  return "";
}

LambdaFunction Read(const std::string& base64) {
  const auto lambda = ReadLambda(base64);
  EXPECT_TRUE(lambda.ok()) << lambda.status();
  return lambda.ok() ? *lambda : LambdaFunction{};
}

Value Input2() { return InputValue({DType::kFloat32, {Dim::Symbol("batch"), 3}}, "x"); }

// def f(x): os.system('touch /tmp/owned'); return x * scale, of Python 3.11.
constexpr char kHostile[] =
    "4wEAAAAAAAAAAAAAAAMAAAADAAAA80oAAACXAHQAAAAAAAAAAAAAAKABAAAAAAAAAAAAAAAAAAAAAAAAAABkAaYB"
    "AACrAQAAAAAAAAAAAQB8AHQEAAAAAAAAAAAAAHoFAABTACkCTnoQdG91Y2ggL3RtcC9vd25lZCkD2gJvc9oGc3lz"
    "dGVt2gVzY2FsZSkB2gF4cwEAAAAg+gRtLnB52gFmcgcAAAABAAAAcx8AAACAAN0EBodJgknQDiDRBCHUBCHQBCHY"
    "CwyNdYk50AQU8wAAAAA=";

TEST(Function, ShowsTheSource) {
  const struct {
    const char* source;
    const char* text;
  } kCases[] = {
      {"f = lambda x: x / 127.5 - 1.0", "lambda x: x / 127.5 - 1.0"},
      {"f = lambda x: (x - 0.5) * 2", "lambda x: (x - 0.5) * 2"},
      {"f = lambda x: x[:, 1:-1]", "lambda x: x[:, 1:-1]"},
      {"f = lambda x: x[..., None]", "lambda x: x[..., None]"},
      {"f = lambda x: K.mean(x, axis=1, keepdims=True)",
       "lambda x: K.mean(x, axis=1, keepdims=True)"},
      {"f = lambda x: K.stack([x[:, i] * i for i in range(3) if i != 1], axis=1)",
       "lambda x: K.stack([x[:, i] * i for i in range(3) if i != 1], axis=1)"},
      {"f = lambda x: x if K.ndim(x) == 2 else x[0]", "lambda x: x if K.ndim(x) == 2 else x[0]"},
      {"def f(x):\n    y = x * 2\n    z = y + 1\n    return z / y",
       "def f(x):\n    y = x * 2\n    z = y + 1\n    return z / y"},
  };
  for (const auto& test : kCases) {
    for (const char* version : {"2.7", "3.6", "3.8", "3.10", "3.11"}) {
      EXPECT_EQ(Read(PayloadOf(test.source, version)).SourceText(), test.text) << version;
    }
  }
  const LambdaFunction lambda = Read(PayloadOf("f = lambda x: x / 127.5 - 1.0", "3.10"));
  EXPECT_EQ(lambda.BodyText(), "x / 127.5 - 1.0");
  EXPECT_EQ(lambda.PythonVersion(), "Python 3.10");
  EXPECT_THAT(lambda.Parameters(), ElementsAre("x"));
}

TEST(Function, IsReadInEveryForm) {
  const std::string code = PayloadOf("f = lambda x: 3 * x", "3.9");
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(code, &bytes));
  std::string escaped;  // Latin-1 in UTF-8, as raw_unicode_escape leaves bytes
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x80) {
      escaped += c;
    } else {
      escaped += static_cast<char>(0xc0 | byte >> 6);
      escaped += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  const std::string broken = absl::StrCat(code.substr(0, 60), "\n", code.substr(60), "\n");
  const LayerConfig parts = {{"code", code}, {"defaults", nullptr}, {"closure", nullptr}};
  const std::vector<ConfigValue> kForms = {
      code,
      escaped,
      broken,
      ConfigValue::List{code, nullptr, nullptr},
      ConfigValue::List{escaped, nullptr, nullptr},
      LayerConfig{{"class_name", "__lambda__"}, {"config", parts}},
      LayerConfig{{"class_name", "__lambda__"},
                  {"config", LayerConfig{{"value", ConfigValue::List{code, nullptr, nullptr}}}}},
  };
  for (const ConfigValue& form : kForms) {
    const auto lambda = ReadLambda(form);
    ASSERT_TRUE(lambda.ok()) << lambda.status();
    EXPECT_EQ(lambda->SourceText(), "lambda x: 3 * x");
    EXPECT_TRUE(LooksLikeLambda(form)) << form.ToString();
  }
  const ConfigValue named = LayerConfig{{"module", "builtins"},
                                        {"class_name", "function"},
                                        {"config", "euclidean_distance"},
                                        {"registered_name", "function"}};
  const auto name = ReadLambda(named);
  ASSERT_TRUE(name.ok()) << name.status();
  EXPECT_FALSE(name->has_body());
  EXPECT_EQ(name->SourceText(), "euclidean_distance (its body is not stored)");
  const Translation none = Translate(*name, {Input2()}, false);
  ASSERT_EQ(none.missing.size(), 1u);
  EXPECT_EQ(none.missing[0].kind, MissingItem::Kind::kBody);
}

// Nothing runs: the call is not known, and the file not written. All that is missing is listed.
TEST(Function, ListsAllThatIsMissing) {
  const LambdaFunction lambda = Read(kHostile);
  EXPECT_EQ(lambda.SourceText(),
            "def f(x):\n    os.system('touch /tmp/owned')\n    return x * scale");
  EXPECT_THAT(lambda.UnknownGlobals(), ElementsAre("os", "scale"));
  const Translation stopped = Translate(lambda, {Input2()}, false);
  EXPECT_FALSE(stopped.status.ok());
  ASSERT_EQ(stopped.missing.size(), 2u);
  EXPECT_EQ(stopped.missing[0].name, "os");
  EXPECT_EQ(stopped.missing[1].name, "scale");
  EXPECT_EQ(stopped.missing[1].kind, MissingItem::Kind::kGlobal);
  EXPECT_THAT(stopped.status.message(), HasSubstr("scale"));
  EXPECT_FALSE(std::ifstream("/tmp/owned").good());
  // A module that the user names is no more than a name.
  TranslateOptions options;
  options.defines = {{"os", ConfigValue("os")}, {"scale", ConfigValue(2.0)}};
  const Translation text = Translate(lambda, {Input2()}, false, options);
  EXPECT_FALSE(text.status.ok());
}

TEST(Function, TakesTheUsersValues) {
  const LambdaFunction lambda =
      Read(PayloadOf("def make():\n    n = 3\n    return lambda x: x * n\nf = make()", "3.8"));
  EXPECT_THAT(lambda.FreeVariables(), ElementsAre("n"));
  const Translation stopped = Translate(lambda, {Input2()}, false);
  ASSERT_EQ(stopped.missing.size(), 1u);
  EXPECT_EQ(stopped.missing[0].name, "n");
  TranslateOptions options;
  options.defines = {{"n", ConfigValue(4)}};
  const Translation translation = Translate(lambda, {Input2()}, false, options);
  EXPECT_TRUE(translation.status.ok()) << translation.status;
}

TEST(Function, GivesArgumentsByName) {
  const LambdaFunction lambda = Read(PayloadOf("f = lambda x, a=2, b=0.5: x * a + b", "3.7"));
  TranslateOptions options;
  options.arguments = {{"a", 10}, {"b", 1}};
  const Value x = Input2();
  const Translation translation = Translate(lambda, {x}, false, options);
  ASSERT_TRUE(translation.status.ok()) << translation.status;
  const auto model = BuildModel({x}, translation.outputs);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(*(*session)->Run(Tensor::Of<float>({1, 3}, {1, 2, 3})),
            Tensor::Of<float>({1, 3}, {11, 21, 31}));
  EXPECT_FALSE(Translate(lambda, {x}, false).status.ok());  // the defaults are not in the code
}

// On Windows Keras made every backslash, also the opcode of unpacking, a slash.
TEST(Function, RepairsWhatWindowsDamaged) {
  const std::string source = "def f(args):\n    a, b = args\n    return a - b";
  for (const char* version : {"2.7", "3.6", "3.10", "3.11"}) {
    std::string bytes;
    ASSERT_TRUE(absl::Base64Unescape(PayloadOf(source, version), &bytes));
    const std::string damaged = absl::StrReplaceAll(bytes, {{"\\", "/"}});
    ASSERT_NE(damaged, bytes);
    const auto lambda = ReadPayload(damaged);
    ASSERT_TRUE(lambda.ok()) << version << ": " << lambda.status();
    const Translation translation = Translate(*lambda, {Input2(), Input2()}, true);
    EXPECT_TRUE(translation.status.ok()) << translation.status;
  }
}

TEST(Function, KeepsItsBudgets) {
  const LambdaFunction loop =
      Read(PayloadOf("def f(x):\n    i = 0\n    while i < 3:\n        x = x * 2\n        i += 1\n"
                     "    return x",
                     "3.11"));
  TranslateOptions options;
  options.limits.max_steps = 20;
  EXPECT_THAT(Translate(loop, {Input2()}, false, options).status.message(),
              HasSubstr("more than 20 steps"));
  options.limits = {};
  options.limits.max_values = 2;
  EXPECT_THAT(Translate(loop, {Input2()}, false, options).status.message(),
              HasSubstr("more than 2 operations on tensors"));
  const LambdaFunction nested =
      Read(PayloadOf("f = lambda x: (lambda f: f(f(x)))(lambda v: v * v + 1)", "3.9"));
  options.limits = {};
  options.limits.max_calls = 1;
  EXPECT_THAT(Translate(nested, {Input2()}, false, options).status.message(),
              HasSubstr("more than 1 calls inside of one another"));
}

// Of 1: 0.2 + 0.5, or relu6(4) / 6.
TEST(Function, HardSigmoidIsThatOfItsKeras) {
  struct {
    const char* name;
    int keras_major;
    float expected;
  } const kCalls[] = {
      {"keras.activations.hard_sigmoid", 2, 0.7f}, {"keras.activations.hard_sigmoid", 3, 4.0f / 6},
      {"keras.backend.hard_sigmoid", 2, 0.7f},     {"keras.backend.hard_sigmoid", 3, 0.7f},
      {"keras.ops.hard_sigmoid", 3, 4.0f / 6},
  };
  for (const auto& call : kCalls) {
    SCOPED_TRACE(absl::StrCat(call.name, " of Keras ", call.keras_major));
    const Value x = Input2();
    const Translation translation =
        CallKnown(call.name, {{CallArgument{x}}}, {}, {.keras_major = call.keras_major});
    ASSERT_TRUE(translation.status.ok()) << translation.status;
    const auto model = BuildModel({x}, translation.outputs);
    ASSERT_TRUE(model.ok()) << model.status();
    const auto session = Session::Create(*model);
    ASSERT_TRUE(session.ok()) << session.status();
    const auto y = (*session)->Run(Tensor::Of<float>({1, 3}, {1, -9, 9}));
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_TRUE(AllClose(*y, Tensor::Of<float>({1, 3}, {call.expected, 0, 1}), 1e-6, 1e-6).ok());
  }
}

TEST(Function, AppliesKnownCalls) {
  const Value x = Input2();
  const Translation mean =
      CallKnown("keras.ops.mean", {{CallArgument{x}}}, {{"axis", CallArgument{ConfigValue(1)}}});
  ASSERT_TRUE(mean.status.ok()) << mean.status;
  EXPECT_EQ(mean.outputs[0].type().ToString(), "float32[batch]");
  const Translation wrong =
      CallKnown("keras.ops.mean", {{CallArgument{x}}}, {{"axis", CallArgument{ConfigValue(7)}}});
  EXPECT_THAT(wrong.status.message(), HasSubstr("axis 7"));
  const Translation none = CallKnown("tf.no_such_thing", {}, {});
  ASSERT_EQ(none.missing.size(), 1u);
  EXPECT_EQ(none.missing[0].kind, MissingItem::Kind::kCall);
  EXPECT_GE(KnownCallNames().size(), 300u);
  EXPECT_TRUE(IsKnownCall("tensorflow.keras.backend.mean"));
}

// Complex tensors are no results, and no arguments of what does not know them.
TEST(Function, ComplexTensorsStayInside) {
  const Value x = Input2();
  const Translation whole = CallKnown("tf.signal.rfft", {{CallArgument{x}}}, {});
  EXPECT_THAT(whole.status.message(), HasSubstr("found a complex tensor"));
  const Translation type =
      CallKnown("tf.cast", {{CallArgument{x}}, {CallArgument{ConfigValue("complex64")}}}, {});
  EXPECT_THAT(type.status.message(), HasSubstr("found a complex tensor"));
}

TEST(Function, YieldsShapes) {
  const LambdaFunction lambda = Read(PayloadOf("f = lambda x: (x, x * x)", "3.8"));
  // A tuple times a tuple.
  EXPECT_FALSE(TranslateShape(lambda, {PartialShape({Dim(), 3})}, false).ok());
  const LambdaFunction slice = Read(PayloadOf("f = lambda x: x[..., None]", "3.8"));
  EXPECT_FALSE(TranslateShape(slice, {PartialShape({Dim(), 3})}, false).ok());
  const LambdaFunction one = Read(PayloadOf("f = lambda x: [x, x + 1]", "3.8"));
  EXPECT_FALSE(TranslateShape(one, {PartialShape({Dim(), 3})}, false).ok());
  const LambdaFunction same =
      Read(PayloadOf("f = lambda x: x if isinstance(x, list) is False else x[0]", "3.8"));
  const auto shape = TranslateShape(same, {PartialShape({Dim(), 3})}, false);
  ASSERT_TRUE(shape.ok()) << shape.status();
  EXPECT_EQ((*shape)[0].ToString(), "[?,3]");
}

}  // namespace
}  // namespace nomograph::keras
