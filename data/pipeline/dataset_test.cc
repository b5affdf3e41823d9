// The transformations on small numbers, each with what tf.data's documentation says or what is
// plain to see; and positions, which are tried at every element of every one of them.
#include "nomograph/data/pipeline/dataset.h"

#include <filesystem>
#include <fstream>
#include <set>

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

void Overwrite(const std::string& path, absl::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
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
    Overwrite(path, damaged);
    EXPECT_FALSE(Elements(cached).ok()) << i;
    Overwrite(path, bytes.substr(0, i));
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
