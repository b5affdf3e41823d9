// The transformations on small numbers, each with what tf.data's documentation says or what is
// plain to see; and positions, which are tried at every element of every one of them.
#include "nomograph/data/pipeline/dataset.h"

#include <filesystem>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/pipeline_testing.h"

namespace nomograph {
namespace {

absl::StatusOr<Element> TimesTen(Element x) {
  return Element{Tensor::Scalar(x[0].at<int64_t>() * 10)};
}

// Twelve random bits for each element.
absl::StatusOr<Element> Noise(Element /*x*/, const MapContext& context) {
  const PhiloxStream stream(context.seed, 0, static_cast<uint64_t>(context.index));
  return Element{Tensor::Scalar(int64_t{stream.At(0) >> 20})};
}

absl::StatusOr<bool> IsEven(const Element& x) { return x[0].at<int64_t>() % 2 == 0; }

// x, x times.
absl::StatusOr<Dataset> Repeated(const Element& x, int64_t count) {
  return Dataset::FromTensors(x).Repeat(count);
}

// [0], [0 1], [0 1 2], …
absl::StatusOr<Element> UpTo(Element x) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i <= x[0].at<int64_t>(); ++i) values.push_back(i);
  return Element{Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values)};
}
MapOptions Ragged() { return {.types = {{DType::kInt64, PartialShape::OfRank(1)}}}; }

GeneratorFn Squares(int64_t count) {
  return [i = int64_t{0}, count]() mutable -> absl::StatusOr<std::optional<Element>> {
    if (i == count) return std::nullopt;
    const int64_t value = i * i;
    ++i;
    return Element{Tensor::Scalar(value)};
  };
}

const std::vector<TensorType>& IntType() {
  static const auto* const types = new std::vector<TensorType>{{DType::kInt64, Shape{}}};
  return *types;
}

struct Case {
  const char* name;
  Dataset dataset;
  const char* expected;
  int64_t cardinality;
};

