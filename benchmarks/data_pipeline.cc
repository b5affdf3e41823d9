// How many images a second input pipelines yield: one epoch of a data set in each of its forms,
// from opening the files to the last batch of float32, and what the same preprocessing costs as a
// function, as a model and within a model. benchmarks/data_pipeline.py makes the files and
// compares.
//
// Usage: data_pipeline FOLDER EPOCHS SOURCE, or data_pipeline - EPOCHS preprocessing
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/ops/functions.h"

namespace nomograph {
namespace {

constexpr int64_t kBatch = 64;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

template <typename T>
T OrFail(absl::StatusOr<T> value) {
  if (!value.ok()) Fail(value.status());
  return *std::move(value);
}

// 0 to 255 becomes 0 to 1.
absl::StatusOr<Element> Scale(Element batch) {
  NOMO_ASSIGN_OR_RETURN(Tensor scaled, Tensor::Create(DType::kFloat32, batch[0].shape()));
  const absl::Span<const uint8_t> pixels = batch[0].data<uint8_t>();
  float* out = scaled.mutable_data<float>().data();
  for (size_t i = 0; i < pixels.size(); ++i) out[i] = static_cast<float>(pixels[i]) * (1 / 255.0f);
  batch[0] = std::move(scaled);
  return batch;
}

Dataset Scaled(const Dataset& images) {
  std::vector<TensorType> types = images.element_types();
  if (!types.empty()) types[0].dtype = DType::kFloat32;
  return images.Map(Scale, {.types = types});
}

absl::StatusOr<Element> ParsePicture(Element record) {
  NOMO_ASSIGN_OR_RETURN(record[0], ParseImage({reinterpret_cast<const char*>(record[0].raw_data()),
                                               static_cast<size_t>(record[0].num_bytes())}));
  return record;
}

// A Python program would have them in memory, too.
Dataset FromMemory(const std::string& folder) {
  static const NamedTensors* const arrays = new NamedTensors(OrFail(ReadNpz(folder + "/a.npz")));
  return Dataset::FromTensorSlices({arrays->at("x"), arrays->at("y")});
}

Dataset Source(const std::string& folder, const std::string& name) {
  const std::vector<ExampleFeature> raw = {{"image", DType::kUInt8, Shape{28, 28, 1}},
                                           {"label", DType::kInt64, Shape{}}};
  if (name == "tensors") return FromMemory(folder);
  if (name == "npy") return Dataset::Npy({folder + "/x.npy", folder + "/y.npy"});
  if (name == "npz") return Dataset::Npz(folder + "/a.npz", {"x", "y"});
  if (name == "npz-deflated") return Dataset::Npz(folder + "/deflated.npz", {"x", "y"});
  if (name == "idx") return Dataset::Idx({folder + "/x.idx", folder + "/y.idx"});
  if (name == "idx-gz") return Dataset::Idx({folder + "/x.idx.gz", folder + "/y.idx.gz"});
  if (name == "csv") return Dataset::Csv(folder + "/a.csv", {.label_column = 0});
  if (name == "png") return Dataset::ImageFolder(folder + "/png", {.image = {.channels = 1}});
  if (name == "tfrecord") return Dataset::TfRecord(folder + "/raw.tfrecord").ParseExample(raw);
  if (name == "tfrecord-png") {
    return Dataset::TfRecord(folder + "/png.tfrecord")
        .ParseExample({{"image", DType::kUInt8}, {"label", DType::kInt64, Shape{}}})
        .Map(ParsePicture,
             {.types = {{DType::kUInt8, PartialShape::OfRank(3)}, {DType::kInt64, Shape{}}}});
  }
  Fail(InvalidArgument("there is no source ", name));
}

// Seconds of one epoch; of the last one the sum of the first component, which shows that the same
// was read everywhere.
double Epoch(const std::function<Dataset()>& make, int64_t& images, double& sum,
             PipelineStats& stats) {
  const auto start = std::chrono::steady_clock::now();
  const auto iterator = OrFail(make().Iterate());
  images = 0;
  std::vector<Tensor> batches;
  while (true) {
    std::optional<Element> batch = OrFail(iterator->Next());
    if (!batch) break;
    images += (*batch)[0].shape()[0];
    batches.push_back((*batch)[0].Rows(0, 1));
    if (batches.size() > 4) batches.erase(batches.begin());
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  stats = iterator->stats();
  sum = 0;
  for (const Tensor& row : batches) {
    for (const float value : row.data<float>()) sum += value;
  }
  return seconds;
}

// The median of the epochs, as a line of JSON.
void Measure(const char* name, int epochs, const std::function<Dataset()>& make) {
  std::vector<double> seconds;
  int64_t images = 0;
  double sum = 0;
  PipelineStats stats;
  for (int i = 0; i < epochs; ++i) seconds.push_back(Epoch(make, images, sum, stats));
  std::sort(seconds.begin(), seconds.end());
  std::printf("{\"name\": \"%s\", \"images\": %lld, \"per_second\": %.0f, \"sum\": %.3f}\n", name,
              static_cast<long long>(images),
              static_cast<double>(images) / seconds[seconds.size() / 2], sum);
  std::fflush(stdout);
  if (std::getenv("STATS") != nullptr) std::fputs(stats.ToString().c_str(), stderr);
}

Value Preprocess(const Value& x) { return (array::Cast(x, DType::kFloat32) / 255.0 - 0.5) * 2.0; }

absl::StatusOr<Element> PreprocessInCpp(Element image) {
  NOMO_ASSIGN_OR_RETURN(Tensor scaled, Tensor::Create(DType::kFloat32, image[0].shape()));
  const absl::Span<const uint8_t> pixels = image[0].data<uint8_t>();
  float* out = scaled.mutable_data<float>().data();
  for (size_t i = 0; i < pixels.size(); ++i) {
    out[i] = (static_cast<float>(pixels[i]) / 255.0f - 0.5f) * 2.0f;
  }
  return Element{std::move(scaled)};
}

void MeasurePreprocessing(int epochs) {
  constexpr int64_t kImages = 10'000;
  const Tensor pixels = Tensor::Full(DType::kUInt8, {kImages, 28, 28, 1}, 100);
  const Dataset images = Dataset::FromTensorSlices({pixels});
  const Layer input = Input({28, 28, 1}, {.dtype = DType::kUInt8});
  const auto model =
      std::make_shared<const Model>(OrFail(Sequential({input, Lambda(Preprocess)}).Build()));
  const MapOptions image_types = {.types = {{DType::kFloat32, Shape{28, 28, 1}}}};
  const MapOptions batch_types = {.types = {{DType::kFloat32, {Dim(), Dim(28), Dim(28), Dim(1)}}}};
  // A small model behind it, or one that has the function in itself.
  const auto classifier = [&](const Layer& start, std::vector<Layer> first) {
    Sequential layers({start});
    for (const Layer& layer : first) layers.Add(layer);
    for (const Layer& layer : {Flatten(), Dense(64, {.activation = "relu"}), Dense(10)}) {
      layers.Add(layer);
    }
    return std::make_shared<const Model>(OrFail(layers.Build()));
  };
  const auto plain = classifier(Input({28, 28, 1}), {});
  const auto with_lambda = classifier(input, {Lambda(Preprocess)});
  const Dataset ready = images.Batch(kBatch).Map(model).Cache();
  const std::pair<const char*, std::function<Dataset()>> rows[] = {
      {"function, image by image",
       [&] { return images.Map(PreprocessInCpp, image_types).Batch(kBatch); }},
      {"function, batch by batch",
       [&] { return images.Batch(kBatch).Map(PreprocessInCpp, batch_types); }},
      {"model, image by image", [&] { return images.Map(model).Batch(kBatch); }},
      {"model, batch by batch", [&] { return images.Batch(kBatch).Map(model); }},
      {"classifier alone, of images in a cache", [&] { return ready.Map(plain); }},
      {"model in the pipeline, then the classifier",
       [&] { return images.Batch(kBatch).Map(model).Map(plain); }},
      {"Lambda in the classifier", [&] { return images.Batch(kBatch).Map(with_lambda); }},
  };
  for (const auto& [name, make] : rows) Measure(name, epochs, make);
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  using namespace nomograph;
  if (argc != 4 || std::atoi(argv[2]) < 1) {
    std::fprintf(stderr, "usage: data_pipeline FOLDER EPOCHS SOURCE\n");
    return 2;
  }
  const std::string folder = argv[1], source = argv[3];
  const int epochs = std::atoi(argv[2]);
  if (source == "preprocessing") {
    MeasurePreprocessing(epochs);
  } else {
    const bool floats = source == "csv";  // is float32 already
    Measure(source.c_str(), epochs, [&] {
      const Dataset batches = Source(folder, source).Batch(kBatch);
      return floats ? batches.Map([](Element batch) {
        Tensor& values = batch[0];
        for (float& value : values.mutable_data<float>()) value *= 1 / 255.0f;
        return batch;
      })
                    : Scaled(batches);
    });
  }
}
