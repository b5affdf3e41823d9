// nomo tune, and what commands do with a tuning beside the model, end to end.
#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

class TuneCommand : public testing::Test {
 protected:
  static void SetUpTestSuite() { SaveTestModels(); }
  void SetUp() override {
    for (const char* name : {"classifier.nomo.tuning", "affine.nomo.tuning", "other.tuning"}) {
      unlink(TempPath(name).c_str());
    }
  }

  static void Tune(const std::string& arguments) {
    const CliResult result = Nomo(absl::StrCat("tune ", arguments, " --threads 1 --duration 0.2"));
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  static Json Program(const std::string& arguments) {
    return Json::parse(
        Nomo(absl::StrCat("inspect ", arguments, " --program --threads 1 --json")).out, nullptr,
        false);
  }
};

TEST_F(TuneCommand, WritesWhatOtherCommandsFind) {
  EXPECT_EQ(Program("classifier.nomo")["measured"], 0);
  const CliResult result = Nomo("tune classifier.nomo --threads 1 --duration 0.2 --all");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_THAT(result.out, AllOf(HasSubstr("estimated"), HasSubstr("1 thread: the least times"),
                                HasSubstr("wrote classifier.nomo.tuning")));
  EXPECT_THAT(Contents("classifier.nomo.tuning"), StartsWith("nomograph tuning 1\nlibrary "));

  const Json program = Program("classifier.nomo");
  EXPECT_GT(program["measured"], 0);
  int64_t measured = 0;
  for (const Json& step : program["steps"]) measured += step["measured"] == true ? 1 : 0;
  EXPECT_EQ(program["measured"], measured);
  EXPECT_THAT(Nomo("inspect classifier.nomo --program --threads 1").out, HasSubstr("measured: "));
  EXPECT_EQ(Program("classifier.nomo --tuning none")["measured"], 0);
  for (const char* command :
       {"run classifier.nomo -i random --threads 1", "profile classifier.nomo --runs 1 --threads 1",
        "run classifier.nomo -i random --exact"}) {
    const CliResult quiet = Nomo(command);
    EXPECT_EQ(quiet.exit_code, 0) << command << quiet.err;
    EXPECT_THAT(quiet.err, IsEmpty()) << command;
  }
}

TEST_F(TuneCommand, ComputesTheSame) {
  const std::string run = "run classifier.nomo -i random:5 --threads 1 --json";
  const Json before = Json::parse(Nomo(run).out)["outputs"][0]["values"];
  Tune("classifier.nomo");
  const Json after = Json::parse(Nomo(run).out)["outputs"][0]["values"];
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(after[i].get<double>(), before[i].get<double>(), 1e-5);
  }
}

TEST_F(TuneCommand, WhatDoesNotHoldIsIgnoredAndSaidOnce) {
  Tune("classifier.nomo");
  const std::string good = Contents("classifier.nomo.tuning");
  const struct {
    const char* name;
    std::string contents;
    const char* arguments;
    const char* said;
  } kCases[] = {
      {"threads", good, "--threads 2", "is ignored: it was measured with 1 thread, and here are 2"},
      {"version", absl::StrReplaceAll(good, {{"\nlibrary ", "\nlibrary 9"}}), "--threads 1",
       "is ignored: it was measured with version 9"},
      {"model", absl::StrReplaceAll(good, {{"\nmodel ", "\nmodel 0"}}), "--threads 1",
       "is ignored: it was measured for another model"},
      {"processor", absl::StrReplaceAll(good, {{"\ncpu ", "\ncpu \x1b[1mz80 "}}), "--threads 1",
       "\\x1b[1mz80"},
      {"damage", absl::StrCat(good, "x"), "--threads 1", "expected a node, its form"},
      {"no tuning", "PK\x03\x04", "--threads 1", "line 1: expected `nomograph tuning 1`"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    WriteContents("classifier.nomo.tuning", c.contents);
    for (const char* command :
         {"run classifier.nomo -i random ", "profile classifier.nomo --runs 1 ",
          "inspect classifier.nomo --program "}) {
      const CliResult result = Nomo(absl::StrCat(command, c.arguments));
      EXPECT_EQ(result.exit_code, 0) << result.err;
      EXPECT_THAT(result.err, AllOf(StartsWith("nomo "), HasSubstr(": note: the tuning "),
                                    HasSubstr(c.said), Not(HasSubstr("\x1b"))));
      EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    }
  }
  // Forms that there are no more are nothing to speak of.
  WriteContents("classifier.nomo.tuning", absl::StrReplaceAll(good, {{"product", "gone"}}));
  const CliResult result = Nomo("run classifier.nomo -i random --threads 1");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(TuneCommand, ANamedFileMustBeThere) {
  Tune("classifier.nomo -o other.tuning");
  EXPECT_GT(Program("classifier.nomo --tuning other.tuning")["measured"], 0);
  const CliResult gone = Nomo("run classifier.nomo -i random --tuning gone.tuning");
  EXPECT_EQ(gone.exit_code, 3);
  EXPECT_THAT(gone.err, HasSubstr("gone.tuning"));
  EXPECT_EQ(Nomo("run classifier.nomo -i random --tuning classifier.nomo").exit_code, 3);
  EXPECT_EQ(Nomo("run classifier.nomo -i random --exact --tuning other.tuning").exit_code, 2);
  EXPECT_EQ(Nomo("inspect classifier.nomo --tuning other.tuning").exit_code, 2);
}

TEST_F(TuneCommand, KeepsWhatWasMeasuredForOtherShapes) {
  Tune("classifier.nomo");
  const std::string one = Contents("classifier.nomo.tuning");
  Tune("classifier.nomo --batch 3");
  const std::string both = Contents("classifier.nomo.tuning");
  EXPECT_THAT(both, HasSubstr("[3,"));
  EXPECT_EQ(std::count(both.begin(), both.end(), '\n') - 5,
            2 * (std::count(one.begin(), one.end(), '\n') - 5));
}

TEST_F(TuneCommand, WritesOverNothingElse) {
  const std::string model = Contents("affine.nomo");
  const CliResult result = Nomo("tune classifier.nomo --duration 0.1 -o affine.nomo");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--force"));
  EXPECT_EQ(Contents("affine.nomo"), model);
  EXPECT_EQ(Nomo("tune classifier.nomo --duration 0.1 -o no/where.tuning").exit_code, 5);
  EXPECT_EQ(Nomo("tune gone.nomo").exit_code, 3);
  EXPECT_EQ(Nomo("tune missing.nomo").exit_code, 4);
  EXPECT_EQ(Nomo("tune classifier.nomo --duration 0").exit_code, 2);
}

TEST_F(TuneCommand, AsJson) {
  const CliResult result = Nomo("tune classifier.nomo --threads 1 --duration 0.2 --json");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out, nullptr, false);
  EXPECT_EQ(json["schema"], "nomograph.tune.1");
  EXPECT_EQ(json["file"], "classifier.nomo");
  EXPECT_EQ(json["tuning"], "classifier.nomo.tuning");
  EXPECT_EQ(json["threads"], 1);
  EXPECT_GE(json["choices"], json["tried"]);
  ASSERT_FALSE(json["forms"].empty());
  for (const Json& form : json["forms"]) {
    EXPECT_FALSE(form["nodes"].empty());
    EXPECT_FALSE(form["others"].empty());
    EXPECT_GE(form["estimated_ms"], 0);
  }
  EXPECT_THAT(Nomo("tune classifier.nomo --threads 1 --duration 0.1 -o -").out,
              StartsWith("nomograph tuning 1\n"));
}

}  // namespace
}  // namespace nomograph
