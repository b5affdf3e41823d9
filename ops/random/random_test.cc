// What no single example shows of the random ops: distributions, and which numbers depend on what.
// The bounds are five standard errors wide, and the numbers are the same in every run of the test.
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;

Tensor RunNode(absl::string_view name, const std::vector<Tensor>& inputs, const Attributes& attrs,
               const RunContext& run = {.training = true}, uint64_t node_key = 1) {
  RunOpOptions options;
  options.run = run;
  options.node_key = node_key;
  const auto outputs = RunOp(*OpRegistry::Default().Find(name), inputs, attrs, options);
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return outputs.ok() ? (*outputs)[0] : Tensor(DType::kFloat32, {0});
}

std::string Fault(absl::string_view name, const std::vector<Tensor>& inputs,
                  const Attributes& attrs) {
  return std::string(RunOp(*OpRegistry::Default().Find(name), inputs, attrs).status().message());
}

Doubles Values(const Tensor& tensor) {
  Doubles values;
  for (int64_t i = 0; i < tensor.num_elements(); ++i) values.push_back(tensor.AsDouble(i));
  return values;
}

constexpr int64_t kCount = 40000;

struct Distribution {
  std::string op;
  Attributes attrs;
  double mean, variance;
  double least, most;
};

std::vector<Distribution> Distributions() {
  const Attributes shape = {{"shape", kCount}};
  const auto with = [&](std::initializer_list<std::pair<std::string, AttrValue>> more) {
    Attributes attrs = shape;
    for (const auto& [name, value] : more) attrs.Set(name, value);
    return attrs;
  };
  return {
      {"random.Uniform", shape, 0.5, 1.0 / 12, 0, 1 - 0x1p-24},
      {"random.Uniform", with({{"minval", -3}, {"maxval", 5}}), 1, 64.0 / 12, -3, 5},
      {"random.Uniform", with({{"dtype", DType::kFloat64}}), 0.5, 1.0 / 12, 0, 1 - 0x1p-53},
      {"random.Normal", shape, 0, 1, -6.67, 6.67},
      {"random.Normal", with({{"mean", 10}, {"stddev", 0.5}}), 10, 0.25, 6, 14},
      {"random.RandInt", with({{"minval", -2}, {"maxval", 3}}), 0, 2, -2, 2},
      {"random.RandInt", with({{"minval", 0}, {"maxval", 256}, {"dtype", DType::kUInt8}}), 127.5,
       65535.0 / 12, 0, 255},
  };
}

TEST(Distributions, HaveTheirMeanVarianceAndRange) {
  for (const Distribution& d : Distributions()) {
    SCOPED_TRACE(d.op + " " + d.attrs.ToString());
    double sum = 0, squares = 0;
    for (const double value : Values(RunNode(d.op, {}, d.attrs))) {
      EXPECT_GE(value, d.least);
      EXPECT_LE(value, d.most);
      sum += value - d.mean;
      squares += (value - d.mean) * (value - d.mean);
    }
    EXPECT_NEAR(sum / kCount, 0, 5 * std::sqrt(d.variance / kCount));
    // The fourth moment is at most 3 times the squared variance, that of the normal distribution.
    EXPECT_NEAR(squares / kCount, d.variance, 5 * d.variance * std::sqrt(2.0 / kCount));
  }
}

TEST(Distributions, NormalHasItsTails) {
  int beyond[4] = {};
  for (const double value : Values(RunNode("random.Normal", {}, {{"shape", kCount}}))) {
    for (int k = 1; k < 4; ++k) beyond[k] += std::abs(value) > k;
  }
  EXPECT_NEAR(beyond[1], 0.3173 * kCount, 5 * std::sqrt(0.3173 * kCount));
  EXPECT_NEAR(beyond[2], 0.0455 * kCount, 5 * std::sqrt(0.0455 * kCount));
  EXPECT_NEAR(beyond[3], 0.0027 * kCount, 5 * std::sqrt(0.0027 * kCount));
}

