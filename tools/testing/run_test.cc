// nomo run, end to end.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/onednn/bfloat16.h"
#include "nomograph/data/csv.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npz.h"
#include "nomograph/data/png.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void Expect(const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; }

// White at (0,0), black elsewhere.
Tensor Spot(const Shape& shape) {
  Tensor image(DType::kUInt8, shape);
  image.mutable_data<uint8_t>()[0] = 255;
  return image;
}

class RunTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    SaveTestModels();
    Expect(WriteNpy(TempPath("rows.npy"), Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6})));
    Expect(WriteNpy(TempPath("doubles.npy"), Tensor::Of<double>({1, 3}, {1, 2, 3})));
    Expect(WriteNpy(TempPath("flat.npy"), Tensor::Of<float>({3}, {1, 2, 3})));
    Expect(WriteNpz(TempPath("pair.npz"), {{"a", Tensor::Of<float>({1, 2}, {1, 2})},
                                           {"b", Tensor::Of<float>({1, 2}, {10, 20})},
                                           {"unused", Tensor::Scalar(1.0f)}}));
    Expect(WriteNpz(TempPath("one.npz"), {{"whatever", Tensor::Of<float>({1, 3}, {1, 2, 3})}}));
    Expect(WritePng(TempPath("spot.png"), Spot({16, 16, 1})));
    Expect(WritePng(TempPath("black.png"), Tensor(DType::kUInt8, {16, 16, 3})));
    Expect(WritePng(TempPath("big.png"), Tensor(DType::kUInt8, {64, 32, 3})));
    for (const char* folder : {"pictures", "none"})
      std::filesystem::create_directories(TempPath(folder));
    Expect(WritePng(TempPath("pictures/spot.png"), Spot({16, 16, 1})));
    Expect(WritePng(TempPath("pictures/a black one.PNG"), Tensor(DType::kUInt8, {16, 16, 3})));
    WriteContents("pictures/read.me", "no picture");
    WriteContents("rows.csv", "u,v,w\n1,2,3\n4,5,6\n");
    WriteContents("short.csv", "1,2\n4,5\n");
    WriteContents("words.csv", "1,2,3\n4,five,6\n");
    WriteContents("labels.txt", "Katze\nHund\nEule\n");
    WriteContents("two_labels.txt", "cat\ndog\n");
    WriteContents("junk.npy", "no array");
    WriteContents("junk.png", "no image");
  }
};

TEST_F(RunTest, PrintsOutputs) {
  struct Case {
    const char* arguments;
    const char* out;
  };
  constexpr Case kCases[] = {
      {"affine.nomo --input x=rows.npy",
       "affine  float32[2,3]\n  [[ 3,  5,  7],\n   [ 9, 11, 13]]\n"},
      {"affine.nomo -i rows.npy", "affine  float32[2,3]\n  [[ 3,  5,  7],\n   [ 9, 11, 13]]\n"},
      {"affine.nomo -i rows.csv", "affine  float32[2,3]\n  [[ 3,  5,  7],\n   [ 9, 11, 13]]\n"},
      {"affine.nomo -i rows.npy --precision=float32",
       "affine  float32[2,3]\n  [[ 3,  5,  7],\n   [ 9, 11, 13]]\n"},
      {"affine.nomo -i rows.npy --exact",
       "affine  float32[2,3]\n  [[ 3,  5,  7],\n   [ 9, 11, 13]]\n"},
      {"affine.nomo -i rows.npy --batch 1",
       "affine  float32[2,3]\n  [[ 3,  5,  7],\n   [ 9, 11, 13]]\n"},
      {"affine.nomo -i rows.npy -i rows.csv",
       "affine  float32[4,3]\n  [[ 3,  5,  7],\n   [ 9, 11, 13],\n   [ 3,  5,  7],\n   [ 9, 11, "
       "13]]\n"},
      {"affine.nomo -i one.npz", "affine  float32[1,3]\n  [[3, 5, 7]]\n"},
      {"affine.nomo -i x=one.npz", "affine  float32[1,3]\n  [[3, 5, 7]]\n"},
      {"affine.nomo -i doubles.npy --cast", "affine  float32[1,3]\n  [[3, 5, 7]]\n"},
      {"pair.nomo -i pair.npz",
       "sum  float32[1,2]\n  [[11, 22]]\nproduct  float32[1,2]\n  [[10, 40]]\n"},
      {"pair.nomo -i a=pair.npz -i b=pair.npz",
       "sum  float32[1,2]\n  [[11, 22]]\nproduct  float32[1,2]\n  [[10, 40]]\n"},
      {"tenfold.nomo -i random:1x2", "y  float32[1,2]\n"},
      {"affine.nomo -i rows.npy --repeat 1", "]]\nstart  "},
      {"affine.nomo -i rows.npy --repeat 1", "\nmemory  "},
      {"affine.nomo -i rows.npy --threads 2", "affine  float32[2,3]\n  [[ 3,  5,  7],"},
      {"affine.nomo -i rows.npy --batch 1 --repeat 3", " ms a run (median of 3 runs; "},
      {"classifier.nomo -i spot.png", "scores  float32[1,3]\n  [[0.125,  0.25, 0.625]]\n"},
      {"classifier.nomo -i black.png",
       "scores  float32[1,3]\n  [[0.333333, 0.333333, 0.333333]]\n"},
      {"classifier.nomo -i big.png --resize", "[[0.333333, 0.333333, 0.333333]]\n"},
  };
  for (const Case& c : kCases) {
    const CliResult result = Nomo(std::string("run ") + c.arguments);
    EXPECT_EQ(result.exit_code, 0) << c.arguments << "\n" << result.err;
    EXPECT_THAT(result.out, HasSubstr(c.out)) << c.arguments;
    EXPECT_THAT(result.err, IsEmpty()) << c.arguments;
  }
}

