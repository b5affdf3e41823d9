// What goes wrong in pipelines: how they are made, elements that do not fit, memory that runs out,
// threads that are stopped in the midst of their work; and statistics.
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/pipeline_testing.h"

namespace nomograph {
namespace {

// A function that fails at 3.
absl::StatusOr<Element> FailAtThree(Element x) {
  if (x[0].at<int64_t>() == 3) return InvalidArgument("three is too many");
  return x;
}

absl::StatusOr<Element> Throw(Element) { throw std::runtime_error("five"); }

TEST(Errors, EndTheIterationInTheirPlace) {
  for (const int threads : {1, 3}) {
    const Dataset dataset =
        Dataset::Range(8).Map(FailAtThree, {.num_parallel = threads}).Prefetch(2);
    auto iterator = dataset.Iterate();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE((*iterator)->Next()->has_value());
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ((*iterator)->Next().status().message(), "Map, element 3: three is too many");
    }
  }
}

TEST(Errors, AreSkippedAndCounted) {
  for (const int threads : {1, 3}) {
    const Dataset dataset =
        Dataset::Range(8).Map(FailAtThree, {.num_parallel = threads, .on_error = OnError::kSkip});
    EXPECT_EQ(dataset.Cardinality(), kUnknownCardinality);
    auto iterator = dataset.Iterate();
    EXPECT_EQ(Rest(**iterator)->size(), 7u);
    EXPECT_EQ((*iterator)->stats().skipped(), 1);
    CheckPositions(dataset);
  }
}

struct Fault {
  Dataset dataset;
  const char* message;
};

TEST(Errors, OfHowADatasetIsMade) {
  const Dataset five = Dataset::Range(5);
  const Tensor x(DType::kFloat32, {3, 2}), y(DType::kInt64, {2});
  const auto identity = [](Element e) { return e; };
  const Fault faults[] = {
      {Dataset::FromTensors({}), "FromTensors: there are no components"},
      {Dataset::FromTensors({x, Tensor()}), "FromTensors: component 1 is no tensor"},
      {Dataset::FromTensorSlices({x, y}),
       "FromTensorSlices: component 1 has 2 rows; expected 3 as component 0 has"},
      {Dataset::FromTensorSlices({Tensor::Scalar(1.0f)}),
       "FromTensorSlices: component 0 has no rows: expected a tensor with at least one axis, found "
       "float32[]"},
      {Dataset::Range(1, 2, 0), "Range: the step must not be 0"},
      {Dataset::Range(INT64_MIN, INT64_MAX), "Range: there are more than 2^63 - 1 integers"},
      {Dataset::FromGenerator({}, nullptr),
       "FromGenerator: expected the components' types and a function"},
      {five.Map(MapFn()), "Map: there is no function"},
      {five.Map(identity, {.num_parallel = 0}), "Map: num_parallel is 0; expected 1 to 256"},
      {five.Filter(FilterFn()), "Filter: there is no function"},
      {five.Shuffle(0), "Shuffle: the buffer has 0 elements; expected 1 to 16777216"},
      {five.Batch(0), "Batch: the size is 0; expected 1 to 1073741824"},
      {five.Batch(-1).Shuffle(3).Batch(2), "Batch: the size is -1; expected 1 to 1073741824"},
      {five.PaddedBatch(2, {.padded_shapes = {{1}}}),
       "PaddedBatch: component 0 has the shape [], but the padded shape is [1]"},
      {five.PaddedBatch(2, {.padding_values = {1, 2}}),
       "PaddedBatch: there are 1 components, but 1 shapes and 2 values"},
      {five.Unbatch(), "Unbatch: component 0 is a scalar; expected at least one axis"},
      {five.Window(2, {.shift = -1}), "Window, shift: the size is -1; expected 1 to 1073741824"},
      {five.Window(1 << 20, {.stride = 1 << 20}),
       "Window: it reaches over 1099510579200 elements; expected fewer than 1073741824"},
      {five.Skip(-1), "Skip: the count is -1"},
      {five.Shard(3, 3), "Shard: expected an index from 0 to num_shards - 1, found 3 of 3"},
      {Dataset::Zip({}), "Zip: there are no datasets"},
      {Dataset::Zip({five, five.Batch(0)}),
       "Zip, dataset 1: Batch: the size is 0; expected 1 to 1073741824"},
      {five.Concatenate(Dataset::FromTensorSlices({x})),
       "Concatenate: dataset 1 has elements {float32[2]}; expected {int64[]} as dataset 0 has"},
      {five.Repeat().Cache(),
       "Cache: its input never ends (put Repeat() behind it); expected a dataset that does"},
      {five.Prefetch(0), "Prefetch: the count is 0; expected 1 to 1000000"},
      {five.ParseExample({{"x", DType::kInt64}}),
       "ParseExample: expected a serialized Example, uint8[bytes]; found int64[]"},
  };
  for (const Fault& fault : faults) {
    EXPECT_EQ(fault.dataset.status().message(), fault.message);
    EXPECT_EQ(fault.dataset.Iterate().status(), fault.dataset.status());
    EXPECT_TRUE(fault.dataset.element_types().empty());
  }
}

TEST(Errors, OfElements) {
  const Dataset five = Dataset::Range(5);
  const Fault faults[] = {
      {five.Map([](Element) { return Element{}; }),
       "Map, element 0: expected 1 components, found 0"},
      {five.Map([](Element) { return Element{Tensor::Scalar(1.0f)}; }),
       "Map, element 0: component 0: expected int64[], found float32[]"},
      {five.Map([](Element) { return Element{Tensor()}; }),
       "Map, element 0: component 0: expected int64[], found no tensor"},
      {five.Map(UpTo, Ragged()).Batch(2),
       "Batch(2), batch 0: element 1, component 0 has the shape [2]; expected [1] as of element 0 "
       "(PaddedBatch() takes different ones)"},
      {five.Map(UpTo, Ragged()).PaddedBatch(4, {.padded_shapes = {{3}}}),
       "PaddedBatch(4), batch 0: element 3, component 0 has the shape [4], which cannot be padded "
       "to [3]"},
      {Dataset::FromGenerator(IntType(), [] { return Squares(2); }, {.cardinality = 3}),
       "FromGenerator, element 2: the generator has ended; expected 3 elements"},
      {Dataset::FromGenerator(IntType(), [] { return Squares(5); }, {.cardinality = 3}),
       "FromGenerator, element 3: expected no more than 3 elements"},
      {Dataset::FromGenerator({{DType::kFloat32, Shape{}}}, [] { return Squares(5); }),
       "FromGenerator, element 0: component 0: expected float32[], found int64[]"},
      {Dataset::FromGenerator(IntType(), [] { return GeneratorFn(); }),
       "FromGenerator: expected a function, found none"},
      {five.Filter([](const Element&) -> absl::StatusOr<bool> { return InvalidArgument("no"); }),
       "Filter, element 0: no"},
      {five.Interleave({{DType::kInt64, Shape{2}}},
                       [](const Element& e) { return Dataset::FromTensors(e); }),
       "Interleave, element 0: the dataset has elements {int64[]}; expected {int64[2]}"},
      {five.Map(Throw), "Map, element 0: an exception was thrown: five"},
      {five.Map(Throw, {.num_parallel = 2}).Prefetch(2),
       "Map, element 0: an exception was thrown: five"},
      {five.Filter([](const Element& e) -> absl::StatusOr<bool> { return Throw(e).ok(); })
           .Prefetch(2),
       "Filter, element 0: an exception was thrown: five"},
      {Dataset::FromGenerator(IntType(), [] { return [] { return Throw({}); }; }).Prefetch(2),
       "FromGenerator, element 0: an exception was thrown: five"},
  };
  for (const Fault& fault : faults) {
    ASSERT_TRUE(fault.dataset.status().ok()) << fault.dataset.status();
    EXPECT_EQ(Line(fault.dataset), fault.message);
  }
}

TEST(Errors, DeepAndWidePipelinesAreRefused) {
  Dataset deep = Dataset::Range(1);
  for (int i = 0; i < 2000; ++i) deep = deep.Take(1);
  EXPECT_TRUE(absl::StrContains(deep.status().message(), "more than 1000 stages in a row"));
  Dataset wide = Dataset::Range(1);
  for (int i = 0; i < 40; ++i) wide = wide.Concatenate(wide);
  EXPECT_TRUE(absl::StrContains(wide.status().message(), "more than 1000000 stages"));
}

TEST(Errors, OfMemory) {
  const Dataset large = Dataset::Range(3).Map(
      [](Element) -> absl::StatusOr<Element> {
        return Element{Tensor(DType::kFloat32, {1 << 20})};
      },
      {.types = {{DType::kFloat32, PartialShape::OfRank(1)}}});
  EXPECT_TRUE(Elements(large, {.memory_limit_bytes = 5 << 20}).ok());
  // The buffer holds all three.
  for (const Dataset& dataset : {large.Shuffle(3), large.Shuffle(3).Prefetch(1)}) {
    EXPECT_EQ(Elements(dataset, {.memory_limit_bytes = 10 << 20}).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
}

// An iteration may be given up at any time, also while its threads are at work or have failed.
TEST(Threads, AreJoined) {
  for (int taken = 0; taken < 6; ++taken) {
    auto running = std::make_shared<std::atomic<int>>(0);
    const auto slowly = [running](Element x) -> absl::StatusOr<Element> {
      ++*running;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      --*running;
      return FailAtThree(std::move(x));
    };
    const Dataset dataset = Dataset::Range(1000)
                                .Map(slowly, {.num_parallel = 4})
                                .Prefetch(3)
                                .Map(slowly, {.num_parallel = 2})
                                .Prefetch(1);
    {
      auto iterator = dataset.Iterate();
      for (int i = 0; i < taken; ++i) (void)(*iterator)->Next();
    }
    EXPECT_EQ(*running, 0);
  }
}

// A filter that lets nothing through, of numbers without end, in a thread.
TEST(Threads, AreStoppedWhereTheyWouldNeverEnd) {
  const Dataset dataset =
      Dataset::Range(10)
          .Repeat()
          .Filter([](const Element& x) -> absl::StatusOr<bool> { return x[0].at<int64_t>() < 0; })
          .Prefetch(2);
  auto iterator = dataset.Iterate();
  std::thread stuck([&] { EXPECT_TRUE(absl::IsCancelled((*iterator)->Next().status())); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  (*iterator)->Cancel();
  stuck.join();
}

TEST(Stats, SayWhichStageIsSlow) {
  const auto slow = [](Element x) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return x;
  };
  auto iterator = Dataset::Range(20).Map(slow).Batch(5).Prefetch(1).Iterate();
  ASSERT_EQ(Rest(**iterator)->size(), 4u);
  const PipelineStats stats = (*iterator)->stats();
  ASSERT_EQ(stats.stages.size(), 4u);
  EXPECT_EQ(stats.stages[0].name, "Prefetch(1)");
  EXPECT_EQ(stats.stages[1].name, "Batch(5)");
  EXPECT_EQ(stats.stages[1].elements, 4);
  EXPECT_EQ(stats.stages[2].name, "Map");
  EXPECT_EQ(stats.stages[2].elements, 20);
  // Sleeping takes at least as long as was asked for; the others only what the machine makes of
  // them.
  EXPECT_GE(stats.stages[2].busy_seconds, 0.04);
  EXPECT_GE(stats.stages[1].waiting_seconds, 0.04);
  EXPECT_LT(stats.stages[1].busy_seconds, stats.stages[2].busy_seconds);
  EXPECT_LT(stats.stages[3].busy_seconds, stats.stages[2].busy_seconds);
  const std::string text = stats.ToString();
  EXPECT_GE(stats.caller_waiting_seconds, 0.04);
  EXPECT_LE(stats.caller_waiting_seconds, stats.seconds);
  const size_t table = text.find("The caller waited ");
  ASSERT_NE(table, std::string::npos) << text;
  for (const absl::string_view line :
       absl::StrSplit(text.substr(0, table), '\n', absl::SkipEmpty())) {
    EXPECT_EQ(line.size(), text.find('\n')) << text;
  }
  EXPECT_TRUE(absl::StrContains(text, "\n    Map ")) << text;
}

}  // namespace
}  // namespace nomograph
