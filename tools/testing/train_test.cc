// nomo train, end to end: a model of two layers learns a table.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npz.h"
#include "nomograph/data/pipeline/example.h"
#include "nomograph/data/pipeline/tfrecord.h"
#include "nomograph/data/png.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/tools/testing/cli.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kGoals[] =
    " --loss sparse_categorical_crossentropy:from_logits --metrics accuracy --optimizer "
    "adam:learning_rate=0.05 ";

// Whether x0 > x1, in every form in which data may come.
class TrainTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(Save(Sequential({Input({2}, {.name = "x"}), Dense(8, {.activation = "tanh"}),
                                 Dense(2, {.name = "scores"})})
                         .Build(),
                     TempPath("model.nomo"))
                    .ok());
    ASSERT_TRUE(
        Save(Sequential({Input({4, 4, 1}), Flatten(), Dense(2)}).Build(), TempPath("pictures.nomo"))
            .ok());
    // Channels first, as PyTorch has them.
    ASSERT_TRUE(
        Save(Sequential({Input({1, 5, 5}), Flatten(), Dense(2, {.name = "scores"})}).Build(),
             TempPath("chw.nomo"))
            .ok());
    const Input left({1}, {.name = "a"}), right({1}, {.name = "b"});
    const Value both = Dense(8, {.activation = "tanh"})(Concatenate()({left, right}));
    ASSERT_TRUE(
        Save(BuildModel({left, right}, {Dense(2, {.name = "scores"})(both)}), TempPath("two.nomo"))
            .ok());
    constexpr int64_t kRows = 64;
    Tensor x(DType::kFloat32, {kRows, 2}), y(DType::kInt64, {kRows});
    std::string table = "a,b,greater\n", named = "a,scores,b\n";
    std::string names = "a,b,which\n";
    auto records = TfRecordWriter::Create(TempPath("data.tfrecord"));
    ASSERT_TRUE(records.ok());
    for (int64_t i = 0; i < kRows; ++i) {
      const float a = static_cast<float>(i % 8) / 4 - 1, b = static_cast<float>(i / 8) / 4 - 0.9f;
      x.mutable_data<float>()[2 * i] = a;
      x.mutable_data<float>()[2 * i + 1] = b;
      y.mutable_data<int64_t>()[i] = a > b;
      absl::StrAppend(&table, a, ",", b, ",", a > b ? 1 : 0, "\n");
      absl::StrAppend(&named, a, ",", a > b ? 1 : 0, ",", b, "\n");
      absl::StrAppend(&names, a, ",", b, ",", a > b ? "more, then" : "less", "\n");
      ASSERT_TRUE(records
                      ->Write(SerializeExample({{"x", std::vector<float>{a, b}},
                                                {"scores", std::vector<int64_t>{a > b}}}))
                      .ok());
    }
    ASSERT_TRUE(records->Finish().ok());
    WriteContents("data.csv", table);
    WriteContents("named.csv", named);
    WriteContents("names.csv", absl::StrReplaceAll(names, {{"more, then", "\"more, then\""}}));
    WriteContents("other.csv", "a,b,which\n0.5,0,more\n0,0.5,less\n");
    WriteContents("three.csv", "a,b,which\n0.5,0,p\n0,0.5,q\n0.1,0.5,r\n");
    ASSERT_TRUE(WriteNpy(TempPath("x.npy"), x).ok());
    ASSERT_TRUE(WriteNpy(TempPath("y.npy"), y).ok());
    ASSERT_TRUE(WriteNpz(TempPath("data.npz"), {{"x", x}, {"y", y}}).ok());
    ASSERT_EQ(system(absl::StrCat("mkdir -p ", TempPath("folder"), "/black ", TempPath("folder"),
                                  "/white")
                         .c_str()),
              0);
    for (int i = 0; i < 8; ++i) {
      const Tensor picture = Tensor::Full(DType::kUInt8, {4, 4, 1}, i % 2 == 0 ? 3 * i : 255 - i);
      const std::string path =
          TempPath(absl::StrCat("folder/", i % 2 == 0 ? "black" : "white", "/", i, ".png"));
      ASSERT_TRUE(WritePng(path, picture).ok());
    }
  }
};