TEST_F(RunTest, RefusesWrongInputs) {
  struct Case {
    const char* arguments;
    int exit_code;
    const char* message;
  };
  constexpr Case kCases[] = {
      {"affine.nomo", 2,
       "nomo run: input \"x\" (float32[batch,3]) is missing: give it as --input x=FILE, or --input "
       "x=random\n"},
      {"affine.nomo -i y=rows.npy", 2, "there is no input \"y\"; the only input is \"x\""},
      {"pair.nomo -i c=rows.npy", 2, "there is no input \"c\"; there are the inputs \"a\", \"b\""},
      {"pair.nomo -i rows.npy", 2, "the model has 2 inputs; write --input NAME=rows.npy"},
      {"pair.nomo -i a=random", 2, "input \"b\" (float32[batch,2]) is missing"},
      {"pair.nomo -i a=random:2x2 -i b=random:3x2", 2,
       "input \"b\": axis 0 (batch) is 3, but input \"a\" has 2"},
      {"pair.nomo -i one.npz", 2, "\"one.npz\" has the arrays whatever, of which none is an input"},
      {"affine.nomo -i doubles.npy", 2,
       "expected float32[batch,3], found float64[1,3] (--cast converts it)"},
      {"affine.nomo -i flat.npy", 2,
       "input \"x\": expected float32[batch,3], found float32[3] (one example has the shape "
       "[1,3])"},
      {"affine.nomo -i none", 2, "folder \"none\" has no .png and no .jpg"},
      {"classifier.nomo -i random:1x1x16x16", 2,
       "(its channels are axis 1; expected as the last axis)"},
      {"affine.nomo -i short.csv", 2, "input \"x\": expected float32[batch,3], found float32[2,2]"},
      {"affine.nomo -i spot.png", 2, "input \"x\": "},
      {"affine.nomo -i rows.xyz", 2, "found \"rows.xyz\""},
      {"affine.nomo -i rows.npy --repeat 0", 2, "--repeat"},
      {"affine.nomo -i random:2xthree", 2, "\"2xthree\" is no shape"},
      {"affine.nomo -i random:2x4", 2, "expected float32[batch,3], found float32[2,4]"},
      {"affine.nomo -i nowhere.npy", 3, "cannot open \"nowhere.npy\": No such file or directory"},
      {"affine.nomo -i junk.npy", 3, "junk.npy"},
      {"affine.nomo -i words.csv", 3, "words.csv"},
      {"classifier.nomo -i junk.png", 3, "junk.png"},
      {"classifier.nomo -i big.png", 2,
       "input \"image\": \"big.png\" is 32 pixels wide and 64 high; expected 16 wide and 16 high "
       "(--resize makes it fit)"},
      {"missing.nomo -i random", 4, "missing.nomo: the model cannot run here:\n"},
      {"ring.nomo -i random", 4, "no op acme.Ring is registered"},
      {"affine.nomo -i random -o y=out.npy", 2,
       "there is no output \"y\"; the only output is \"affine\""},
      {"affine.nomo -i random -o affine=out.txt", 2, "expected a .npy or .csv file"},
      {"pair.nomo -i a=random -i b=random -o out.npy", 2,
       "the model has 2 outputs; write --output NAME=out.npy"},
      {"affine.nomo -i random -o rows.npy/out.npy", 5, "rows.npy"},
      {"affine.nomo -i random -o /dev/full/out.npy", 5, "/dev/full"},
      {"classifier.nomo -i random --top-k 2 --labels nowhere.txt", 3, "nowhere.txt"},
      {"classifier.nomo -i random --top-k 2 --labels two_labels.txt", 2,
       "there are 2 labels for 3 classes"},
      {"affine.nomo -i rows.npy -o - --json", 2, "both want standard output"},
      {"affine.nomo -i rows.npy -o - --repeat 2", 2, "both want standard output"},
      {"affine.nomo -i rows.npy --scale 1/255", 2, "are for pictures, and no input is one"},
      {"classifier.nomo -i random --resize", 2, "are for pictures, and no input is one"},
      {"affine.nomo -i rows.npy --memory-limit 1", 4, "the limit is 1 B"},
      {"affine.nomo -i rows.npy --lambda-file nowhere.txt", 3, "cannot open \"nowhere.txt\""},
  };
  for (const Case& c : kCases) {
    const CliResult result = Nomo(std::string("run ") + c.arguments);
    EXPECT_EQ(result.exit_code, c.exit_code) << c.arguments << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(c.message)) << c.arguments;
  }
}