std::vector<Case> Cases() {
  const Dataset five = Dataset::Range(5);
  const Tensor x = Tensor::Of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor y = Tensor::Vector<int64_t>({7, 8, 9});
  const auto interleaved = [](int num_parallel) {
    return Dataset::Range(1, 6).Interleave(
        IntType(), [](const Element& e) { return Repeated(e, 6); },
        {.cycle_length = 2, .block_length = 4, .num_parallel = num_parallel});
  };
  // https://www.tensorflow.org/api_docs/python/tf/data/Dataset#interleave
  const char* const kInterleaved =
      "1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5";
  return {
      {"tensors", Dataset::FromTensors({x, y}), "[1 2 3 4 5 6]; [7 8 9]", 1},
      {"slices", Dataset::FromTensorSlices({x, y}), "[1 2]; 7, [3 4]; 8, [5 6]; 9", 3},
      {"no slices", Dataset::FromTensorSlices({Tensor(DType::kFloat32, {0, 2})}), "", 0},
      {"range", Dataset::Range(2, 12, 3), "2, 5, 8, 11", 4},
      {"range down", Dataset::Range(3, -4, -3), "3, 0, -3", 3},
      {"empty range", Dataset::Range(3, 3), "", 0},
      {"range the wrong way", Dataset::Range(3, 1), "", 0},
      {"generator", Dataset::FromGenerator(IntType(), [] { return Squares(4); }), "0, 1, 4, 9",
       kUnknownCardinality},
      {"generator of known length",
       Dataset::FromGenerator(IntType(), [] { return Squares(3); }, {.cardinality = 3}), "0, 1, 4",
       3},
      {"map", five.Map(TimesTen), "0, 10, 20, 30, 40", 5},
      {"parallel map", five.Map(TimesTen, {.num_parallel = 3}), "0, 10, 20, 30, 40", 5},
      {"filter", five.Filter(IsEven), "0, 2, 4", kUnknownCardinality},
      {"batch", five.Batch(2), "[0 1], [2 3], [4]", 3},
      {"full batches", five.Batch(2, {.drop_remainder = true}), "[0 1], [2 3]", 2},
      {"batches of batches", five.Batch(2, {.drop_remainder = true}).Batch(2), "[0 1 2 3]", 1},
      {"padded", Dataset::Range(3).Map(UpTo, Ragged()).PaddedBatch(2), "[0 0 0 1], [0 1 2]", 2},
      {"padded to a size",
       Dataset::Range(3)
           .Map(UpTo, Ragged())
           .PaddedBatch(2, {.padded_shapes = {{4}}, .padding_values = {-1}}),
       "[0 -1 -1 -1 0 1 -1 -1], [0 1 2 -1]", 2},
      {"unbatch", five.Batch(2).Unbatch(), "0, 1, 2, 3, 4", kUnknownCardinality},
      {"unbatch full ones", five.Batch(2, {.drop_remainder = true}).Unbatch(), "0, 1, 2, 3", 4},
      {"repeat", Dataset::Range(2).Repeat(3), "0, 1, 0, 1, 0, 1", 6},
      {"repeat nothing", Dataset::Range(0).Repeat(), "", 0},
      {"repeat nothing that looks like something", Dataset::Range(1, 2).Filter(IsEven).Repeat(), "",
       kUnknownCardinality},
      {"take", five.Take(2), "0, 1", 2},
      {"take more", five.Take(9), "0, 1, 2, 3, 4", 5},
      {"take all", five.Take(-1), "0, 1, 2, 3, 4", 5},
      {"take of what does not end", five.Repeat().Take(7), "0, 1, 2, 3, 4, 0, 1", 7},
      {"skip", five.Skip(2), "2, 3, 4", 3},
      {"skip all", five.Skip(6), "", 0},
      {"skip and take", five.Skip(1).Take(3).Skip(1), "2, 3", 2},
      {"shard", Dataset::Range(10).Shard(3, 1), "1, 4, 7", 3},
      {"shard of few", Dataset::Range(2).Shard(3, 2), "", 0},
      // https://www.tensorflow.org/api_docs/python/tf/data/Dataset#zip
      {"zip", Dataset::Zip({Dataset::Range(1, 4), Dataset::Range(4, 7)}), "1; 4, 2; 5, 3; 6", 3},
      {"zip of two lengths", Dataset::Zip({five, Dataset::Range(2)}), "0; 0, 1; 1", 2},
      {"concatenate", Dataset::Range(1, 4).Concatenate(Dataset::Range(4, 8)), "1, 2, 3, 4, 5, 6, 7",
       7},
      {"concatenate three",
       Dataset::Concatenate({Dataset::Range(2), Dataset::Range(0), Dataset::Range(5, 6)}),
       "0, 1, 5", 3},
      {"interleave", interleaved(1), kInterleaved, kUnknownCardinality},
      {"parallel interleave", interleaved(2), kInterleaved, kUnknownCardinality},
      {"interleave of datasets",
       Dataset::Interleave({Dataset::Range(3), Dataset::Range(10, 11), Dataset::Range(20, 22)},
                           {.cycle_length = 2, .block_length = 1}),
       "0, 10, 1, 2, 20, 21", 6},
      {"windows", Dataset::Range(7).Window(3), "[0 1 2], [3 4 5], [6]", 3},
      {"sliding windows", five.Window(3, {.shift = 1, .drop_remainder = true}),
       "[0 1 2], [1 2 3], [2 3 4]", 3},
      {"sliding windows to the end", five.Window(3, {.shift = 2}), "[0 1 2], [2 3 4], [4]", 3},
      // tf.data.Dataset.range(7).window(3, 1, 2, drop_remainder=True)
      {"windows with a stride",
       Dataset::Range(7).Window(3, {.shift = 1, .stride = 2, .drop_remainder = true}),
       "[0 2 4], [1 3 5], [2 4 6]", 3},
      {"windows with gaps", Dataset::Range(9).Window(2, {.shift = 4}), "[0 1], [4 5], [8]", 3},
      {"cache", five.Cache(), "0, 1, 2, 3, 4", 5},
      {"prefetch", five.Prefetch(2), "0, 1, 2, 3, 4", 5},
      {"all at once",
       Dataset::Range(20)
           .Map(TimesTen, {.num_parallel = 2})
           .Filter([](const Element& e) -> absl::StatusOr<bool> {
             return e[0].at<int64_t>() % 20 == 0;
           })
           .Batch(3)
           .Prefetch(2),
       "[0 20 40], [60 80 100], [120 140 160], [180]", kUnknownCardinality},
  };
}

TEST(Dataset, YieldsWhatItSays) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    ASSERT_TRUE(c.dataset.status().ok()) << c.dataset.status();
    EXPECT_EQ(Line(c.dataset), c.expected);
    EXPECT_EQ(Line(c.dataset, {.epoch = 3, .seed = 4}), c.expected);
    EXPECT_EQ(c.dataset.Cardinality(), c.cardinality);
  }
}

