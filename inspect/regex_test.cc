// Regular expressions: cases whose answers are plain to see, random ones beside those of the C
// library, and patterns that would hang a matcher that backtracks.
#include "nomograph/inspect/regex.h"

#include <regex.h>

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

TEST(Regex, FindsParts) {
  struct Case {
    const char* pattern;
    std::vector<std::string> fit, do_not;
  };
  const std::vector<Case> cases = {
      {"conv", {"conv", "/a/conv1"}, {"con", "CONV"}},
      {"(?i)conv[a-c]", {"CONVB", "xConvc"}, {"convd"}},
      {"(?i)[^a]", {"b"}, {"a", "A", "aA"}},
      {"^conv", {"conv1"}, {"/conv"}},
      {"conv$", {"/conv"}, {"conv1"}},
      {"^$", {""}, {"a"}},
      {"", {"", "a"}, {}},
      {"a|b", {"xa", "b"}, {"c", ""}},
      {"^(a|bc)$", {"a", "bc"}, {"b", "abc"}},
      {"^(|a)b$", {"b", "ab"}, {"aab"}},
      {"^ab*c$", {"ac", "abbbc"}, {"abb"}},
      {"^ab+c$", {"abc"}, {"ac"}},
      {"^ab?c$", {"ac", "abc"}, {"abbc"}},
      {"^a{2}$", {"aa"}, {"a", "aaa"}},
      {"^a{2,}$", {"aa", "aaaa"}, {"a"}},
      {"^a{1,3}$", {"a", "aaa"}, {"", "aaaa"}},
      {"^a{0}b$", {"b"}, {"ab"}},
      {"^(ab){2,3}$", {"abab", "ababab"}, {"ab", "abababab"}},
      {"^(?:a*)*$", {"", "aaa"}, {"b"}},
      {"^a+?b*?$", {"a", "aab"}, {"b"}},
      {"^a{x}$", {"a{x}"}, {"a"}},
      {"layer[0-9]+/conv[12]", {"/layer12/conv2"}, {"/layer/conv2", "layer1/conv3"}},
      {"^[^/]+$", {"conv"}, {"/conv"}},
      {"^[]a-]+$", {"]a-"}, {"b"}},
      {"^[[:digit:]_]+$", {"1_2"}, {"a"}},
      {"^\\d\\w\\s\\D\\W\\S$", {"1_ a-b"}, {"11 1-b"}},
      {"^\\.\\x41\\[$", {".A["}, {"xA["}},
      {"\\bconv\\b", {"/conv/", "a conv"}, {"conv1", "_conv"}},
      {"\\Bonv", {"conv"}, {"/onv"}},
      {"^.$", {"a", "é", "√", "\xff"}, {"", "ab"}},
      {"^[à-ü]$", {"é"}, {"e", "\xc3"}},
      {"^√+$", {"√√"}, {"v"}},
      {"a.b", {"a\nb"}, {"ab"}},
  };
  for (const Case& c : cases) {
    const auto regex = Regex::Compile(c.pattern);
    ASSERT_TRUE(regex.ok()) << regex.status();
    for (const std::string& text : c.fit)
      EXPECT_TRUE(regex->Search(text)) << c.pattern << " " << text;
    for (const std::string& text : c.do_not) {
      EXPECT_FALSE(regex->Search(text)) << c.pattern << " " << text;
    }
  }
}

TEST(Regex, SaysWhatIsNone) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"(a", "column 3: a group is not closed"},
      {"a)", "column 2: no group is open here"},
      {"[a", "column 1: this bracket is not closed"},
      {"*a", "column 1: nothing stands ahead that could be repeated"},
      {"a|+", "column 3: nothing stands ahead"},
      {"a**", "column 3: repeats of repeats need a group"},
      {"a{3,2}", "fewer at most than at least"},
      {"a{1001}", "more repeats than 1000"},
      {"a\\", "nothing stands behind this backslash"},
      {"(a)\\1", "there are no references to groups"},
      {"\\q", "this letter has no meaning"},
      {"\\x4", "two hexadecimal digits"},
      {"(?=a)", "there is (?:...) only"},
      {"[z-a]", "this is no range"},
      {"[a-\\d]", "this is no range"},
      {"[[:alfa:]]", "there is no such class"},
      {"(a{100}){100}", "more than the 4000 states"},
      {std::string(1001, 'a'), "longer than the 1000"},
      {std::string(51, '(') + std::string(51, ')'), "groups are nested too deep"},
  };
  for (const auto& [pattern, message] : cases) {
    const auto regex = Regex::Compile(pattern);
    ASSERT_FALSE(regex.ok()) << pattern;
    EXPECT_THAT(std::string(regex.status().message()), HasSubstr(message)) << pattern;
  }
}