TEST_F(RunTest, ListsEveryMissingOp) {
  const CliResult result = Nomo("run missing.nomo -i random");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("node \"first\" (acme.Missing): no op acme.Missing is registered"),
                    HasSubstr("(version 2 is needed); it is provided by //acme:ops"),
                    HasSubstr("node \"second\" (nn.Sofplus): no op nn.Sofplus is registered "
                              "(version 1 is needed; did you mean nn.Softplus")));
}

TEST_F(RunTest, SaysWhereBFloat16IsEmulated) {
  const CliResult result = Nomo("run affine.nomo -i rows.npy --precision=bfloat16");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "affine  float32[2,3]\n  [[ 3,  5,  7],\n   [ 9, 11, 13]]\n");
  const std::string note =
      "nomo run: note: bfloat16 is emulated on this machine: slower than float32\n";
  EXPECT_EQ(result.err, HasBFloat16() ? "" : note);
  EXPECT_EQ(
      Nomo("check affine.nomo --precision=bfloat16").out.find("emulated") == std::string::npos,
      HasBFloat16());
  EXPECT_EQ(Nomo("run affine.nomo -i rows.npy --precision=bfloat16 --exact").exit_code, 2);
}

TEST_F(RunTest, RunsOpsOfALibrary) {
  Expect(WriteNpy(TempPath("two.npy"), Tensor::Of<float>({1, 2}, {1, 2})));
  const std::string library = " --op-library " + AcmeOps();
  EXPECT_THAT(Nomo("run tenfold.nomo -i two.npy").out, HasSubstr("[[10, 20]]"));  // the body
  // The kernel, which this library has wrong.
  EXPECT_THAT(Nomo("run twofold.nomo -i two.npy").out, HasSubstr("[[2, 4]]"));
  EXPECT_THAT(Nomo("run twofold.nomo -i two.npy" + library).out, HasSubstr("[[3, 6]]"));
  const CliResult io = Nomo("run ring.nomo -i two.npy" + library);
  EXPECT_EQ(io.exit_code, 4);
  EXPECT_THAT(io.err, HasSubstr("op acme.Ring has the effect io"));
  EXPECT_THAT(Nomo("run ring.nomo -i two.npy --allow-io acme.Ring" + library).out,
              HasSubstr("[[1, 2]]"));
}

TEST_F(RunTest, RandomInputsAreKeyedBySeed) {
  const std::string one = Nomo("run affine.nomo -i random").out;
  EXPECT_EQ(one, Nomo("run affine.nomo -i x=random:0").out);
  EXPECT_NE(one, Nomo("run affine.nomo -i random:1").out);
  EXPECT_THAT(one, HasSubstr("affine  float32[1,3]\n"));
  EXPECT_THAT(Nomo("run affine.nomo -i random --batch 5").out, HasSubstr("affine  float32[5,3]\n"));
  EXPECT_THAT(Nomo("run affine.nomo -i random:7:4x3").out, HasSubstr("affine  float32[4,3]\n"));
}

