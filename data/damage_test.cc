// Every reader on every small test file, cut at every byte and with every byte changed: an error or
// a tensor, no crash.
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/data/csv.h"
#include "nomograph/data/idx.h"
#include "nomograph/data/image.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npz.h"
#include "nomograph/data/testdata.h"

namespace nomograph {
namespace {

// A status that says why, or a tensor all of whose elements can be read.
void CheckResult(const absl::StatusOr<Tensor>& result) {
  if (!result.ok()) {
    EXPECT_NE(result.status().message(), "");
    return;
  }
  ASSERT_TRUE(result->valid());
  double sum = 0;
  for (int64_t i = 0; i < result->num_elements(); ++i) sum += result->AsDouble(i);
  volatile double keep = sum;
  (void)keep;
}

void CheckNpz(absl::string_view bytes) {
  const auto tensors = ParseNpz(bytes, {.max_bytes = 1 << 20});
  if (!tensors.ok()) return CheckResult(tensors.status());
  for (const auto& [name, tensor] : *tensors) CheckResult(tensor);
}

// zlib reads files only; this one is in memory.
void CheckIdx(absl::string_view bytes) {
  static const int fd = memfd_create("damage_test", 0);
  ASSERT_EQ(ftruncate(fd, 0), 0);
  ASSERT_EQ(pwrite(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  CheckResult(ReadIdx(absl::StrCat("/proc/self/fd/", fd), {.max_bytes = 1 << 20}));
}

struct Reader {
  const char* folder;
  std::function<void(absl::string_view)> check;
};

const Reader kReaders[] = {
    {"npy", [](absl::string_view bytes) { CheckResult(ParseNpy(bytes)); }},
    {"npz", CheckNpz},
    {"png",
     [](absl::string_view bytes) {
       CheckResult(ParseImage(bytes, {.channels = 3, .max_pixels = 1 << 20}));
     }},
    {"jpeg",
     [](absl::string_view bytes) { CheckResult(ParseImage(bytes, {.max_pixels = 1 << 20})); }},
    {"csv", [](absl::string_view bytes) { CheckResult(ParseCsv(bytes)); }},
    {"idx", CheckIdx},
};

class DamageTest : public ::testing::TestWithParam<Reader> {
 protected:
  // Calls `f` with every file of the reader's folder that is not a reference.
  void ForEachFile(const std::function<void(std::string)>& f) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(TestdataPath(GetParam().folder))) {
      const std::string name = entry.path().filename();
      if (absl::EndsWith(name, ".npy") && absl::string_view(GetParam().folder) != "npy") continue;
      SCOPED_TRACE(name);
      f(ReadTestdata(absl::StrCat(GetParam().folder, "/", name)));
      ++files;
    }
    EXPECT_GT(files, 0);
  }
};

TEST_P(DamageTest, SurvivesEveryTruncation) {
  ForEachFile([](const std::string& bytes) {
    // A copy of exactly this size, so that a read past its end is found.
    for (size_t size = 0; size < bytes.size(); ++size)
      GetParam().check(std::string(bytes, 0, size));
  });
}

TEST_P(DamageTest, SurvivesEveryChangedByte) {
  ForEachFile([](std::string bytes) {
    for (char& byte : bytes) {
      for (const int change : {0xff, 0x01, 0x80}) {
        byte = static_cast<char>(byte ^ change);
        GetParam().check(bytes);
        byte = static_cast<char>(byte ^ change);
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Readers, DamageTest, ::testing::ValuesIn(kReaders),
                         [](const auto& info) { return std::string(info.param.folder); });

}  // namespace
}  // namespace nomograph
