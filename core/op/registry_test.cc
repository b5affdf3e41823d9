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

TEST(OpRegistry, NamesOfOtherFormats) {
  OpRegistry registry;
  ASSERT_TRUE(registry
                  .Register(Simple("acme.Old")
                                .Known({.as = "onnx", .name = "Foo"})
                                .Known({.as = "onnx", .name = "Bar", .since = 7}),
                            "")
                  .ok());
  ASSERT_TRUE(
      registry.Register(Simple("acme.New").Known({.as = "onnx", .name = "Foo", .since = 13}), "")
          .ok());
  const struct {
    std::string as, name;
    int version;
    std::string op;
  } cases[] = {
      {"onnx", "Foo", 1, "acme.Old"},  {"onnx", "Foo", 12, "acme.Old"},
      {"onnx", "Foo", 13, "acme.New"}, {"onnx", "Foo", 99, "acme.New"},
      {"onnx", "Bar", 3, "acme.Old"},  {"onnx", "Baz", 3, ""},
      {"tf", "Foo", 13, ""},
  };
  for (const auto& c : cases) {
    const KnownOp found = registry.FindKnown(c.as, c.name, c.version);
    EXPECT_EQ(found.op == nullptr ? "" : found.op->name, c.op) << c.as << c.name << c.version;
  }
  EXPECT_EQ(registry.AllKnown("onnx").size(), 3u);
  // A newer version of an op takes its names over; another op cannot have them.
  OpDef second("acme.Old", 2);
  second.Doc("y is garbage.").Input("x", "float32").Output("y", "float32").Infer(SameAsInput);
  second.Reference([](KernelContext&) { return absl::OkStatus(); });
  second.Known({.as = "onnx", .name = "Foo"});
  ASSERT_TRUE(registry.Register(std::move(second), "").ok());
  EXPECT_EQ(registry.FindKnown("onnx", "Foo", 1).op->version, 2);
  const absl::Status twice = registry.Register(
      Simple("acme.Twin").Known({.as = "onnx", .name = "Bar", .since = 7}), "", {"twin.cc", 9});
  EXPECT_EQ(twice.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(twice.message()), HasSubstr("twin.cc:9: op acme.Twin and op acme.Old"));
  EXPECT_EQ(registry.Find("acme.Twin"), nullptr);
}

TEST(OpRegistry, RefusesWrongDeclarations) {
  const auto with = [](KnownName name) {
    return Simple("acme.A")
        .Attr("axis", int64_t{0}, "")
        .Attr("mode", "x", "")
        .Known(std::move(name));
  };
  const struct {
    OpDef op;
    std::string message;
  } cases[] = {
      {Simple("Relu"), "op Relu: the name must be domain.Name"},
      {Simple("acme.A").Doc(""), "the doc is empty"},
      {OpDef("acme.A").Doc("y is garbage."), "there is no output"},
      {Simple("acme.A").Input("z", "T"), "input z: T is no dtype and no type variable"},
      {with({.as = "onnx"}), "found \"onnx\" and \"\""},
      {with({.as = "onnx", .name = "A", .since = 0}), "known name A: since must be at least 1"},
      {with({.as = "onnx", .name = "A"}).Known({.as = "onnx", .name = "A"}),
       "it is given twice since version 1"},
      {with({.as = "onnx", .name = "A", .attrs = {{"axes"}}}), "attribute axes: the op has none"},
      {with({.as = "onnx", .name = "A", .attrs = {{"mode", KnownAttr::kInput, "", 0}}}),
       "attribute mode: string cannot be such an input"},
      {with({.as = "onnx", .name = "A", .attrs = {{"axis", KnownAttr::kScalar, "", 1}}}),
       "attribute axis: the op has no input 1"},
  };
  OpRegistry registry;
  for (const auto& c : cases) {
    const absl::Status status = registry.Register(c.op, "");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
  EXPECT_TRUE(
      registry
          .Register(
              with({.as = "onnx", .name = "A", .attrs = {{"axis", KnownAttr::kScalar, "", 0}}}), "")
          .ok());
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
