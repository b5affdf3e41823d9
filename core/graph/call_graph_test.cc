// Measures over functions that call one another, against numbers by hand and a plain recursion.
#include "nomograph/core/graph/call_graph.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/op.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kEndless = CallGraphMeasure::kEndless;
using Calls = std::map<std::string, std::vector<std::string>>;

// A node for each call.
Graph GraphOf(const std::vector<std::string>& calls) {
  Graph graph;
  for (const std::string& callee : calls) graph.nodes.push_back({.op = "a.Call", .body = callee});
  return graph;
}

FunctionLibrary LibraryOf(const Calls& calls) {
  FunctionLibrary library;
  for (const auto& [name, callees] : calls) library[name] = {name, GraphOf(callees)};
  return library;
}

// The longest way down: 1 for a function that calls none.
CallGraphMeasure Depth(const FunctionLibrary& library) {
  return CallGraphMeasure(library, NamedFunctions, [](const Graph& g, CallGraphMeasure::Of of) {
    int64_t deepest = 0;
    for (const Node& node : g.nodes) {
      for (const std::string& callee : NamedFunctions(node))
        deepest = std::max(deepest, of(callee));
    }
    return SaturatingAdd(deepest, 1);
  });
}

// The nodes that there are once every call stands for the function's own.
CallGraphMeasure Count(const FunctionLibrary& library, int* measured = nullptr) {
  return CallGraphMeasure(library, NamedFunctions,
                          [measured](const Graph& g, CallGraphMeasure::Of of) {
                            if (measured != nullptr) ++*measured;
                            int64_t count = static_cast<int64_t>(g.nodes.size());
                            for (const Node& node : g.nodes) {
                              for (const std::string& callee : NamedFunctions(node))
                                count = SaturatingAdd(count, of(callee));
                            }
                            return count;
                          });
}

TEST(NamedFunctions, AreTheBodyAndTheFunctionsAmongTheAttributes) {
  EXPECT_THAT(NamedFunctions({.op = "a.B"}), IsEmpty());
  EXPECT_THAT(NamedFunctions({.op = "a.B", .body = "f"}), ElementsAre("f"));
  EXPECT_THAT(NamedFunctions({.op = "core.If",
                              .attrs = {{"else_branch", FunctionRef{"no"}},
                                        {"name", "text"},
                                        {"then_branch", FunctionRef{"yes"}}},
                              .body = "f"}),
              ElementsAre("f", "no", "yes"));
}

