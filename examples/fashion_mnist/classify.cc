// Loads a classifier and runs it on all test images: prints accuracy, throughput and some
// predictions.
//
//   classify MODEL.nomo IMAGES.idx3-ubyte.gz LABELS.idx1-ubyte.gz [EXPECTED.npz]
//
// With EXPECTED, compares with predict.py's predictions and fails where they differ by more than
// 1e-5.
#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "nomograph/data/idx.h"
#include "nomograph/data/npz.h"
#include "nomograph/nomograph.h"

namespace nomograph {
namespace {

constexpr double kTolerance = 1e-5;

std::vector<std::string> ClassNames(const Model& model) {
  std::vector<std::string> names;
  const auto labels = model.metadata.find("labels");
  std::istringstream text(labels == model.metadata.end() ? "" : labels->second);
  for (std::string name; std::getline(text, name, ',');) names.push_back(name);
  names.resize(10, "?");
  return names;
}

int64_t ArgMax(absl::Span<const float> row) {
  return std::max_element(row.begin(), row.end()) - row.begin();
}

// Prints the first predictions and yields the share of right ones.
double Report(const Tensor& probabilities, const Tensor& labels,
              const std::vector<std::string>& names) {
  int64_t right = 0;
  for (int64_t i = 0; i < labels.num_elements(); ++i) {
    const auto row = probabilities.data<float>().subspan(10 * i, 10);
    const int64_t predicted = ArgMax(row);
    const int64_t actual = labels.data<uint8_t>()[i];
    right += predicted == actual ? 1 : 0;
    if (i < 5) {
      std::cout << "  image " << i << ": " << std::left << std::setw(12) << names[predicted]
                << std::fixed << std::setprecision(1) << 100 * row[predicted] << " %  (is "
                << names[actual] << ")\n";
    }
  }
  return static_cast<double>(right) / static_cast<double>(labels.num_elements());
}

absl::Status Run(const std::vector<std::string>& paths) {
  NOMO_ASSIGN_OR_RETURN(const Model model, Load(paths[0]));
  NOMO_ASSIGN_OR_RETURN(Tensor images, ReadIdx(paths[1]));
  NOMO_ASSIGN_OR_RETURN(const Tensor labels, ReadIdx(paths[2]));
  images = images.Reshaped({images.shape()[0], 28, 28, 1});

  const auto start = std::chrono::steady_clock::now();
  NOMO_ASSIGN_OR_RETURN(const Tensor probabilities, model.Predict(images, {.batch_size = 100}));
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;

  const double accuracy = Report(probabilities, labels, ClassNames(model));
  std::cout << "accuracy " << std::setprecision(4) << accuracy << " on " << labels.num_elements()
            << " images, " << std::setprecision(0)
            << static_cast<double>(labels.num_elements()) / time.count() << " images/s\n";
  if (paths.size() > 3) {
    NOMO_ASSIGN_OR_RETURN(NamedTensors expected, ReadNpz(paths[3]));
    NOMO_RETURN_IF_ERROR(AllClose(probabilities, expected["predictions"], 0, kTolerance));
    std::cout << "all predictions agree with " << paths[3] << " to " << std::scientific
              << kTolerance << "\n";
  }
  if (accuracy < 0.92) return absl::InternalError("the accuracy is below 0.92");
  return absl::OkStatus();
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::cerr
        << "usage: classify MODEL.nomo IMAGES.idx3-ubyte.gz LABELS.idx1-ubyte.gz [EXPECTED.npz]\n";
    return 2;
  }
  const absl::Status status = nomograph::Run({argv + 1, argv + argc});
  if (!status.ok()) std::cerr << "classify: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