TEST_F(TrainTest, EveryFormOfDataIsLearned) {
  for (const char* arguments :
       {"model.nomo -d data.npz", "model.nomo -d data.csv", "model.nomo -d data.tfrecord",
        "model.nomo -d named.csv --csv-target scores", "two.nomo -d named.csv",
        "model.nomo -d x=x.npy -d scores=y.npy", "pictures.nomo -d folder --scale 1/255",
        "model.nomo -d names.csv", "chw.nomo -d folder --scale 1/255 --mean 0.5 --std 0.5",
        "model.nomo -d data.npz --precision=bfloat16"}) {
    const CliResult result =
        Nomo(absl::StrCat("train ", arguments, kGoals, "--epochs 40 -o out.nomo --force --json"));
    ASSERT_EQ(result.exit_code, 0) << arguments << result.err;
    const auto json = nlohmann::json::parse(result.out);
    EXPECT_EQ(json["schema"], "nomograph.train.1");
    EXPECT_EQ(json["epochs"].size(), 40u);
    EXPECT_GT(json["history"]["accuracy"].back().get<double>(), 0.9) << arguments;
    EXPECT_THAT(result.err, HasSubstr("Epoch 40/40 - 0s")) << arguments;
    EXPECT_EQ(Nomo("check out.nomo").exit_code, 0);
    EXPECT_THAT(Nomo("inspect out.nomo --tensors").out, Not(HasSubstr("bfloat16")));
  }
}

// What the model has learnt of a picture or a row, by its name.
std::string BestClass(const std::string& arguments) {
  const CliResult result = Nomo(absl::StrCat("run out.nomo --top-k 1 ", arguments));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

TEST_F(TrainTest, ClassesHaveNames) {
  const std::string train = absl::StrCat(kGoals, " -q --epochs 60 -o out.nomo --force");
  const std::string pixels = " --scale 1/255 --mean 0.5 --std 0.5";
  ASSERT_EQ(Nomo(absl::StrCat("train chw.nomo -d folder", pixels, train)).exit_code, 0);
  const std::string see = absl::StrCat(" --resize", pixels, " -i folder/");
  EXPECT_THAT(BestClass(see + "white/1.png"), HasSubstr("white"));
  EXPECT_THAT(BestClass(see + "black/0.png"), HasSubstr("black"));
  // The order that a model has its labels in stays.
  ASSERT_EQ(Nomo("edit chw.nomo --metadata labels=white,black -o labelled.nomo --force").exit_code,
            0);
  ASSERT_EQ(Nomo(absl::StrCat("train labelled.nomo -d folder", pixels, train)).exit_code, 0);
  EXPECT_THAT(Nomo("inspect out.nomo").out, HasSubstr("white,black"));
  EXPECT_THAT(BestClass(see + "white/1.png"), HasSubstr("white"));
  EXPECT_THAT(Nomo(absl::StrCat("evaluate out.nomo -d folder", pixels,
                                " --loss sparse_categorical_crossentropy:from_logits --metrics "
                                "accuracy"))
                  .out,
              HasSubstr("accuracy  1\n"));
  ASSERT_EQ(Nomo(absl::StrCat("train model.nomo -d names.csv", train)).exit_code, 0);
  EXPECT_THAT(BestClass("-i '[[0.9,-0.9]]'"), HasSubstr("more, then"));
  EXPECT_THAT(BestClass("-i '[[-0.9,0.9]]'"), HasSubstr("less"));
  const CliResult other = Nomo(
      "evaluate out.nomo -d other.csv --loss "
      "sparse_categorical_crossentropy:from_logits");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("nomo evaluate: \"other.csv\": expected classes among \"less\", "
                                   "\"more, then\", found \"more\""));
}

