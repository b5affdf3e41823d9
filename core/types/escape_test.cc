// Names and text from outside, as they are made and shown: on terminals, in JSON, in statuses.
#include "nomograph/core/types/escape.h"

#include <random>
#include <set>

#include "gtest/gtest.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

TEST(EscapeTest, LeavesWhatIsHarmless) {
  for (const char* text : {"", "plain, größe", "模型/层:0", "🦉", "a\\nb", "\xc2\xa0"}) {
    EXPECT_EQ(Escape(text), text);
  }
}

// The code points and their UTF-8 forms are those of the Unicode standard's charts.
TEST(EscapeTest, WritesWhatATerminalWouldObey) {
  const struct {
    absl::string_view text, escaped;
  } kCases[] = {
      {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
      {absl::string_view("\0", 1), "\\x00"},
      {"\x1b[2J\x7f", "\\x1b[2J\\x7f"},
      {"\xc2\x9b"
       "2J",
       "\\u009b2J"},                           // CSI, as one character
      {"\xc2\x80\xc2\x9f", "\\u0080\\u009f"},  // the first and the last of C1
      {"\xc2\x85", "\\u0085"},                 // next line
      {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029"},
      {"\xe2\x80\xae", "\\u202e"},  // right-to-left override
      {"\xe2\x81\xa6\xe2\x81\xa9", "\\u2066\\u2069"},
      {"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", "\\u061c\\u200e\\u200f"},
      {"\x9b", "\\x9b"},                    // CSI as a byte, where a terminal is not in UTF-8
      {"\xc2", "\\xc2"},                    // cut off
      {"\xc0\x8a", "\\xc0\\x8a"},           // a line end, written too long
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // a surrogate
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // past U+10FFFF
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Escape(c.text), c.escaped);
    EXPECT_EQ(Escape(Escape(c.text)), c.escaped);
  }
}

TEST(EscapeTest, KeepsTheLinesOfText) {
  EXPECT_EQ(EscapeLines("a\n\x1b\nb"), "a\n\\x1b\nb");
  EXPECT_EQ(EscapeMessage("2 faults:\n  a\n  b\nTotal params: 0\n"),
            "2 faults:\n  a\n  b\\nTotal params: 0\\n");
}

// RFC 8259: any character of a string may be written as \uXXXX.
TEST(EscapeTest, JsonStaysJson) {
  EXPECT_EQ(EscapeJson("{\n  \"\x7f\xc2\x9b\xe2\x80\xae\": \"größe\"\n}"),
            "{\n  \"\\u007f\\u009b\\u202e\": \"größe\"\n}");
}

TEST(EscapeTest, QuotedNamesAreCutBetweenCharacters) {
  EXPECT_EQ(Quoted("conv/1"), "\"conv/1\"");
  EXPECT_EQ(Quoted("a\nb"), "\"a\\nb\"");
  EXPECT_EQ(Shown(std::string(kMaxQuotedBytes, 'x')), std::string(kMaxQuotedBytes, 'x'));
  EXPECT_EQ(Shown(std::string(1 << 20, 'x')),
            std::string(100, 'x') + "..." + std::string(100, 'x'));
  // Three bytes each: 33 whole ones fit into 100 bytes.
  std::string owls, third;
  for (int i = 0; i < 1000; ++i) owls += "猫";
  for (int i = 0; i < 33; ++i) third += "猫";
  EXPECT_EQ(Shown(owls), third + "..." + third);
}

// A place and a fault in a list are one line each, whatever the names in them.
TEST(EscapeTest, StatusesAreNotForged) {
  const absl::Status fault = absl::InvalidArgumentError("two nodes are named \"a\n0 faults\"");
  EXPECT_EQ(Annotate(fault, "node \"b\nTotal params: 0\"").message(),
            "node \"b\\nTotal params: 0\": two nodes are named \"a\\n0 faults\"");
  ErrorList errors;
  errors.Add(fault);
  EXPECT_EQ(errors.ToStatus("1 fault").message(), "two nodes are named \"a\\n0 faults\"");
  errors.Add(fault);
  EXPECT_EQ(errors.ToStatus("2 faults").message(),
            "2 faults:\n  two nodes are named \"a\\n0 faults\"\n"
            "  two nodes are named \"a\\n0 faults\"");
}

TEST(EscapeTest, ListsOfFaultsKeepTheirLines) {
  ErrorList inner, outer;
  for (const char* fault : {"a", "b"}) inner.Add(absl::InvalidArgumentError(fault));
  outer.Add(Annotate(inner.ToStatus("2 of a kind"), "here"));
  outer.Add(absl::InvalidArgumentError("c"));
  EXPECT_EQ(outer.ToStatus("faults").message(), "faults:\n  here: 2 of a kind:\n    a\n    b\n  c");
}

TEST(UniqueNames, NumbersWhatIsTaken) {
  UniqueNames names;
  EXPECT_EQ(names.Take("dense"), "dense");
  EXPECT_EQ(names.Take("dense"), "dense_1");
  EXPECT_EQ(names.Take("dense_2"), "dense_2");
  EXPECT_EQ(names.Take("dense"), "dense_3");
  EXPECT_FALSE(names.Reserve("dense_1"));
  EXPECT_TRUE(names.Reserve("conv"));
  EXPECT_EQ(names.Take("conv"), "conv_1");
}

TEST(UniqueNames, WhatIsGivenBackIsTakenAgain) {
  UniqueNames names;
  for (int i = 0; i < 4; ++i) names.Take("x");
  names.Release("x_2");
  names.Release("never taken");
  EXPECT_EQ(names.Take("x"), "x_2");
  EXPECT_EQ(names.Take("x"), "x_4");
}

TEST(UniqueNames, ManyWishForOne) {
  UniqueNames names;
  std::set<std::string> taken;
  for (int i = 0; i < 100000; ++i) EXPECT_TRUE(taken.insert(names.Take("x")).second);
}

// Against a set of all that is taken.
TEST(UniqueNames, TakenIsWhatWasNotGivenBack) {
  UniqueNames names;
  std::set<std::string> taken;
  const std::vector<std::string> wishes = {"a", "a_1", "a_1_1", "a_2", "b", "b_1"};
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string& wish = wishes[random() % wishes.size()];
    const uint32_t act = random() % 4;
    if (act == 0) {
      EXPECT_EQ(names.Reserve(wish), taken.insert(wish).second);
    } else if (act == 1 && taken.size() < 50) {
      const bool is_free = taken.count(wish) == 0;
      const std::string name = names.Take(wish);
      EXPECT_TRUE(taken.insert(name).second) << name;
      EXPECT_EQ(name == wish, is_free) << name;
    } else if (!taken.empty()) {
      const auto one = std::next(taken.begin(), random() % taken.size());
      names.Release(*one);
      taken.erase(one);
    }
  }
}

TEST(SnakeCase, AsKerasNamesLayers) {
  const std::pair<const char*, const char*> cases[] = {
      {"Dense", "dense"}, {"Conv2DTranspose", "conv2d_transpose"},       {"PReLU", "p_re_lu"},
      {"LSTM", "lstm"},   {"BatchNormalization", "batch_normalization"}, {"", ""},
  };
  for (const auto& [name, snake] : cases) EXPECT_EQ(SnakeCase(name), snake);
}

TEST(NodePlace, IsEscaped) {
  EXPECT_EQ(NodePlace("dense/gemm", "math.Gemm"), "node \"dense/gemm\" (math.Gemm)");
  EXPECT_EQ(NodePlace("a\nb", "x\x1b.Y"), "node \"a\\nb\" (x\\x1b.Y)");
}

}  // namespace
}  // namespace nomograph
