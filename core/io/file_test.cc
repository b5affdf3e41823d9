// Files read and written, and what is left when writing fails, is given up or is cut short.
#include "nomograph/core/io/file.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/mapped_file.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class FileTest : public ::testing::Test {
 protected:
  FileTest() : folder_(absl::StrCat(::testing::TempDir(), "/file_test_", getpid())) {
    fs::remove_all(folder_);
    fs::create_directory(folder_);
  }
  ~FileTest() override { fs::remove_all(folder_); }

  std::string Path(absl::string_view name) const { return absl::StrCat(folder_, "/", name); }
  void Put(absl::string_view name, absl::string_view text) const {
    std::ofstream(Path(name)) << text;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    return names;
  }

  const std::string folder_;
};

TEST_F(FileTest, ReadsWhatWasWritten) {
  for (const std::string& text :
       {std::string(), std::string("one\0two", 7), std::string(3 << 20, 'x')}) {
    ASSERT_EQ(WriteFileAtomically(Path("f"), text), absl::OkStatus());
    ASSERT_EQ(*ReadFile(Path("f")), text);
    EXPECT_EQ(*ReadFile(Path("f"), static_cast<int64_t>(text.size())), text);
  }
  EXPECT_THAT(Names(), UnorderedElementsAre("f"));
}

TEST_F(FileTest, AppearsOnlyWhenCommitted) {
  Put("f", "old");
  {
    auto file = AtomicFile::Create(Path("f"));
    ASSERT_TRUE(file.ok());
    ASSERT_EQ(file->Write("ne"), absl::OkStatus());
    EXPECT_EQ(*ReadFile(Path("f")), "old");
    AtomicFile moved = *std::move(file);
    ASSERT_EQ(moved.Write("w"), absl::OkStatus());
    EXPECT_EQ(moved.size(), 3);
    ASSERT_EQ(moved.Commit(), absl::OkStatus());
  }
  EXPECT_EQ(*ReadFile(Path("f")), "new");
  EXPECT_THAT(Names(), UnorderedElementsAre("f"));
}

TEST_F(FileTest, LeavesNothingWithoutCommit) {
  Put("old", "old");
  for (const char* name : {"old", "new"}) {
    auto file = AtomicFile::Create(Path(name));
    ASSERT_TRUE(file.ok());
    ASSERT_EQ(file->Write("half"), absl::OkStatus());
  }
  EXPECT_THAT(Names(), UnorderedElementsAre("old"));
  EXPECT_EQ(*ReadFile(Path("old")), "old");
}

TEST_F(FileTest, KeepsALinkThatLeadsNowhere) {
  fs::create_symlink("nowhere", Path("dangling"));
  EXPECT_THAT(WriteFileAtomically(Path("dangling"), "new").message(),
              HasSubstr("it is a link to a file that is not there"));
  EXPECT_TRUE(fs::is_symlink(Path("dangling")));
  EXPECT_FALSE(fs::exists(Path("nowhere")));
}

