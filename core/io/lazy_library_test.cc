#include "nomograph/core/io/lazy_library.h"

#include <math.h>

#include <cmath>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

#define NOMO_MATH_SYMBOLS(symbol) symbol(lgamma_r) symbol(signgam)
NOMO_MATH_SYMBOLS(NOMO_LAZY_SYMBOL)

TEST(LoadLibrary, SetsFunctionsAndVariables) {
  ASSERT_EQ(lgamma_r, nullptr);
  const absl::Status status =
      LoadLibrary("libm.so.6", "logarithms", {NOMO_MATH_SYMBOLS(NOMO_LAZY_SLOT)});
  ASSERT_TRUE(status.ok()) << status;
  int sign = 0;
  EXPECT_NEAR(lgamma_r(5.0, &sign), std::log(24.0), 1e-12);
  EXPECT_NE(signgam, nullptr);
}

TEST(LoadLibrary, SaysWhichLibraryOrSymbolIsMissing) {
  void* set = nullptr;
  static void** const place = &set;
  const auto keep = [](void* address) { *place = address; };
  const absl::Status library = LoadLibrary("libnosuch.so.1", "PNG images", {{"cos", keep}});
  EXPECT_EQ(library.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(library.message(), AllOf(HasSubstr("PNG images"), HasSubstr("libnosuch.so.1"),
                                       HasSubstr("No such file")));
  const absl::Status symbol =
      LoadLibrary("libm.so.6", "PNG images", {{"cos", keep}, {"no_such_symbol", keep}});
  EXPECT_EQ(symbol.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(symbol.message(), AllOf(HasSubstr("libm.so.6"), HasSubstr("no_such_symbol")));
  EXPECT_EQ(set, nullptr) << "all slots are set, or none";
}

}  // namespace
}  // namespace nomograph