TEST(Dataset, ElementsAreOfTheTypesThatItSays) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    auto iterator = c.dataset.Iterate();
    ASSERT_TRUE(iterator.ok()) << iterator.status();
    while (true) {
      auto element = (*iterator)->Next();
      ASSERT_TRUE(element.ok()) << element.status();
      if (!*element) break;
      ASSERT_EQ((*element)->size(), c.dataset.element_types().size());
      for (size_t i = 0; i < (*element)->size(); ++i) {
        EXPECT_EQ((**element)[i].dtype(), c.dataset.element_types()[i].dtype);
        EXPECT_TRUE(Matches((**element)[i].shape(), c.dataset.element_types()[i].shape));
      }
    }
    EXPECT_FALSE((*iterator)->Next().value().has_value());  // the end stays the end
  }
}

TEST(Position, GoesOnExactlyThere) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    CheckPositions(c.dataset);
  }
}

// Pipelines with random numbers, of which only the properties are known.
std::vector<Case> RandomCases() {
  const Dataset ten = Dataset::Range(10);
  const Dataset unknown = ten.Filter([](const Element&) { return true; });
  return {
      {"shuffle", ten.Shuffle(4)},
      {"shuffle all", ten.Shuffle(100)},
      {"shuffle of unknown length", unknown.Shuffle(4)},
      {"shuffle and repeat", ten.Shuffle(4).Repeat(3)},
      {"repeat and shuffle", ten.Repeat(3).Shuffle(4)},
      {"shuffle of what does not end", ten.Repeat().Shuffle(4).Take(35)},
      {"shuffle twice", ten.Shuffle(4).Batch(2).Shuffle(3)},
      {"the same order", ten.Shuffle(4, {.reshuffle_each_iteration = false}).Repeat(2)},
      {"noise", ten.Map(Noise)},
      {"parallel noise", ten.Map(Noise, {.num_parallel = 3}).Repeat(2).Prefetch(3)},
      {"noise of a shuffled order", unknown.Shuffle(3).Map(Noise, {.num_parallel = 2}).Batch(3)},
      {"zip", Dataset::Zip({ten.Shuffle(5), unknown.Map(Noise)})},
      {"interleave",
       ten.Interleave(IntType(),
                      [](const Element& e) { return Repeated(e, 3)->Map(Noise).Shuffle(2); },
                      {.cycle_length = 3, .num_parallel = 2})},
      {"shard of a shuffle", ten.Shuffle(10).Shard(3, 1)},
      {"skip of a shuffle", ten.Shuffle(4).Skip(3).Repeat(2)},
      {"concatenate", ten.Shuffle(4).Concatenate(unknown.Shuffle(4))},
      {"windows", ten.Shuffle(4).Window(3, {.shift = 2})},
      {"cache", ten.Map(Noise).Cache().Shuffle(5).Repeat(2)},
  };
}

TEST(Position, GoesOnExactlyThereInRandomOrders) {
  for (const Case& c : RandomCases()) {
    SCOPED_TRACE(c.name);
    for (const int64_t epoch : {0, 2}) CheckPositions(c.dataset, {.epoch = epoch, .seed = 5});
  }
}

TEST(Random, DependsOnSeedAndEpochAlone) {
  for (const Case& c : RandomCases()) {
    SCOPED_TRACE(c.name);
    const std::string line = Line(c.dataset, {.epoch = 1, .seed = 9});
    EXPECT_EQ(Line(c.dataset, {.epoch = 1, .seed = 9}), line);
    const absl::string_view name = c.name;
    const bool every_epoch = name != "the same order";
    EXPECT_EQ(Line(c.dataset, {.epoch = 2, .seed = 9}) != line, every_epoch);
    EXPECT_NE(Line(c.dataset, {.epoch = 1, .seed = 10}), line);
  }
}

TEST(Random, DoesNotDependOnThreads) {
  const Dataset one = Dataset::Range(200).Shuffle(50).Map(Noise);
  for (const int threads : {2, 3, 8}) {
    const Dataset several =
        Dataset::Range(200).Shuffle(50).Map(Noise, {.num_parallel = threads}).Prefetch(3);
    EXPECT_EQ(Line(several, {.seed = 3}), Line(one, {.seed = 3})) << threads;
  }
}

TEST(Random, EpochsAreThePassesOfRepeat) {
  const Dataset once = Dataset::Range(10).Shuffle(10).Map(Noise);
  const std::string both = Line(once.Repeat(2));
  EXPECT_EQ(both, absl::StrCat(Line(once), ", ", Line(once, {.epoch = 1})));
}

TEST(Random, StagesThatComeLaterChangeNothingBefore) {
  const Dataset shuffled = Dataset::Range(10).Shuffle(10);
  EXPECT_EQ(Line(shuffled), Line(shuffled.Prefetch(2).Map([](Element x) { return x; })));
  EXPECT_NE(Line(shuffled), Line(shuffled.Shuffle(10)));
}