TEST(CallGraphMeasure, DepthsAndCounts) {
  struct Case {
    const char* what;
    Calls calls;
    int64_t depth, count;  // of function "a"
  };
  const Case cases[] = {
      {"no calls", {{"a", {}}}, 1, 0},
      {"not there", {{"b", {}}}, 0, 0},
      {"calls what is not there", {{"a", {"nothing"}}}, 1, 1},
      {"chain", {{"a", {"b"}}, {"b", {"c"}}, {"c", {}}}, 3, 2},
      {"twice", {{"a", {"b", "b"}}, {"b", {"c", "c", "c"}}, {"c", {}}}, 3, 8},
      {"diamond", {{"a", {"b", "c"}}, {"b", {"d"}}, {"c", {"d"}}, {"d", {"e"}}, {"e", {}}}, 4, 6},
      // Met first from far above, then below another one.
      {"short and long way", {{"a", {"d", "b"}}, {"b", {"c"}}, {"c", {"d"}}, {"d", {}}}, 4, 4},
      {"itself", {{"a", {"a"}}}, kEndless, kEndless},
      {"a cycle of three", {{"a", {"b"}}, {"b", {"c"}}, {"c", {"a"}}}, kEndless, kEndless},
      {"above a cycle",
       {{"a", {"b", "d"}}, {"b", {"c"}}, {"c", {"b"}}, {"d", {}}},
       kEndless,
       kEndless},
      {"beside a cycle", {{"a", {"d"}}, {"b", {"b", "a"}}, {"d", {}}}, 2, 1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const FunctionLibrary library = LibraryOf(c.calls);
    EXPECT_EQ(Depth(library).OfFunction("a"), c.depth);
    EXPECT_EQ(Count(library).OfFunction("a"), c.count);
  }
}

TEST(CallGraphMeasure, EveryFunctionOfACycleIsEndlessWhereverOneBegins) {
  const FunctionLibrary library =
      LibraryOf({{"a", {"b"}}, {"b", {"c", "leaf"}}, {"c", {"a"}}, {"leaf", {}}});
  for (const char* first : {"a", "b", "c", "leaf"}) {
    SCOPED_TRACE(first);
    CallGraphMeasure depth = Depth(library);
    depth.OfFunction(first);
    for (const char* name : {"a", "b", "c"}) EXPECT_EQ(depth.OfFunction(name), kEndless) << name;
    EXPECT_EQ(depth.OfFunction("leaf"), 1);
  }
}

TEST(CallGraphMeasure, OfAGraphThatIsNoFunction) {
  const FunctionLibrary library = LibraryOf({{"a", {"b", "b"}}, {"b", {}}, {"loop", {"loop"}}});
  EXPECT_EQ(Depth(library).OfGraph(GraphOf({})), 1);
  EXPECT_EQ(Depth(library).OfGraph(GraphOf({"b", "a"})), 3);
  EXPECT_EQ(Count(library).OfGraph(GraphOf({"a", "a", "b"})), 7);
  EXPECT_GE(Count(library).OfGraph(GraphOf({"a", "loop"})), kEndless);
}

// Each function calls the next one twice: more calls than anything could follow.
TEST(CallGraphMeasure, SaturatesAndLooksAtEachFunctionOnce) {
  constexpr int kFunctions = 200;
  const auto name = [](int i) { return absl::StrFormat("f%03d", i); };
  Calls calls;
  for (int i = 0; i + 1 < kFunctions; ++i) calls[name(i)] = {name(i + 1), name(i + 1)};
  calls[name(kFunctions - 1)] = {};
  const FunctionLibrary library = LibraryOf(calls);
  int measured = 0;
  CallGraphMeasure count = Count(library, &measured);
  EXPECT_EQ(count.OfFunction(name(0)), kEndless);
  EXPECT_EQ(measured, kFunctions);
  // 2 + 4 + ... + 2^n with n functions below.
  for (const int below : {0, 1, 2, 10, 60}) {
    EXPECT_EQ(count.OfFunction(name(kFunctions - 1 - below)), (int64_t{2} << below) - 2) << below;
  }
  EXPECT_EQ(count.OfFunction(name(kFunctions - 1 - 61)), kEndless - 2);
  EXPECT_EQ(count.OfFunction(name(kFunctions - 1 - 62)), kEndless);
  EXPECT_EQ(measured, kFunctions);
  EXPECT_EQ(Depth(library).OfFunction(name(0)), kFunctions);
}

TEST(CallGraphMeasure, DeepChainsNeedNoStack) {
  constexpr int kFunctions = 100'000;
  Calls calls;
  for (int i = 0; i < kFunctions; ++i)
    calls[absl::StrCat("f", i)] = {i + 1 < kFunctions ? absl::StrCat("f", i + 1) : "none"};
  const FunctionLibrary library = LibraryOf(calls);
  EXPECT_EQ(Depth(library).OfFunction("f0"), kFunctions);
}

TEST(CallGraphMeasure, SeesFunctionsThatAreAdded) {
  FunctionLibrary library = LibraryOf({{"a", {}}});
  CallGraphMeasure depth = Depth(library);
  EXPECT_EQ(depth.OfFunction("b"), 0);
  library["b"] = {"b", GraphOf({"a"})};
  EXPECT_EQ(depth.OfFunction("b"), 2);
}

int64_t PlainDepth(const Calls& calls, const std::string& name) {
  int64_t deepest = 0;
  for (const std::string& callee : calls.at(name))
    deepest = std::max(deepest, PlainDepth(calls, callee));
  return 1 + deepest;
}

int64_t PlainCount(const Calls& calls, const std::string& name) {
  int64_t count = 0;
  for (const std::string& callee : calls.at(name)) count += 1 + PlainCount(calls, callee);
  return count;
}

TEST(CallGraphMeasure, AgreesWithPlainRecursion) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    const int functions = 1 + static_cast<int>(random() % 9);
    Calls calls;
    for (int i = 0; i < functions; ++i) {
      std::vector<std::string>& callees = calls[absl::StrCat("f", i)];
      // Later ones only, so that none reaches itself.
      for (int k = i + 1 < functions ? static_cast<int>(random() % 4) : 0; k > 0; --k)
        callees.push_back(absl::StrCat("f", i + 1 + random() % (functions - i - 1)));
    }
    const FunctionLibrary library = LibraryOf(calls);
    CallGraphMeasure depth = Depth(library), count = Count(library);
    for (const auto& [name, callees] : calls) {
      EXPECT_EQ(depth.OfFunction(name), PlainDepth(calls, name));
      EXPECT_EQ(count.OfFunction(name), PlainCount(calls, name));
    }
  }
}

}  // namespace
}  // namespace nomograph
