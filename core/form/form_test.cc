#include "nomograph/core/form/form.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Wish = FormScope::Wish;

// Kernels that are asked one after the other; each has one form.
struct Asked {
  std::string form;
  bool estimate;
  bool declines = false;  // says yes, and then cannot
};

// The form of the kernel that serves, "" for none.
std::string Serves(const std::vector<Asked>& kernels) {
  for (const Asked& kernel : kernels) {
    if (TakesForm(kernel.form, kernel.estimate) && !kernel.declines) return kernel.form;
  }
  return "";
}

TEST(FormTest, AWishOverrulesTheEstimate) {
  const struct {
    const char* name;
    std::vector<Asked> kernels;
    Wish wish;
    const char* wished;
    const char* serves;
    const char* taken;
  } kCases[] = {
      {"estimate", {{"a", false}, {"b", true}, {"c", true}}, Wish::kEstimate, "", "b", "b"},
      {"no estimate holds", {{"a", false}}, Wish::kEstimate, "", "", ""},
      {"one that is not estimated", {{"a", false}, {"b", true}}, Wish::kForm, "a", "a", "a"},
      {"a later one", {{"a", true}, {"b", true}, {"c", false}}, Wish::kForm, "c", "c", "c"},
      {"one that is not there", {{"a", true}, {"b", true}}, Wish::kForm, "gone", "", ""},
      {"one that declines",
       {{"a", true}, {"b", false, true}, {"c", false}, {"d", true}},
       Wish::kForm,
       "b",
       "d",
       "d"},
      {"twice asked", {{"a", false, true}, {"a", false}}, Wish::kForm, "a", "a", "a"},
      {"none", {{"a", true}, {"b", true}}, Wish::kNone, "", "", ""},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const FormScope scope(c.wish, c.wished);
    EXPECT_EQ(Serves(c.kernels), c.serves);
    EXPECT_EQ(scope.taken(), c.taken);
  }
}

TEST(FormTest, WhatWasAskedForIsOffered) {
  const FormScope scope(Wish::kNone);
  EXPECT_THAT(scope.offered(), IsEmpty());
  EXPECT_EQ(Serves({{"a", true}, {"b", false}, {"a", true}, {"c", true}}), "");
  EXPECT_THAT(scope.offered(), ElementsAre("a", "b", "c"));
}

TEST(FormTest, ScopesEnd) {
  EXPECT_TRUE(TakesForm("a", true));
  EXPECT_FALSE(TakesForm("a", false));
  const FormScope outer(Wish::kForm, "a");
  {
    const FormScope inner(Wish::kForm, "b");
    EXPECT_FALSE(TakesForm("a", true));
    EXPECT_TRUE(TakesForm("b", false));
  }
  EXPECT_EQ(outer.taken(), "");
  EXPECT_TRUE(TakesForm("a", false));
  EXPECT_EQ(outer.taken(), "a");
}

}  // namespace
}  // namespace nomograph