// The loss and accuracy of the last epoch's validation, and those that four outputs have by hand.
TEST_F(TrainTest, EvaluatesAsTrainingDoes) {
  const CliResult trained =
      Nomo(absl::StrCat("train model.nomo -d data.npz --validation-data data.csv", kGoals,
                        "--epochs 3 -q --exact -o out.nomo --force --json"));
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const std::string evaluate =
      " -d data.csv --loss sparse_categorical_crossentropy:from_logits --metrics accuracy --json";
  const CliResult result = Nomo(absl::StrCat("evaluate out.nomo --exact", evaluate));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto history = nlohmann::json::parse(trained.out)["history"];
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["schema"], "nomograph.evaluate.1");
  EXPECT_EQ(json["metrics"]["loss"], history["val_loss"].back());
  EXPECT_EQ(json["metrics"]["accuracy"], history["val_accuracy"].back());

  // Quantised models cannot be trained, but have an accuracy.
  ASSERT_EQ(Nomo("quantize out.nomo -i x.npy -o small.nomo --force").exit_code, 0);
  const CliResult quantized = Nomo(absl::StrCat("evaluate small.nomo", evaluate));
  ASSERT_EQ(quantized.exit_code, 0) << quantized.err;
  EXPECT_NEAR(nlohmann::json::parse(quantized.out)["metrics"]["accuracy"].get<double>(),
              json["metrics"]["accuracy"].get<double>(), 0.05);

  const Input x({2}, {.name = "x"});
  ASSERT_TRUE(Save(BuildModel({x}, {Dense(2, {.kernel_initializer = "ones", .name = "scores"})(x)}),
                   TempPath("ones.nomo"))
                  .ok());
  WriteContents("x.csv", "1,2\n0,0\n");  // whose outputs are 3, 3 and 0, 0
  WriteContents("y.csv", "2,4\n1,-1\n");
  EXPECT_EQ(Nomo("evaluate ones.nomo -d x=x.csv -d scores=y.csv --loss mse --metrics "
                 "mean_absolute_error")
                .out,
            "  metric  value\n  loss  1\n  mean_absolute_error  1\n");
}

TEST_F(TrainTest, TheCheckpointGoesOn) {
  const std::string flags = absl::StrCat("train model.nomo -d data.npz", kGoals,
                                         "--exact -q --force --early-stopping 50 ");
  ASSERT_EQ(Nomo(flags + "--epochs 6 -o whole.nomo").exit_code, 0);
  ASSERT_EQ(Nomo(flags + "--epochs 2 -o part.nomo --checkpoint point.nomo").exit_code, 0);
  const std::string resume =
      "--epochs 6 -o part.nomo --checkpoint point.nomo --resume --log log.csv";
  const CliResult other = Nomo(absl::StrCat("train model.nomo -d data.npz", kGoals,
                                            "--exact -q --force --epochs 6 -o part.nomo --resume "
                                            "--checkpoint point.nomo"));
  EXPECT_EQ(other.exit_code, 2);  // the checkpoint has the state of one more
  EXPECT_THAT(other.err, HasSubstr("the state of a callback \"EarlyStopping\""));
  ASSERT_EQ(Nomo(flags + resume).exit_code, 0);
  EXPECT_EQ(Contents("whole.nomo"), Contents("part.nomo"));
  EXPECT_THAT(Nomo("inspect point.nomo").out,
              AllOf(HasSubstr("optimizer/dense/kernel/m  variable  float32[2,8]"),
                    HasSubstr("train.epoch")));
}

// Weights in the branches of an If are not trained, which is said.
TEST_F(TrainTest, WeightsThatStayAreTold) {
  const Input x({2}, {.name = "x"});
  const Value y = Dense(2)(x);
  const auto branch = [](float number) {
    return [number](absl::Span<const Value> in) -> std::vector<Value> {
      Tensor matrix(DType::kFloat32, {2, 2});
      for (float& weight : matrix.mutable_data<float>()) weight = number;
      return {Call("math.MatMul", {in[0], Constant(matrix)})};
    };
  };
  const Value positive = Call("math.ReduceSum", {y}, {{"keepdims", false}}) > 0.0;
  auto model =
      BuildModel({x}, If(positive, {y}, branch(0.5f), branch(2)), {.output_names = {"scores"}});
  ASSERT_TRUE(model.ok()) << model.status();
  for (auto& [name, function] : model->functions) {
    for (Node& node : function.graph.nodes) {
      if (node.op != "core.Constant") continue;
      function.graph.weights.push_back(
          {.value = node.outputs[0], .tensor = node.attrs.TensorValue("value")});
    }
    std::erase_if(function.graph.nodes, [](const Node& n) { return n.op == "core.Constant"; });
    for (Weight& weight : function.graph.weights) weight.trainable = true;
  }
  ASSERT_TRUE(Save(*model, TempPath("branches.nomo")).ok());
  const auto result =
      Nomo(absl::StrCat("train branches.nomo -d data.npz -o trained.nomo --force", kGoals));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("note: 2 weights in functions"));
}

