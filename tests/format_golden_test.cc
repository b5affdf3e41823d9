// Files that earlier versions of the format have left: every later version reads them as they were
// meant. The files are frozen: where this test fails, the code is wrong, and never the file.
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/testing.h"

namespace nomograph {
namespace {

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

// tests/make_format_golden.cc wrote it with version 1 of the format.
TEST(FormatVersion1, HoldsEverythingThatAModelCanHold) {
  const auto model = Load("tests/testdata/format_v1.nomo", {.verify_checksums = true});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(FirstDifference(*model, RichModel()), "");
  const auto saved = SaveToString(*model, {.format_version = 1});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(*saved, Bytes("tests/testdata/format_v1.nomo"));
}

TEST(FormatVersion1, TextFormHoldsTheSame) {
  const auto model = Load("tests/testdata/format_v1.nomo.txtpb");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(FirstDifference(*model, RichModel()), "");
}

// Of keras_lambdas' "matmul_with_constant": [1,1,1,1,1] times the captured constant gives 15.
TEST(FormatVersion1, ModelsStillRun) {
  const auto model = Load("tests/testdata/matmul_v1.nomo");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  const absl::Status replayed = ReplayGoldenVectors(**session);
  EXPECT_TRUE(replayed.ok()) << replayed;
}

}  // namespace
}  // namespace nomograph