TEST(Shuffle, YieldsEachElementOnceAndNoneTooEarly) {
  constexpr int64_t kCount = 1000, kBuffer = 30;
  auto iterator = Dataset::Range(kCount).Shuffle(kBuffer).Iterate({.seed = 1});
  ASSERT_TRUE(iterator.ok());
  std::set<int64_t> seen;
  int64_t moved = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    const auto element = (*iterator)->Next();
    ASSERT_TRUE(element.ok() && element->has_value());
    const int64_t value = (**element)[0].at<int64_t>();
    EXPECT_TRUE(seen.insert(value).second) << value;
    EXPECT_LT(value, i + kBuffer);
    if (value != i) ++moved;
  }
  EXPECT_FALSE((*iterator)->Next()->has_value());
  EXPECT_GT(moved, kCount * 9 / 10);
}

// Each of the elements comes first equally often: chi-squared with 9 degrees of freedom, beyond
// 27.9 once in a thousand times.
TEST(Shuffle, IsFair) {
  std::vector<int> first(10);
  constexpr int kTrials = 5000;
  for (int trial = 0; trial < kTrials; ++trial) {
    auto iterator = Dataset::Range(10).Shuffle(10).Iterate({.epoch = trial});
    ++first[static_cast<size_t>((**(*iterator)->Next())[0].at<int64_t>())];
  }
  double chi_squared = 0;
  for (const int count : first) {
    chi_squared += (count - kTrials / 10.0) * (count - kTrials / 10.0) / (kTrials / 10.0);
  }
  EXPECT_LT(chi_squared, 27.9);
}

TEST(Shuffle, TwoWithOneSeedHaveOneOrder) {
  const Dataset x = Dataset::Range(20).Shuffle(20, {.seed = 4});
  const Dataset y = Dataset::Range(100, 120).Shuffle(20, {.seed = 4});
  const auto pairs = Elements(Dataset::Zip({x, y}), {.epoch = 2});
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  EXPECT_NE((*pairs)[0], "0; 100");
  for (const std::string& pair : *pairs) {
    const std::vector<std::string> both = absl::StrSplit(pair, "; ");
    EXPECT_EQ(std::stoi(both[0]) + 100, std::stoi(both[1]));
  }
}

TEST(Cache, ComputesOnce) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  const Dataset counted = Dataset::Range(5).Map([calls](Element x) {
    ++*calls;
    return x;
  });
  const Dataset cached = counted.Cache();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Line(cached), "0, 1, 2, 3, 4");
  EXPECT_EQ(*calls, 5);
  EXPECT_EQ(Line(cached.Repeat(2).Take(7)), "0, 1, 2, 3, 4, 0, 1");
  EXPECT_EQ(*calls, 5);
}

std::string TempPath(absl::string_view name) {
  const std::string path = absl::StrCat(testing::TempDir(), "/dataset_test_", name);
  std::filesystem::remove(path);
  return path;
}

TEST(Cache, InAFile) {
  const std::string path = TempPath("cache");
  auto calls = std::make_shared<std::atomic<int>>(0);
  const Dataset counted = Dataset::Range(6).Batch(4).Map([calls](Element x) {
    ++*calls;
    return x;
  });
  const Dataset cached = counted.Cache(path);
  EXPECT_EQ(Line(cached.Take(1)), "[0 1 2 3]");
  EXPECT_FALSE(std::filesystem::exists(path)) << "a part of a pass leaves no file";
  EXPECT_EQ(Line(cached), "[0 1 2 3], [4 5]");
  EXPECT_TRUE(std::filesystem::exists(path));
  *calls = 0;
  EXPECT_EQ(Line(cached), "[0 1 2 3], [4 5]");
  CheckPositions(cached);
  EXPECT_EQ(*calls, 0);
  // Another pipeline, or a damaged file, is found out at every byte.
  const Dataset other = Dataset::Range(6).Batch(3).Cache(path);
  EXPECT_TRUE(absl::StrContains(other.Iterate().status().message(), "another pipeline wrote it"))
      << other.Iterate().status();
  const std::string bytes = *ReadFile(path);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    ASSERT_TRUE(WriteFileAtomically(path, damaged).ok());
    EXPECT_FALSE(Elements(cached).ok()) << i;
    ASSERT_TRUE(WriteFileAtomically(path, bytes.substr(0, i)).ok());
    EXPECT_FALSE(Elements(cached).ok()) << i;
  }
}

