// Patterns against names; what `**` and `**/` stand for is as git and bash (globstar) have it.
#include "nomograph/inspect/glob.h"

#include "gtest/gtest.h"

namespace nomograph {
namespace {

struct Case {
  const char* pattern;
  const char* name;
  bool matches;
};

TEST(Glob, MatchesWholeNames) {
  static constexpr Case kCases[] = {
      {"", "", true},
      {"a", "a", true},
      {"a", "ab", false},
      {"a*", "a", true},
      {"a*", "abc", true},
      {"a*", "a/b", false},
      {"*.weight", "conv.weight", true},
      {"*.weight", "weight", false},
      {"a?c", "abc", true},
      {"a?c", "a/c", false},
      {"a?c", "ac", false},
      {"/layer1/**", "/layer1/conv/Conv", true},
      {"/layer1/**", "/layer10/Conv", false},
      {"/layer1/**", "/layer1", false},
      {"**", "", true},
      {"**", "/a/b", true},
      {"**/Conv", "Conv", true},
      {"**/Conv", "a/b/Conv", true},
      {"**/Conv", "a/b/TheConv", false},
      {"/a/**/z", "/a/z", true},
      {"/a/**/z", "/a/b/c/z", true},
      {"/a/**/z", "/a/b/c/yz", false},
      {"/a/**/b*/c", "/a/x/b1/c", true},
      {"/a/**/b*/c", "/a/b1/b2/c", true},
      {"/a/**/b*/c", "/a/b1/x/c", false},
      {"a**z", "a/b/z", true},
      {"*a*b", "xaab", true},
      {"*a*b", "xa/b", false},
      {"***", "a/b", true},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(Glob(c.pattern).Matches(c.name), c.matches) << c.pattern << " | " << c.name;
  }
}

TEST(Glob, TakesLiteralsAndIgnoresCase) {
  EXPECT_TRUE(Glob("conv*", {}, /*ignore_case=*/true).Matches("Conv"));
  EXPECT_FALSE(Glob("conv*").Matches("Conv"));
  EXPECT_TRUE(Glob("a*", {true, true}).Matches("a*"));
  EXPECT_FALSE(Glob("a*", {true, true}).Matches("ab"));
}

TEST(Glob, TakesNoMoreThanProductOfLengths) {
  // A matcher that tries one way after the other would not end here.
  std::string pattern, name(20'000, 'a');
  for (int i = 0; i < 30; ++i) pattern += "**a";
  EXPECT_FALSE(Glob(pattern + "b").Matches(name));
  EXPECT_TRUE(Glob(pattern).Matches(name));
}

}  // namespace
}  // namespace nomograph