TEST_F(RunTest, TrainingIsKeyedBySeedAndStep) {
  const std::string inference = Nomo("run random.nomo -i random").out;
  EXPECT_EQ(inference, Nomo("run random.nomo -i random --seed 5").out);
  const std::string training = Nomo("run random.nomo -i random --training --seed 5").out;
  EXPECT_EQ(training, Nomo("run random.nomo -i random --training --seed 5 --step 0").out);
  EXPECT_NE(training, inference);
  EXPECT_NE(training, Nomo("run random.nomo -i random --training --seed 6").out);
  EXPECT_NE(training, Nomo("run random.nomo -i random --training --seed 5 --step 1").out);
}

TEST_F(RunTest, BestClasses) {
  EXPECT_EQ(Nomo("run classifier.nomo -i spot.png -i black.png --top-k 2").out,
            "scores  float32[2,3]\n"
            "  picture  class  label  probability\n"
            "  spot.png  2  owl  0.625\n"
            "  spot.png  1  dog  0.25\n"
            "  black.png  0  cat  0.3333\n"
            "  black.png  1  dog  0.3333\n");
  // Of a folder, by their names, and not what else is in it.
  for (const char* input : {"pictures", "pictures/", "image=pictures"}) {
    EXPECT_EQ(Nomo(absl::StrCat("run classifier.nomo --top-k 1 -i ", input)).out,
              "scores  float32[2,3]\n"
              "  picture  class  label  probability\n"
              "  a black one.PNG  0  cat  0.3333\n"
              "  spot.png  2  owl  0.625\n")
        << input;
  }
  EXPECT_EQ(Nomo("run classifier.nomo -i spot.png --top-k 1 --labels labels.txt").out,
            "scores  float32[1,3]\n"
            "  picture  class  label  probability\n"
            "  spot.png  2  Eule  0.625\n");
  // More than there are, and numbers that are no probabilities.
  EXPECT_EQ(Nomo("run affine.nomo -i one.npz --top-k 9").out,
            "affine  float32[1,3]\n"
            "  row  class  score\n"
            "  0  2  7\n"
            "  0  1  5\n"
            "  0  0  3\n");
}

TEST_F(RunTest, WritesOutputs) {
  const Tensor expected = Tensor::Of<float>({2, 3}, {3, 5, 7, 9, 11, 13});
  EXPECT_EQ(Nomo("run affine.nomo -i rows.npy -o new/out.npy --parents").out,
            "wrote new/out.npy  float32[2,3]\n");
  EXPECT_EQ(*ReadNpy(TempPath("new/out.npy")), expected);
  EXPECT_EQ(Nomo("run affine.nomo -i rows.npy -o affine=out.csv").exit_code, 0);
  EXPECT_EQ(Contents("out.csv"), "3,5,7\n9,11,13\n");
  EXPECT_EQ(Nomo("run pair.nomo -i pair.npz -o folder/").out,
            "wrote folder/sum.npy  float32[1,2]\nwrote folder/product.npy  float32[1,2]\n");
  EXPECT_EQ(*ReadNpy(TempPath("folder/product.npy")), Tensor::Of<float>({1, 2}, {10, 40}));
  EXPECT_EQ(Nomo("run pair.nomo -i pair.npz -o all.npz").out, "wrote all.npz  all outputs\n");
  EXPECT_EQ(ReadNpz(TempPath("all.npz"))->at("sum"), Tensor::Of<float>({1, 2}, {11, 22}));
}

TEST_F(RunTest, WritesToStandardOutputWhatIsAskedForAlone) {
  const Tensor expected = Tensor::Of<float>({2, 3}, {3, 5, 7, 9, 11, 13});
  EXPECT_EQ(*ParseNpy(Nomo("run affine.nomo -i rows.npy -o - -o beside.npy").out), expected);
  EXPECT_EQ(*ReadNpy(TempPath("beside.npy")), expected);
  const std::string pipe = "cd '" + TempPath(".") + "' && '" + NomoPath() +
                           "' run affine.nomo -i - -o - <rows.npy >piped.npy";
  EXPECT_EQ(std::system(pipe.c_str()), 0);
  EXPECT_EQ(*ReadNpy(TempPath("piped.npy")), expected);
  EXPECT_THAT(Nomo("run affine.nomo -i -").err, HasSubstr("standard input"));
  const CliResult full = Nomo("run affine.nomo -i rows.npy -o -", "/dev/full");
  EXPECT_EQ(full.exit_code, 5);
  EXPECT_EQ(full.err, "nomo run: standard output cannot be written to\n");
  // What is there already stays.
  const std::string command = "cd '" + TempPath(".") + "' && { echo first; '" + NomoPath() +
                              "' run affine.nomo -i rows.npy -o -; } >both.bin";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(Contents("both.bin"), testing::StartsWith("first\n\x93NUMPY"));
}

