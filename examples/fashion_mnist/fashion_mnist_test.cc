// The example as a user runs it: one process builds the model, another inspects and proves it, a
// third classifies; and one trains the weights anew.
#include <cstdlib>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace {

const std::string kFolder = "examples/fashion_mnist/";
const std::string kImages = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
const std::string kTrainingImages = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";
const std::string kLabels = "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz";

int Shell(const std::string& command) { return std::system(command.c_str()); }

TEST(FashionMnist, BuildsInspectsProvesAndClassifies) {
  const std::string model = testing::TempDir() + "/fashion_mnist.nomo";
  ASSERT_EQ(Shell(kFolder + "build_model " + kFolder + "weights.npz " + kFolder + "expected.npz " +
                  kImages + " " + model),
            0);
  EXPECT_EQ(Shell("tools/nomo inspect " + model), 0);
  EXPECT_EQ(Shell("tools/nomo verify " + model), 0);
  EXPECT_EQ(Shell(kFolder + "classify " + model + " " + kImages + " " + kLabels + " " + kFolder +
                  "expected.npz"),
            0);

  // In 8 bits, calibrated on training images: `classify` fails below an accuracy of 0.92.
  const std::string quantized = testing::TempDir() + "/fashion_mnist_int8.nomo";
  EXPECT_EQ(Shell("tools/nomo quantize " + model + " -i " + kTrainingImages +
                  " --samples 1000 --batch 100 -o " + quantized),
            0);
  EXPECT_EQ(Shell(kFolder + "classify " + quantized + " " + kImages + " " + kLabels), 0);
}

// Of a few hundred images it learns something, and what it writes is what build_model takes.
TEST(FashionMnist, Trains) {
  const std::string folder = testing::TempDir();
  const auto accuracy = [&](int epochs) {
    const std::string out = folder + "/train.txt";
    EXPECT_EQ(Shell(kFolder + "train --images=600 --epochs=" + std::to_string(epochs) +
                    " --out=" + folder + " >" + out),
              0);
    std::ifstream file(out);
    std::string test, word;
    double value = 0;
    EXPECT_TRUE(file >> test >> word >> value);
    return value;
  };
  const double early = accuracy(1), late = accuracy(12);
  EXPECT_GT(late, early + 0.05);
  EXPECT_GT(late, 0.7);
  EXPECT_NE(Shell(kFolder + "train --epochs=0"), 0);
  EXPECT_NE(Shell(kFolder + "train --epoch=1"), 0);
}

}  // namespace
