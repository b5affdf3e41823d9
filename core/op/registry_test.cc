// Registering: faults are kept for those who compile, and threads may register and look up at once.
#include "nomograph/core/op/registry.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

OpDef Simple(const std::string& name) {
  return OpDef(name)
      .Doc("y is garbage.")
      .Input("x", "float32")
      .Output("y", "float32")
      .Infer(SameAsInput)
      .Reference([](KernelContext&) { return absl::OkStatus(); });
}

TEST(OpRegistry, AFaultAtStartUpIsKeptWithBothPlaces) {
  OpRegistry registry;
  EXPECT_TRUE(registry.Faults().ok());
  ASSERT_TRUE(registry.Register(Simple("acme.A"), "one", {"first.cc", 3}).ok());
  registry.Report(registry.Register(Simple("acme.A"), "two", {"second.cc", 5}));
  EXPECT_EQ(registry.Faults().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(registry.Faults().message()), HasSubstr("first.cc:3"));
  EXPECT_THAT(std::string(registry.Faults().message()), HasSubstr("second.cc:5"));
  EXPECT_EQ(registry.ProviderOf(*registry.Find("acme.A")), "one");
}

TEST(OpRegistry, ThreadsRegisterAndLookUpAtOnce) {
  OpRegistry registry;
  ASSERT_TRUE(registry.Register(Simple("acme.First"), "").ok());
  const OpDef* first = registry.Find("acme.First");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&registry, first, t] {
      for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(registry.Register(Simple(absl::StrCat("acme.T", t, "N", i)), "").ok());
        EXPECT_EQ(registry.Find("acme.First"), first);
        EXPECT_FALSE(registry.NotFound("acme.Frist", 0).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry.All().size(), 401u);
}

}  // namespace
}  // namespace nomograph