TEST_F(FileTest, FollowsLinksAndKeepsPermissions) {
  Put("target", "old");
  fs::permissions(Path("target"), fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("target", Path("link"));
  ASSERT_EQ(WriteFileAtomically(Path("link"), "new"), absl::OkStatus());
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_EQ(*ReadFile(Path("target")), "new");
  EXPECT_EQ(fs::status(Path("target")).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(FileTest, NewFilesHaveThePermissionsOfTheUmask) {
  const mode_t before = umask(027);
  const absl::Status status = WriteFileAtomically(Path("f"), "x");
  umask(before);
  ASSERT_EQ(status, absl::OkStatus());
  EXPECT_EQ(static_cast<int>(fs::status(Path("f")).permissions()), 0640);
}

TEST_F(FileTest, DevicesAreWrittenToAndStay) {
  ASSERT_EQ(WriteFileAtomically("/dev/null", "x"), absl::OkStatus());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(FileTest, ReadErrorsNamePathAndCause) {
  Put("f", "12345");
  const struct {
    std::string path;
    int64_t max_bytes;
    absl::StatusCode code;
    const char* cause;
  } kCases[] = {
      {Path("missing"), 100, absl::StatusCode::kNotFound, "No such file"},
      {Path("f/inside"), 100, absl::StatusCode::kFailedPrecondition, "Not a directory"},
      {folder_, 100, absl::StatusCode::kInvalidArgument, "it is a directory"},
      {Path("f"), 4, absl::StatusCode::kResourceExhausted, "more than the allowed 4"},
      {"/dev/zero", 1 << 16, absl::StatusCode::kResourceExhausted, "more than the allowed 65536"},
      {"", 100, absl::StatusCode::kNotFound, "No such file"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ReadFile(c.path, c.max_bytes).status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr(absl::StrCat("\"", c.path, "\"")), HasSubstr(c.cause)));
  }
}

TEST_F(FileTest, WriteErrorsNamePathAndCause) {
  Put("f", "12345");
  const struct {
    std::string path;
    absl::StatusCode code;
    const char* cause;
  } kCases[] = {
      {Path("missing/f"), absl::StatusCode::kNotFound, "No such file"},
      {Path("f/inside"), absl::StatusCode::kFailedPrecondition, "Not a directory"},
      {folder_, absl::StatusCode::kInvalidArgument, "it is a directory"},
      {Path("missing/"), absl::StatusCode::kInvalidArgument, "it is a directory"},
      {"", absl::StatusCode::kNotFound, "No such file"},
      {"/dev/full", absl::StatusCode::kResourceExhausted, "the disk is full"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = WriteFileAtomically(c.path, "x");
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr(absl::StrCat("\"", c.path, "\"")), HasSubstr(c.cause)));
  }
  EXPECT_THAT(Names(), UnorderedElementsAre("f"));
}

// Takes away, while it lives, what lets root pass over permissions.
class WithoutCapabilities {
 public:
  WithoutCapabilities() {
    syscall(SYS_capget, &header_, before_);
    __user_cap_data_struct none[2] = {before_[0], before_[1]};
    none[0].effective = none[1].effective = 0;
    syscall(SYS_capset, &header_, none);
  }
  ~WithoutCapabilities() { syscall(SYS_capset, &header_, before_); }

 private:
  __user_cap_header_struct header_ = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct before_[2] = {};
};

TEST_F(FileTest, RefusesWithoutPermission) {
  Put("f", "old");
  fs::permissions(Path("f"), fs::perms::none);
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  {
    WithoutCapabilities ordinary_user;
    for (const absl::Status& status :
         {ReadFile(Path("f")).status(), WriteFileAtomically(Path("f"), "new"),
          WriteFileAtomically(Path("g"), "new")}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
      EXPECT_THAT(status.message(), HasSubstr(folder_));
    }
  }
  fs::permissions(folder_, fs::perms::owner_all);
  EXPECT_THAT(Names(), UnorderedElementsAre("f"));
}

// A file that may not grow stands for a disk that fills up half-way.
TEST_F(FileTest, KeepsTheOldFileWhenWritingFails) {
  Put("f", "old");
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit = {4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Status status = WriteFileAtomically(Path("f"), std::string(8192, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(status.message(), AllOf(HasSubstr(Path("f")), HasSubstr("too large")));
  EXPECT_EQ(*ReadFile(Path("f")), "old");
  EXPECT_THAT(Names(), UnorderedElementsAre("f"));
}

// Writes half of a file in a child and ends it by a signal. The result is how the child ended.
int EndWhileWriting(const std::string& path, int signal, bool handle) {
  const pid_t child = fork();
  if (child == 0) {
    if (handle) RemoveUnfinishedFilesOnSignals();
    auto file = AtomicFile::Create(path);
    if (!file.ok() || !file->Write("half").ok()) _exit(1);
    raise(signal);
    _exit(2);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

TEST_F(FileTest, AProcessThatEndsLeavesNothing) {
  Put("f", "old");
  for (const bool handle : {false, true}) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGKILL}) {
      const int status = EndWhileWriting(Path("f"), signal, handle);
      EXPECT_TRUE(WIFSIGNALED(status)) << status;
      EXPECT_EQ(WTERMSIG(status), signal);
      EXPECT_THAT(Names(), UnorderedElementsAre("f"));
    }
  }
  EXPECT_EQ(*ReadFile(Path("f")), "old");
}

// As on a file system that has no files without names.
TEST_F(FileTest, SignalHandlersRemoveNamedFiles) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const pid_t child = fork();
    if (child == 0) {
      RemoveUnfinishedFilesOnSignals();
      const TemporaryName kept(Path("kept"));
      TemporaryName released(Path("released"));
      Put("kept", "half");
      Put("released", "whole");
      released.Release();
      raise(signal);
      _exit(2);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_THAT(Names(), UnorderedElementsAre("released"));
  }
}

TEST_F(FileTest, AFileThatGrowsTooLargeIsAnError) {
  const pid_t child = fork();
  if (child == 0) {
    RemoveUnfinishedFilesOnSignals();
    const rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(WriteFileAtomically(Path("f"), std::string(8192, 'x')).ok() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(Names(), testing::IsEmpty());
}

TEST_F(FileTest, RemovesWhatDeadProcessesLeft) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  const std::string stale = absl::StrCat(".nomograph-", child, "-0.tmp");
  const std::string locked = absl::StrCat(".nomograph-", child, "-1.tmp");
  const std::string alive = absl::StrCat(".nomograph-", getpid(), "-999999.tmp");
  const std::vector<std::string> kOthers = {
      absl::StrCat(".nomograph-", child, "-0.tmp.bak"), absl::StrCat(".nomograph-", child, ".tmp"),
      ".nomograph--1-0.tmp", ".nomograph-x-0.tmp", "nomograph.tmp"};
  for (const std::string& name : {stale, locked, alive}) Put(name, "half");
  for (const std::string& name : kOthers) Put(name, "another's");
  // As a process of another container would, whose number means nothing here.
  const FileDescriptor lock(open(Path(locked).c_str(), O_RDONLY));
  ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
  ASSERT_EQ(WriteFileAtomically(Path("f"), "new"), absl::OkStatus());
  std::vector<std::string> expected = {"f", locked, alive};
  expected.insert(expected.end(), kOthers.begin(), kOthers.end());
  EXPECT_THAT(Names(), testing::UnorderedElementsAreArray(expected));
}

TEST_F(FileTest, APathThatIsNoFileIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  for (const std::string& path : {Path("pipe"), std::string("/dev/zero")}) {
    const absl::Status status = InputFile::OpenRegular(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(path), HasSubstr("it is a pipe or a device")));
  }
}

// Memory that mapped files take, in bytes.
int64_t MappedBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kilobytes = 0;
  while (status >> word) {
    if (word == "RssFile:") status >> kilobytes;
  }
  return kilobytes * 1024;
}

TEST_F(FileTest, MappedFilesGiveBackMemory) {
  constexpr size_t kBytes = 32 << 20;
  ASSERT_EQ(WriteFileAtomically(Path("f"), std::string(kBytes, 'x')), absl::OkStatus());
  const auto file = MappedFile::Open(Path("f"));
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::string_view bytes = (*file)->bytes();
  const int64_t before = MappedBytes();
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 'x'), kBytes);
  EXPECT_GT(MappedBytes() - before, kBytes / 2);
  MappedFile::GiveBack(bytes.data(), bytes.size());
  EXPECT_LT(MappedBytes() - before, kBytes / 2);
  EXPECT_EQ(bytes[12345], 'x');

  // Bytes of no file, and more than a file has.
  std::string own(1 << 16, 'y');
  MappedFile::GiveBack(own.data(), own.size());
  EXPECT_EQ(own, std::string(1 << 16, 'y'));
  MappedFile::GiveBack(bytes.data() + 1, bytes.size());
  MappedFile::GiveBack(nullptr, 0);
}

}  // namespace
}  // namespace nomograph