TEST(Distributions, BernoulliHitsAsOftenAsItsProbability) {
  for (const double p : {0.0, 0.1, 0.5, 1.0}) {
    double hits = 0;
    for (const double y :
         Values(RunNode("random.Bernoulli", {Tensor::Full(DType::kFloat32, {kCount}, p)}, {}))) {
      hits += y;
    }
    EXPECT_NEAR(hits, p * kCount, 5 * std::sqrt(p * (1 - p) * kCount) + 1e-9);
  }
}

TEST(Distributions, MultinomialDrawsClassesAsOftenAsTheirProbabilities) {
  const double probabilities[] = {0.1, 0.4, 0, 0.3, 0.2};
  Tensor x(DType::kFloat64, {2, 5});
  for (int i = 0; i < 10; ++i) x.mutable_data<double>()[i] = 7 + std::log(probabilities[i % 5]);
  const Tensor y = RunNode("random.Multinomial", {x}, {{"sample_size", kCount}});
  const Doubles classes = Values(y);
  for (int row = 0; row < 2; ++row) {
    int hits[5] = {};
    for (int64_t i = 0; i < kCount; ++i) ++hits[static_cast<int>(classes[row * kCount + i])];
    for (int c = 0; c < 5; ++c) {
      const double p = probabilities[c];
      EXPECT_NEAR(hits[c], p * kCount, 5 * std::sqrt(p * (1 - p) * kCount)) << row << ", " << c;
    }
  }
  EXPECT_FALSE(y.Rows(0, 1) == y.Rows(1, 2));
}

double Correlation(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - 0.5) * (b[i] - 0.5);
  return 12 * sum / static_cast<double>(a.size());
}

TEST(Keys, SeedNodeAndStepGiveIndependentNumbers) {
  const Attributes attrs = {{"shape", kCount}};
  const std::vector<Doubles> draws = {
      Values(RunNode("random.Uniform", {}, attrs, {.seed = 1, .step = 1}, 1)),
      Values(RunNode("random.Uniform", {}, attrs, {.seed = 2, .step = 1}, 1)),
      Values(RunNode("random.Uniform", {}, attrs, {.seed = 1, .step = 2}, 1)),
      Values(RunNode("random.Uniform", {}, attrs, {.seed = 1, .step = 1}, 2)),
  };
  for (size_t i = 0; i < draws.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NEAR(Correlation(draws[i], draws[j]), 0, 5 / std::sqrt(kCount)) << i << ", " << j;
    }
  }
  const Doubles later(draws[0].begin() + 1, draws[0].end());
  EXPECT_NEAR(Correlation(later, draws[0]), 0, 5 / std::sqrt(kCount));
}

TEST(Keys, EqualKeysGiveEqualNumbers) {
  const RunContext run = {.seed = 1, .step = 3};
  EXPECT_EQ(RunNode("random.Normal", {}, {{"shape", 100}}, run),
            RunNode("random.Normal", {}, {{"shape", 100}}, run));
}

TEST(Keys, TheAttributeSeedTakesTheRunsPlace) {
  const Attributes own = {{"shape", 10}, {"seed", 5}};
  const Tensor x = RunNode("random.Uniform", {}, own, {.seed = 1});
  EXPECT_EQ(x, RunNode("random.Uniform", {}, own, {.seed = 2}));
  EXPECT_EQ(x, RunNode("random.Uniform", {}, {{"shape", 10}}, {.seed = 5}));
  EXPECT_NE(x, RunNode("random.Uniform", {}, own, {.seed = 1, .step = 1}));
}

TEST(Keys, AnElementDoesNotDependOnHowManyFollow) {
  const Tensor many = RunNode("random.Uniform", {}, {{"shape", Ints{10, 10}}});
  EXPECT_EQ(RunNode("random.Uniform", {}, {{"shape", Ints{3, 10}}}), many.Rows(0, 3));
}

// A batch whose elements all differ.
Tensor Batch(int64_t images, DType dtype = DType::kFloat32) {
  const Shape shape = {images, 4, 4, 2};
  Tensor batch(DType::kFloat32, shape);
  for (int64_t i = 0; i < batch.num_elements(); ++i) batch.mutable_data<float>()[i] = i % 251;
  return batch.Cast(dtype);
}

struct Augmentation {
  std::string op;
  Attributes attrs;
};

