// Tuning files, among them such as nobody writes.
#include "nomograph/inspect/tuning_file.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/io/file.h"
#include "nomograph/serialization/format.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// As it is specified (tools/README.md), not as TuningText() writes it.
constexpr char kText[] =
    "nomograph tuning 1\n"
    "library 0.1.0\n"
    "model 0123456789abcdef0123456789abcdef\n"
    "cpu avx avx2\n"
    "threads 2\n"
    "math.MatMul v1 () float32[1,8] constant float32[8,4] -> float32[1,4], 2 "
    "threads\t-\t1\t3.5\t7\n"
    "nn.Conv v1 (groups=1), 2 threads\toneDNN loop in blocks\t2\t1e3\t1500.25\n";

TEST(TuningFileTest, ReadsWhatIsSpecified) {
  const auto file = ParseTuning(kText);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->key, (TuningKey{"0.1.0", "0123456789abcdef0123456789abcdef", "avx avx2", 2}));
  ASSERT_EQ(file->forms.size(), 2u);
  const MeasuredForm& conv = file->forms.at("nn.Conv v1 (groups=1), 2 threads");
  EXPECT_EQ(conv.form, (NodeForm{"oneDNN loop in blocks", 2}));
  EXPECT_DOUBLE_EQ(conv.seconds, 1e-3);
  EXPECT_DOUBLE_EQ(conv.estimated_seconds, 1500.25e-6);
  EXPECT_EQ(file->forms.begin()->second.form, (NodeForm{"", 1}));

  const std::shared_ptr<const Tuning> tuning = file->ToTuning();
  EXPECT_FALSE(tuning->survey);
  ASSERT_NE(tuning->Find("nn.Conv v1 (groups=1), 2 threads"), nullptr);
  EXPECT_EQ(*tuning->Find("nn.Conv v1 (groups=1), 2 threads"), conv.form);
  EXPECT_EQ(tuning->Find("nn.Conv v1 (groups=1), 1 thread"), nullptr);
  EXPECT_EQ(tuning->Find(""), nullptr);
}

TEST(TuningFileTest, WhatIsWrittenIsReadBack) {
  const auto file = ParseTuning(kText);
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string path = absl::StrCat(testing::TempDir(), "/a.tuning");
  ASSERT_TRUE(WriteTuning(path, *file).ok());
  const auto again = ReadTuning(path);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->key, file->key);
  EXPECT_EQ(TuningText(*again), TuningText(*file));
  EXPECT_TRUE(LooksLikeTuning(TuningText(*again)));
  EXPECT_EQ(WriteTuning("/nowhere/a.tuning", *file).code(), absl::StatusCode::kNotFound);
}