TEST(Position, OfAFileThatIsBeingCached) {
  const std::string path = TempPath("cache_position");
  const Dataset cached = Dataset::Range(5).Cache(path);
  auto iterator = cached.Iterate();
  ASSERT_TRUE((*iterator)->Next().ok());
  const std::string position = (*iterator)->SavePosition();
  auto other = cached.Iterate();
  ASSERT_TRUE((*other)->RestorePosition(position).ok());
  EXPECT_EQ(Rest(**other)->size(), 4u);
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(Rest(**iterator)->size(), 4u);
}

TEST(Position, IsRefusedWhereItDoesNotBelong) {
  const Dataset dataset = Dataset::Range(10).Shuffle(4).Batch(2);
  auto iterator = dataset.Iterate({.epoch = 1, .seed = 2});
  ASSERT_TRUE((*iterator)->Next().ok());
  const std::string position = (*iterator)->SavePosition();
  // Every change of a byte, and every cut, is found out.
  for (size_t i = 0; i < position.size(); ++i) {
    std::string other = position;
    other[i] = other[i] == '1' ? '2' : '1';
    EXPECT_FALSE((*iterator)->RestorePosition(other).ok()) << other;
    EXPECT_FALSE((*iterator)->RestorePosition(position.substr(0, i)).ok()) << i;
  }
  EXPECT_FALSE((*iterator)->RestorePosition(position + " ").ok());
  EXPECT_FALSE((*iterator)->RestorePosition(std::string(1 << 20, ' ')).ok());
  EXPECT_EQ((*iterator)->SavePosition(), position) << "after a refusal it is where it was";
  for (const Dataset& other :
       {Dataset::Range(11).Shuffle(4).Batch(2), Dataset::Range(10).Shuffle(5).Batch(2),
        Dataset::Range(10).Shuffle(4).Batch(2, {.drop_remainder = true}),
        Dataset::Range(10).Shuffle(4).Batch(2).Prefetch(1)}) {
    const absl::Status status = (*other.Iterate())->RestorePosition(position);
    EXPECT_TRUE(absl::StrContains(status.message(), "another pipeline")) << status;
  }
}

TEST(Position, OfADatasetThatHasBecomeShorter) {
  auto count = std::make_shared<int64_t>(5);
  const Dataset dataset = Dataset::FromGenerator(IntType(), [count] { return Squares(*count); });
  auto iterator = dataset.Iterate();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE((*iterator)->Next().ok());
  *count = 3;
  const absl::Status status = (*dataset.Iterate())->RestorePosition((*iterator)->SavePosition());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

// A function that fails at 3.
absl::StatusOr<Element> FailAtThree(Element x) {
  if (x[0].at<int64_t>() == 3) return InvalidArgument("three is too many");
  return x;
}

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
                       [](const Element& e) { return Repeated(e, 1); }),
       "Interleave, element 0: the dataset has elements {int64[]}; expected {int64[2]}"},
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
  EXPECT_GE(stats.stages[2].busy_seconds, 0.04);
  EXPECT_GE(stats.stages[1].waiting_seconds, 0.04);
  EXPECT_LT(stats.stages[1].busy_seconds, 0.02);
  EXPECT_LT(stats.stages[3].busy_seconds, 0.02);
  const std::string text = stats.ToString();
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    EXPECT_EQ(line.size(), text.find('\n')) << text;
  }
  EXPECT_TRUE(absl::StrContains(text, "\n    Map ")) << text;
}

TEST(Dataset, TellsWhatItIs) {
  EXPECT_EQ(Dataset::Range(10).Shuffle(4).Batch(2, {.drop_remainder = true}).ToString(),
            "Range(0,10,1) > Shuffle(4) > Batch(2,full)");
  EXPECT_EQ(Dataset::Zip({Dataset::Range(1), Dataset::Range(2)}).ToString(),
            "(Range(0,1,1), Range(0,2,1)) > Zip(2)");
}

TEST(Dataset, OutlivesItsHandle) {
  auto iterator = Dataset::Range(3).Batch(2).Prefetch(1).Iterate();
  EXPECT_EQ(Rest(**iterator)->size(), 2u);
}

// What a function gets cannot be written to, so that no function changes the dataset.
TEST(Dataset, SlicesAreReadOnly) {
  for (const Dataset& dataset :
       {Dataset::FromTensorSlices({Tensor(DType::kFloat32, {2, 2})}),
        Dataset::FromTensors({Tensor(DType::kFloat32, {2, 2})}),
        Dataset::FromTensors({Tensor(DType::kFloat32, {2, 2})}).Unbatch()}) {
    EXPECT_FALSE((**(*dataset.Iterate())->Next())[0].writable());
  }
}

}  // namespace
}  // namespace nomograph
