// Documentation of ops, from declarations made for the purpose.
#include "nomograph/tools/report/op_doc.h"

#include "gtest/gtest.h"

namespace nomograph {
namespace {

OpDef Sample() {
  return OpDef("acme.Blend", 2)
      .Doc("Mixes images, e.g. two of them. The first is the base.")
      .TypeVar("T", kFloats)
      .Input("base", "T")
      .OptionalInput("mask", "bool")
      .VariadicInput("layers", "T", "", 2)
      .Output("y", "T")
      .Attr("mode", "over", "")
      .Choices({"over", "under"})
      .Attr("gain", 1.0, "")
      .Min(0)
      .Max(10)
      .RequiredAttr("axis", AttrType::kInt, "")
      .OptionalAttr("seed", AttrType::kInt, "")
      .Min(1);
}

TEST(OpDocTest, Signature) {
  EXPECT_EQ(OpSignature(Sample()),
            "y = acme.Blend(base, [mask], layers...; mode=\"over\", gain=1, axis, seed)");
  EXPECT_EQ(OpSignature(OpDef("acme.Now").Output("t", "int64").Attr("zone", "UTC", "")),
            "t = acme.Now(zone=\"UTC\")");
}

TEST(OpDocTest, OneLineIsTheFirstSentence) {
  EXPECT_EQ(OpOneLine(Sample()), "Mixes images, e.g. two of them");
  EXPECT_EQ(OpOneLine(OpDef("a.B").Doc("y = 0.5 x.")), "y = 0.5 x");
  EXPECT_EQ(OpOneLine(OpDef("a.B").Doc("First line\nsecond line.")), "First line");
  const std::string cut =
      OpOneLine(OpDef("a.B").Doc(std::string(300, 'x') + " " + std::string(90, 'y')));
  EXPECT_LE(cut.size(), 110u);
}

TEST(OpDocTest, AttributeRules) {
  const OpDef op = Sample();
  EXPECT_EQ(AttrRule(op.attrs[0]), "= \"over\", one of \"over\", \"under\"");
  EXPECT_EQ(AttrRule(op.attrs[1]), "= 1, in [0, 10]");
  EXPECT_EQ(AttrRule(op.attrs[2]), "required");
  EXPECT_EQ(AttrRule(op.attrs[3]), "optional, at least 1");
}

TEST(OpDocTest, NamesInOtherFormats) {
  EXPECT_TRUE(OpKnownAs(Sample()).empty());
  EXPECT_EQ(OpKnownAs(Sample()
                          .Known({.as = "onnx", .name = "Blend", .since = 11})
                          .Known({.as = "com.acme", .name = "Mix"})),
            (std::vector<std::string>{"ONNX Blend (opset 11)", "com.acme Mix"}));
}

TEST(OpDocTest, NamesInPython) {
  EXPECT_EQ(OpPythonText(Sample()), "");
  const OpDef op =
      Sample()
          .Known({.as = "onnx", .name = "Blend"})
          .Known({.as = "python", .name = "{tf,tf.math}.{mix,mixed},np.blend(x|x1,by=alpha:1)"});
  EXPECT_EQ(OpKnownAs(op), std::vector<std::string>{"ONNX Blend"});
  EXPECT_EQ(OpPythonNames(op), (std::vector<std::string>{"np.blend", "tf.math.mix", "tf.math.mixed",
                                                         "tf.mix", "tf.mixed"}));
  EXPECT_EQ(OpPythonText(op), "blend of np; mix, mixed of tf, tf.math");
}

TEST(OpDocTest, PicksTheExampleThatIsEasiestToRead) {
  OpDef op = Sample();
  EXPECT_FALSE(PickExample(op).has_value());
  op.Examples([] {
    return std::vector<Example>{{.name = "long", .inputs = {Tensor(DType::kFloat32, {100})}},
                                {.name = "short", .inputs = {Tensor(DType::kFloat32, {5})}},
                                {.name = "other type", .inputs = {Tensor(DType::kFloat16, {5})}}};
  });
  EXPECT_EQ(PickExample(op)->name, "short");
}

}  // namespace
}  // namespace nomograph