TEST(TuningFileTest, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> kLine6 = {"\t-\t1\t3.5\t7\n", ""};
  const struct {
    const char* from;  // of kText
    const char* to;
    const char* message;
  } kCases[] = {
      {"nomograph tuning 1\n", "",
       "line 1: expected `nomograph tuning 1`, found \"library 0.1.0\""},
      {"tuning 1", "tuning 2", "line 1: expected `nomograph tuning 1`, found"},
      {"library 0.1.0\n", "", "line 2: expected `library ...`"},
      {"library 0.1.0", "library ", "line 2: expected `library ...`"},
      {"threads 2\n", "threads two\n", "line 5: expected a number of threads from 1 to"},
      {"threads 2\n", "threads 0\n", "line 5: expected a number of threads from 1 to"},
      {"threads 2\n", "threads 99999999999999999999\n", "line 5: expected a number of threads"},
      {kLine6.first, "\t-\t1\t3.5\n", "line 6: expected a node, its form, threads and two times"},
      {kLine6.first, "\t-\t1\t3.5\t7\t7\n", "line 6: expected"},
      {kLine6.first, "\t\t1\t3.5\t7\n", "line 6: expected a form, or `-`, found \"\""},
      {kLine6.first, "\t-\t-1\t3.5\t7\n", "line 6: expected a number of threads from 0 to"},
      {kLine6.first, "\t-\t1\tnan\t7\n", "line 6: expected microseconds, found \"nan\""},
      {kLine6.first, "\t-\t1\t3.5\t-7\n", "line 6: expected microseconds, found \"-7\""},
      {kLine6.first, "\t-\t1\t3.5\tinf\n", "line 6: expected microseconds"},
      {kLine6.first, "\t-\t1\t3.5\t7\n\n", "line 7: expected a node"},
      {"nn.Conv v1", "nn.Conv v1\x1b[2J", ""},  // a node that is not there
      {"\toneDNN loop", "\x1b[2J oneDNN loop", "line 7: expected a node, its form, threads and"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(absl::StrCat(c.from, " -> ", c.to));
    const auto file = ParseTuning(absl::StrReplaceAll(kText, {{c.from, c.to}}));
    if (*c.message == '\0') {
      EXPECT_TRUE(file.ok()) << file.status();
      continue;
    }
    ASSERT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
    EXPECT_THAT(file.status().message(), HasSubstr(c.message));
    EXPECT_THAT(file.status().message(), testing::Not(HasSubstr("\x1b")));
  }
  const std::string twice = absl::StrCat(kText, "nn.Conv v1 (groups=1), 2 threads\t-\t1\t1\t1\n");
  EXPECT_THAT(ParseTuning(twice).status().message(), HasSubstr("line 8: expected each node once"));
  const std::string binary("\0\xff\x01", 3);
  EXPECT_THAT(ParseTuning(binary).status().message(), HasSubstr("line 1: expected"));
  EXPECT_THAT(ParseTuning("").status().message(), HasSubstr("line 1: expected"));
  EXPECT_FALSE(LooksLikeTuning(binary));
}

TEST(TuningFileTest, HasLimits) {
  const auto limited = [](const TuningLimits& limits) {
    return ParseTuning(kText, limits).status();
  };
  EXPECT_TRUE(limited({.max_bytes = sizeof(kText), .max_forms = 2}).ok());
  EXPECT_EQ(limited({.max_bytes = 20}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(limited({.max_forms = 1}).code(), absl::StatusCode::kResourceExhausted);
  std::string head(kText, std::string(kText).find("math"));
  const std::string long_key = absl::StrCat(head, std::string(5000, 'k'), "\t-\t1\t1\t1\n");
  EXPECT_THAT(ParseTuning(long_key).status().message(),
              AllOf(HasSubstr("line 6: expected a node in 1 to 2000 bytes"), HasSubstr("...")));
  const std::string path = absl::StrCat(testing::TempDir(), "/large.tuning");
  ASSERT_TRUE(WriteFileAtomically(path, kText).ok());
  EXPECT_EQ(ReadTuning(path, {.max_bytes = 20}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(TuningFileTest, TellsWhyItDoesNotHold) {
  const Value x = InputValue({DType::kFloat32, {2}}, "x");
  const auto model = BuildModel({x}, {x + x});
  ASSERT_TRUE(model.ok()) << model.status();
  const TuningKey key = TuningKeyOf(*model, 2);
  EXPECT_EQ(key.library, kLibraryVersion);
  EXPECT_EQ(key.model, SemanticHash(*model));
  EXPECT_EQ(key.threads, 2);
  EXPECT_GT(TuningKeyOf(*model, 0).threads, 0);
  EXPECT_EQ(WhyIgnored(key, key), "");
  const struct {
    std::string TuningKey::*field;
    const char* value;
    const char* message;
  } kCases[] = {
      {&TuningKey::model, "0", "another model"},
      {&TuningKey::library, "0.0.9", "version 0.0.9, and here is 0.1.0"},
      {&TuningKey::cpu, "avx3\x1b[1m", "a processor that has avx3\\x1b[1m, and here is"},
  };
  for (const auto& c : kCases) {
    TuningKey other = key;
    other.*c.field = c.value;
    EXPECT_THAT(WhyIgnored(other, key), HasSubstr(c.message));
  }
  TuningKey other = key;
  other.threads = 1;
  EXPECT_EQ(WhyIgnored(other, key), "it was measured with 1 thread, and here are 2");
}

}  // namespace
}  // namespace nomograph
