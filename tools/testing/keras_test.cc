// Keras models on the command line: out of a pipe, out of a folder, and what their files alone do
// not have.
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/tools/testing/cli.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

// Copies a file of the importer's tests to where the program runs.
void Fetch(const std::string& file, const std::string& name) {
  const auto bytes = ReadFile(absl::StrCat("serialization/keras/testdata/", file));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  WriteContents(name, *bytes);
}

TEST(KerasCli, FromAPipe) {
  Fetch("forms/keras1_gru.h5", "gru.h5");
  Fetch("forms/places3.keras", "places.keras");
  Fetch("forms/beside.json", "beside.json");
  Fetch("forms/beside.weights.h5", "other.h5");
  struct Case {
    const char *file, *flags, *kind;
  };
  for (const Case& c :
       {Case{"gru.h5", "", "Keras 1.1.0, HDF5"}, Case{"places.keras", "", "Keras 3.5.0, .keras"},
        Case{"beside.json", "--weights-file other.h5", "Keras, JSON"}}) {
    SCOPED_TRACE(c.file);
    const CliResult result =
        Nomo(absl::StrCat("inspect - ", c.flags, " <", c.file, " >piped.txt; true"));
    EXPECT_EQ(result.exit_code, 0);
    const std::string text = Contents("piped.txt");
    EXPECT_THAT(text, HasSubstr(c.kind));
    const CliResult named = Nomo(absl::StrCat("inspect ", c.file, " ", c.flags));
    EXPECT_EQ(named.exit_code, 0) << named.err;
    // All but the line that names the file.
    EXPECT_EQ(text.substr(text.find('\n')), named.out.substr(named.out.find('\n')));
  }
}

// The README's example. The number is that of the independent forward pass in
// testdata/reference.py.
TEST(KerasCli, ThreeCommands) {
  Fetch("models/carnd.h5", "carnd.h5");
  Fetch("road.png", "road.png");
  EXPECT_THAT(Nomo("inspect carnd.h5").out,
              HasSubstr("lambda_1 (Lambda of Python 3.3, 3.4 or 3.5): translated, body of "
                        "local.lambda_1\n    lambda x: x / 255.0 - 0.5\n"));
  EXPECT_EQ(Nomo("convert carnd.h5 carnd.nomo").exit_code, 0);
  const CliResult run = Nomo("run carnd.nomo --input road.png");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("dense_4  float32[1,1]\n  [[0.12488"));
}

TEST(KerasCli, OfTensorFlowJs) {
  std::filesystem::create_directories(TempPath("abalone"));
  Fetch("models/abalone/model.json", "abalone/model.json");
  Fetch("models/abalone/weights.bin", "abalone/weights.bin");
  const CliResult folder = Nomo("summary abalone");
  EXPECT_EQ(folder.exit_code, 0) << folder.err;
  EXPECT_THAT(folder.out, HasSubstr("3,051"));
  // Its weights lie beside the file.
  EXPECT_EQ(Nomo("inspect - <abalone/model.json 2>piped.err; true").exit_code, 0);
  EXPECT_THAT(Contents("piped.err"), HasSubstr("open model.json itself"));
}

TEST(KerasCli, WeightsAlone) {
  Fetch("forms/beside.weights.h5", "alone.h5");
  const CliResult result = Nomo("inspect alone.h5");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("it holds weights alone"));
  const CliResult folder = Nomo("inspect .");
  EXPECT_NE(folder.exit_code, 0);
  EXPECT_THAT(folder.err, HasSubstr("it is a directory"));
}

}  // namespace
}  // namespace nomograph