TEST_F(TrainTest, FaultsNameThePlace) {
  struct Case {
    std::string arguments;
    int exit_code;
    const char* message;
  };
  WriteContents("log.txt", "text");
  WriteContents("cut.npz", Contents("data.npz").substr(0, 300));
  const Case cases[] = {
      {absl::StrCat("-d none.npz", kGoals), 3, "none.npz"},
      {absl::StrCat("-d x=x.npy", kGoals), 2, "target \"scores\" is missing"},
      {absl::StrCat("-d z=x.npy", kGoals), 2, "there is no input or output \"z\" in x, scores"},
      {absl::StrCat("-d x.txt", kGoals), 3, "there is no file or folder \"x.txt\""},
      {absl::StrCat("-d log.txt", kGoals), 2, "\"log.txt\": expected NAME=FILE"},
      {absl::StrCat("-d data.csv --mean 0.5", kGoals), 2,
       "--mean, --std and --bgr are for a folder"},
      {absl::StrCat("-d data.csv --scale 0.5", kGoals), 2, "--scale is for pixels"},
      {absl::StrCat("-d names.csv --validation-data other.csv", kGoals), 2,
       "expected classes among \"less\", \"more, then\", found \"more\""},
      {"-d three.csv --loss mse", 2, "the target column holds 3 names (\"p\", \"q\", \"r\")"},
      {absl::StrCat("-d data.csv --csv-target greatre", kGoals), 2,
       "there is no column \"greatre\" (did you mean greater?)"},
      {"-d data.npz --loss mse --checkpoint nowhere/point.nomo", 5,
       "cannot write \"nowhere/point.nomo\": there is no folder \"nowhere\""},
      {"-d data.npz --loss mse --log folder", 5, "cannot write \"folder\": it is a folder"},
      {"-d cut.npz --loss mse", 3, "\"cut.npz\": it is no zip archive"},
      {"-d data.npz --loss means", 2, "there is no loss \"means\""},
      {"-d data.npz --loss out=mse", 2, "the model has no output \"out\""},
      {"-d data.npz --loss mse", 2, "target \"scores\": expected float32[batch,2]"},
      {"-d data.npz --loss mse --metrics acuracy", 2, "did you mean accuracy"},
      {"-d data.npz --loss mse --optimizer adma", 2, "there are sgd, adam"},
      {absl::StrCat("-d data.npz --freeze dens", kGoals), 2, "there is no weight \"dens\""},
      {absl::StrCat("-d data.npz --resume", kGoals), 2, "--checkpoint"},
      {absl::StrCat("-d data.npz --class-weight 1:2", kGoals), 2, "expected CLASS=WEIGHT"},
      {absl::StrCat("-d data.npz --class-weight 1=2 --class-weight 1=3", kGoals), 2,
       "class 1 has two weights"},
      {"-d data.npz --loss mse --optimizer adam:learning_rate=nan", 2,
       "learning_rate: expected a number that is not negative"},
      {"-d data.npz --loss mse --optimizer adam:schedule=cosine", 2, "there is no schedule"},
      {"-d data.npz --loss categorical_crossentropy", 2,
       "(sparse_categorical_crossentropy takes classes)"},
      {absl::StrCat("-d folder", kGoals), 2, "pictures are for a model with one input"},
      {"-d data.npz --loss sparse_categorical_crossentropy:from_logits --stop-on-nan --epochs 9 "
       "--optimizer sgd:learning_rate=1e38",
       1, "the first that was not finite came from node"},
  };
  for (const Case& c : cases) {
    const CliResult result = Nomo(absl::StrCat("train model.nomo -q -o never.nomo ", c.arguments));
    EXPECT_EQ(result.exit_code, c.exit_code) << c.arguments << result.err;
    EXPECT_THAT(result.err, AllOf(StartsWith("nomo train: "), HasSubstr(c.message))) << c.arguments;
  }
  EXPECT_NE(Nomo("inspect never.nomo").exit_code, 0);
  // Before hours of training, and not after them.
  const CliResult lost =
      Nomo(absl::StrCat("train model.nomo -d data.npz -o nowhere/out.nomo", kGoals));
  EXPECT_EQ(lost.exit_code, 5);
  EXPECT_EQ(lost.err,
            "nomo train: cannot write \"nowhere/out.nomo\": there is no folder \"nowhere\"\n");
}

}  // namespace
}  // namespace nomograph
