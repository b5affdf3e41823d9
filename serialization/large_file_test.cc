// Opening costs time in the graph, not in the weights: a file with a tensor of 6 GiB, which takes
// no room on the disk because it is a hole.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "nomograph/proto/model.pb.h"
#include "nomograph/serialization/file_layout.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/testing.h"

namespace nomograph {
namespace {

constexpr int64_t kElements = int64_t{3} << 29;
constexpr uint64_t kBytes = kElements * 4;  // 6 GiB
constexpr double kHole = 0;

// The small model with two variables: the large one and, behind it, one of 1 KiB.
std::string HeaderWithLargeVariable() {
  ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(SaveToString(SmallModel()).value()));
  const std::pair<const char*, int64_t> variables[] = {{"large", kElements}, {"last", 256}};
  for (const auto& [name, elements] : variables) {
    VariableProto& variable = *proto.add_variables();
    variable.set_name(name);
    TensorProto& tensor = *variable.mutable_initial();
    tensor.set_dtype(FLOAT32);
    tensor.add_dims(elements);
    tensor.mutable_payload()->set_index(proto.variables_size() - 1);
    tensor.mutable_payload()->set_bytes(elements * 4);
  }
  return HeaderAndGraphPart(proto).value();
}

// Creates the file; false when there is no room for such a name or size.
bool WriteSparseFile(const std::string& path) {
  std::string head = HeaderWithLargeVariable();
  head += PayloadPrefix(head.size(), kBytes);
  const uint64_t second = head.size() + kBytes;
  const std::string tail = PayloadPrefix(second, 1024) + std::string(1024, '\1');
  const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0666);
  const bool written =
      fd >= 0 && pwrite(fd, head.data(), head.size(), 0) == static_cast<ssize_t>(head.size()) &&
      pwrite(fd, tail.data(), tail.size(), second) == static_cast<ssize_t>(tail.size());
  close(fd);
  return written;
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(LargeFileTest, OpensInMillisecondsAndLittleMemory) {
  const std::string path = absl::StrCat(testing::TempDir(), "/large.nomo");
  ASSERT_TRUE(WriteSparseFile(path));
  const int64_t resident = ResidentBytes();
  const auto start = std::chrono::steady_clock::now();
  const auto model = Load(path);
  const auto elapsed = std::chrono::steady_clock::now() - start;
  const int64_t grown = ResidentBytes() - resident;
  std::remove(path.c_str());
  ASSERT_TRUE(model.ok()) << model.status();
  // It takes well under a millisecond; the bounds only tell it from reading 6 GiB.
  EXPECT_LT(std::chrono::duration<double>(elapsed).count(), 0.5);
  EXPECT_LT(grown, int64_t{32} << 20);
  const Tensor& large = model->variables[0].initial;
  EXPECT_EQ(large.num_elements(), kElements);
  EXPECT_EQ(large.data<float>()[kElements - 1], kHole);
  EXPECT_EQ(model->variables[1].initial.raw_data()[1023], std::byte{1});
  EXPECT_GT(model->variables[1].initial.raw_data() - large.raw_data(), int64_t{6} << 30);
}

}  // namespace
}  // namespace nomograph