TEST_F(RunTest, AModelOfNothing) {
  ASSERT_TRUE(Save(Model(), TempPath("nothing.nomo")).ok());
  const CliResult result = Nomo("run nothing.nomo -i random");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Nomo("compare nothing.nomo --exact-vs-fast").out, "no values that both have\n");
}

// A slip of the pen is an error, never a folder, and no other tensor than the one that was named.
TEST_F(RunTest, RefusesOutputsOfNoKind) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"out.json", "outputs are written as .npy, .npz or .csv; end it with / for a folder"},
      {"x.NPY", "end it with / for a folder"},
      {"nosuchdir/out.npy", "there is no folder \"nosuchdir\" (--parents makes it)"},
      {"nosuchdir/deeper/", "nosuchdir/deeper"},
      {"x=y.npy", "there is no output \"x\"; the only output is \"affine\"; nomo dump"},
  };
  for (const auto& [output, message] : cases) {
    const CliResult result = Nomo("run affine.nomo -i rows.npy -o " + output);
    EXPECT_NE(result.exit_code, 0) << output;
    EXPECT_THAT(result.err, HasSubstr(message)) << output;
    EXPECT_FALSE(std::filesystem::exists(TempPath(output))) << output;
  }
  // Standard output, and no folder of that name.
  EXPECT_EQ(Nomo("run affine.nomo -i rows.npy -o -", "piped.npy").exit_code, 0);
  EXPECT_EQ(*ReadNpy(TempPath("piped.npy")), Tensor::Of<float>({2, 3}, {3, 5, 7, 9, 11, 13}));
  EXPECT_FALSE(std::filesystem::exists(TempPath("-")));
}

TEST_F(RunTest, TakesNumbersFromTheCommandLine) {
  // 2 x + 1, x in rows of 3.
  EXPECT_THAT(Nomo("run affine.nomo -i '[1, 2, 3]'").out, HasSubstr("[3, 5, 7]"));
  EXPECT_THAT(Nomo("run affine.nomo -i 'x=[[1,2,3],[4,5,6]]'").out, HasSubstr("[ 9, 11, 13]"));
  EXPECT_THAT(Nomo("run affine.nomo -i '[[1,2],[3]]'").err, HasSubstr("this list has 1 elements"));
  EXPECT_THAT(Nomo("run affine.nomo -i '[1,2'").err, HasSubstr("a bracket is not closed"));
  EXPECT_THAT(Nomo("run affine.nomo -i '[1,x,3]'").err, HasSubstr("\"x\" is no float32"));
  EXPECT_THAT(Nomo("run affine.nomo -i 7").err, HasSubstr("expected float32[batch,3]"));
}

TEST_F(RunTest, RandomIsForAllInputsAndStaysInItsRange) {
  EXPECT_EQ(Nomo("run pair.nomo -i random").exit_code, 0);
  EXPECT_EQ(Nomo("run affine.nomo -i random:3:4x3:5..6 -o drawn.npy").exit_code, 0);
  const Tensor drawn = *ReadNpy(TempPath("drawn.npy"));
  ASSERT_EQ(drawn.shape(), Shape({4, 3}));
  for (const float y : drawn.data<float>()) {
    EXPECT_GE(y, 2 * 5 + 1);
    EXPECT_LE(y, 2 * 6 + 1);
  }
  EXPECT_THAT(Nomo("run affine.nomo -i random:6..5").err,
              HasSubstr("no random numbers of float32"));
  EXPECT_THAT(Nomo("run affine.nomo -i random:a..b").err, HasSubstr("is no range"));
}

TEST_F(RunTest, AsJson) {
  const auto json =
      nlohmann::json::parse(Nomo("run affine.nomo -i rows.npy --json --repeat 3 --warmup 1").out);
  EXPECT_EQ(json["schema"], "nomograph.run.1");
  EXPECT_EQ(json["outputs"][0]["name"], "affine");
  EXPECT_EQ(json["outputs"][0]["values"], nlohmann::json({3, 5, 7, 9, 11, 13}));
  EXPECT_EQ(json["times"]["runs"], 3);
  EXPECT_LE(json["times"]["p90_seconds"], json["times"]["max_seconds"]);
}

TEST_F(RunTest, ChecksThatOutputsAreFinite) {
  EXPECT_EQ(Nomo("run affine.nomo -i '[1,2,3]' --check-finite").exit_code, 0);
  const CliResult result = Nomo("run affine.nomo -i '[nan,2,inf]' --check-finite");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("output \"affine\" has 1 NaN and 1 infinite of 3 values"));
}

}  // namespace
}  // namespace nomograph
