// Saving at a bad moment: the old file stays until the new one is complete.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/testing.h"

namespace nomograph {
namespace {

// A folder of its own, so that leftovers show.
class SaveTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    path_ = folder_ + "/model.nomo";
  }

  int CountFiles() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
    return count;
  }

  std::string folder_, path_;
};

// A model whose file has more than 16 MiB, so that it is written in pieces.
Model LargeModel() {
  Model model = SmallModel();
  model.variables = {{.name = "v", .initial = Tensor(DType::kFloat32, {5 << 20})}};
  return model;
}

TEST_F(SaveTest, AFullDiskLeavesTheOldFile) {
  ASSERT_TRUE(Save(SmallModel(), path_).ok());
  rlimit old_limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit limit = old_limit;
  limit.rlim_cur = 64 << 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Status status = Save(LargeModel(), path_);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(path_), absl::string_view::npos) << status;
  EXPECT_EQ(FirstDifference(Load(path_).value(), SmallModel()), "");
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(SaveTest, ADeadProcessLeavesTheOldFile) {
  ASSERT_TRUE(Save(SmallModel(), path_).ok());
  const Model large = LargeModel();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    (void)Save(large, path_, {.progress = [](int64_t done, int64_t total) {
                 if (done > 0 && done < total) _exit(7);
               }});
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(FirstDifference(Load(path_).value(), SmallModel()), "");
}

TEST_F(SaveTest, PermissionsAreThoseOfANewFile) {
  const mode_t old_mask = umask(027);
  const absl::Status status = Save(SmallModel(), path_);
  umask(old_mask);
  ASSERT_TRUE(status.ok()) << status;
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(SaveTest, TextFormIsAtomicToo) {
  const std::string text = folder_ + "/model.txtpb";
  ASSERT_TRUE(Save(SmallModel(), text).ok());
  EXPECT_TRUE(Load(text).ok());
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(SaveTest, TextOfALargeModelIsRefusedBeforeItIsMade) {
  const std::string text = folder_ + "/model.txtpb";
  const absl::Status status = Save(LargeModel(), text, {.max_text_tensor_bytes = 20 << 20});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  for (const char* part : {"model.txtpb", "at most 20971520 bytes of tensors", "found 20971524"}) {
    EXPECT_NE(status.message().find(part), absl::string_view::npos) << status;
  }
  EXPECT_EQ(CountFiles(), 0);
}

}  // namespace
}  // namespace nomograph