std::vector<Augmentation> Augmentations() {
  return {{"image.RandomFlip", {}},
          {"image.RandomRotation", {{"factor", 0.5}}},
          {"image.RandomBrightness", {{"factor", 0.2}}},
          {"image.RandomContrast", {{"factor", 0.5}}}};
}

TEST(Augmentation, IsTheIdentityInInference) {
  for (const Augmentation& a : Augmentations()) {
    SCOPED_TRACE(a.op);
    for (const DType dtype : {DType::kFloat32, DType::kUInt8, DType::kBFloat16}) {
      EXPECT_EQ(RunNode(a.op, {Batch(3, dtype)}, a.attrs, {.training = false}), Batch(3, dtype));
    }
  }
}

TEST(Augmentation, DiffersByImageStepAndSeed) {
  const Tensor same = *ConcatRows(std::vector<Tensor>(8, Batch(1)));
  for (const Augmentation& a : Augmentations()) {
    SCOPED_TRACE(a.op);
    const Tensor y = RunNode(a.op, {same}, a.attrs);
    std::set<Doubles> images;
    for (int64_t i = 0; i < 8; ++i) images.insert(Values(y.Rows(i, i + 1)));
    EXPECT_GT(images.size(), 1u);
    EXPECT_EQ(y, RunNode(a.op, {same}, a.attrs));
    EXPECT_NE(y, RunNode(a.op, {same}, a.attrs, {.training = true, .step = 1}));
    EXPECT_NE(y, RunNode(a.op, {same}, a.attrs, {.training = true, .seed = 1}));
    EXPECT_NE(y, RunNode(a.op, {same}, a.attrs, {.training = true}, 2));
  }
}

TEST(Augmentation, AnImageDoesNotDependOnHowManyFollow) {
  for (const Augmentation& a : Augmentations()) {
    SCOPED_TRACE(a.op);
    EXPECT_EQ(RunNode(a.op, {Batch(2)}, a.attrs), RunNode(a.op, {Batch(5)}, a.attrs).Rows(0, 2));
    const Tensor one = Batch(1).Reshaped({4, 4, 2});
    EXPECT_EQ(RunNode(a.op, {one}, a.attrs).Reshaped({1, 4, 4, 2}),
              RunNode(a.op, {Batch(5)}, a.attrs).Rows(0, 1));
  }
}

TEST(Augmentation, TakesTheEmptyBatch) {
  for (const Augmentation& a : Augmentations()) {
    EXPECT_EQ(RunNode(a.op, {Batch(0)}, a.attrs).shape(), (Shape{0, 4, 4, 2})) << a.op;
  }
  // So many images without pixels are no work.
  const Tensor hollow(DType::kUInt8, {int64_t{1} << 40, 0, 0, 1});
  EXPECT_EQ(RunNode("image.RandomFlip", {hollow}, {}).shape(), hollow.shape());
}

TEST(Augmentation, FlipTurnsAboutHalfOfTheImages) {
  const Tensor images =
      *ConcatRows(std::vector<Tensor>(1000, Tensor::Of<uint8_t>({1, 2, 2, 1}, {0, 1, 2, 3})));
  const Doubles flipped = Values(RunNode("image.RandomFlip", {images}, {}));
  int left_right = 0, up_down = 0, both = 0;
  for (size_t i = 0; i < flipped.size(); i += 4) {
    const int corner = static_cast<int>(flipped[i]);
    left_right += corner % 2;
    up_down += corner / 2;
    both += corner == 3;
  }
  EXPECT_NEAR(left_right, 500, 80);
  EXPECT_NEAR(up_down, 500, 80);
  EXPECT_NEAR(both, 250, 69);
}

TEST(Augmentation, BrightnessStaysInItsRange) {
  const Tensor grey = Tensor::Full(DType::kFloat32, {1000, 1, 1, 1}, 100);
  const Doubles values =
      Values(RunNode("image.RandomBrightness", {grey}, {{"factor", Doubles{-0.1, 0.2}}}));
  double sum = 0;
  for (const double value : values) {
    EXPECT_GE(value, 100 - 25.5);
    EXPECT_LE(value, 100 + 51);
    sum += value;
  }
  EXPECT_NEAR(sum / 1000, 112.75, 5 * 76.5 / std::sqrt(12 * 1000.0));
}