// A pattern of a, b, groups and repeats of pieces, as POSIX reads it, too.
std::string RandomPattern(std::mt19937& random, int depth) {
  const auto roll = [&](int sides) { return static_cast<int>(random() % sides); };
  std::string pattern;
  for (int pieces = 1 + roll(3); pieces > 0; --pieces) {
    switch (depth > 0 ? roll(7) : roll(5)) {
      case 0:
      case 1:
        pattern += 'a';
        break;
      case 2:
        pattern += 'b';
        break;
      case 3:
        pattern += roll(2) ? "[ab]" : "[^a]";
        break;
      case 4:
        pattern += '.';
        break;
      case 5:
        pattern += "(" + RandomPattern(random, depth - 1) + ")";
        break;
      default:
        pattern +=
            "(" + RandomPattern(random, depth - 1) + "|" + RandomPattern(random, depth - 1) + ")";
    }
    static constexpr const char* kRepeats[] = {"", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}"};
    pattern += kRepeats[roll(9)];
  }
  return pattern;
}

TEST(Regex, AgreesWithTheCLibrary) {
  std::mt19937 random(7);
  int found = 0, tried = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string pattern = RandomPattern(random, 2);
    if (random() % 3 == 0) pattern = "^" + pattern;
    if (random() % 3 == 0) pattern += "$";
    const auto regex = Regex::Compile(pattern);
    ASSERT_TRUE(regex.ok()) << regex.status();
    regex_t reference;
    ASSERT_EQ(regcomp(&reference, pattern.c_str(), REG_EXTENDED | REG_NOSUB), 0) << pattern;
    for (int t = 0; t < 8; ++t) {
      std::string text;
      for (int length = static_cast<int>(random() % 8); length > 0; --length) {
        text += "abc"[random() % 3];
      }
      const bool expected = regexec(&reference, text.c_str(), 0, nullptr, 0) == 0;
      ASSERT_EQ(regex->Search(text), expected) << pattern << " in " << text;
      found += expected;
      ++tried;
    }
    regfree(&reference);
  }
  // Neither answer is rare.
  EXPECT_GT(found, tried / 10);
  EXPECT_LT(found, tried * 9 / 10);
}

TEST(Regex, TakesLinearTime) {
  const std::string text(10'000, 'a');
  for (const char* pattern :
       {"(a*)*b", "(a|a)*b", "(a|aa)+$b", "a*a*a*a*a*a*a*a*b", "(.*)(.*)(.*)b",
        "((a?){30}a{30}){3}b", "(((){1000}){1000}){1000}b"}) {
    const auto regex = Regex::Compile(pattern);
    ASSERT_TRUE(regex.ok()) << regex.status();
    EXPECT_FALSE(regex->Search(text)) << pattern;
  }
}

// What a user may type, whatever it is, is compiled or refused, and searched in bounded time.
TEST(Regex, TakesAnyBytes) {
  std::mt19937 random(11);
  constexpr absl::string_view kMarks = "ab()[]{}|*+?^$\\.-:,019dDwWsSbBx\xc3\xa9";
  int compiled = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string pattern;
    for (int length = static_cast<int>(random() % 16); length > 0; --length) {
      pattern += kMarks[random() % kMarks.size()];
    }
    const auto regex = Regex::Compile(pattern);
    if (!regex.ok()) continue;
    ++compiled;
    regex->Search("ab\xc3\xa9 \xff(");
  }
  EXPECT_GT(compiled, 1000);
}

}  // namespace
}  // namespace nomograph