TEST(Augmentation, CropsAreEvenlySpread) {
  Tensor images(DType::kUInt8, {3000, 2, 4, 1});
  for (int64_t i = 0; i < images.num_elements(); ++i) images.mutable_data<uint8_t>()[i] = i % 8;
  const Attributes attrs = {{"height", 1}, {"width", 2}};
  int places[8] = {};
  const Doubles values = Values(RunNode("image.RandomCrop", {images}, attrs));
  for (size_t i = 0; i < values.size(); i += 2) ++places[static_cast<int>(values[i])];
  for (const int place : {0, 1, 2, 4, 5, 6}) EXPECT_NEAR(places[place], 500, 102);
  for (const double value :
       Values(RunNode("image.RandomCrop", {images}, attrs, {.training = false}))) {
    EXPECT_TRUE(value == 1 || value == 2) << value;
  }
}

TEST(Faults, SayWhatWasExpectedAndFound) {
  const Tensor image = Batch(1), matrix(DType::kFloat32, {2, 2});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Fault("random.Uniform", {}, {{"shape", Ints{1 << 20, 1 << 20}}}),
       "at most 2^33 random numbers"},
      {Fault("random.Uniform", {}, {}), "shape is required"},
      {Fault("random.Uniform", {}, {{"shape", 2}, {"minval", 2}}),
       "minval <= maxval, found minval 2 and maxval 1"},
      {Fault("random.Uniform", {}, {{"shape", 2}, {"dtype", DType::kInt32}}), "found int32"},
      {Fault("random.UniformLike", {Tensor(DType::kInt8, {2})}, {}), "found int8"},
      {Fault("random.Normal", {}, {{"shape", -1}}), "outside of [0, inf]"},
      {Fault("random.RandInt", {}, {{"shape", 1}, {"minval", 3}, {"maxval", 3}}),
       "minval < maxval, found 3 and 3"},
      {Fault("random.RandInt", {},
             {{"shape", 1}, {"minval", 0}, {"maxval", 300}, {"dtype", DType::kUInt8}}),
       "numbers that uint8 holds"},
      {Fault("random.Multinomial", {Tensor(DType::kFloat32, {3})}, {}),
       "expected [batch, classes] with at least one class, found shape [3]"},
      {Fault("random.Multinomial", {Tensor::Of<float>({2, 1}, {0, std::nanf("")})}, {}),
       "row 1: expected finite logits or -inf, and one that is finite"},
      {Fault("image.RandomFlip", {matrix}, {}),
       "an image of 3 axes or a batch of 4, found shape [2,2]"},
      {Fault("image.RandomRotation", {image}, {{"factor", Doubles{0.2, 0.1}}}), "low <= high"},
      {Fault("image.RandomRotation", {image}, {{"factor", 2}}), "outside of [-1, 1]"},
      {Fault("image.Rotate", {image}, {{"angle", std::nan("")}}), "outside of"},
      {Fault("image.RandomContrast", {image}, {{"factor", Doubles{}}}),
       "expected [lower, upper] or one number"},
      {Fault("image.RandomCrop", {image}, {{"height", 5}, {"width", 1}}),
       "height: expected an image of at least 5, found 4"},
      {Fault("image.Crop", {image}, {{"left", 2}, {"height", 1}, {"width", 3}}),
       "at least 3 from 2 on, found 4"},
      {Fault("image.RgbToGrayscale", {image}, {}), "images of 3 channels, found 2"},
      {Fault("image.Normalize", {image}, {{"mean", Doubles{1, 2, 3}}, {"std", 1}}),
       "each of 2 channels, found 3"},
      {Fault("image.Normalize", {image}, {{"mean", 0}, {"std", 0}}), "outside of"},
  };
  for (const auto& [found, expected] : cases) {
    EXPECT_NE(found.find(expected), std::string::npos)
        << "expected \"" << expected << "\", found \"" << found << "\"";
  }
}

}  // namespace
}  // namespace nomograph
