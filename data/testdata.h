// The files under testdata/, for tests.
#ifndef NOMOGRAPH_DATA_TESTDATA_H_
#define NOMOGRAPH_DATA_TESTDATA_H_

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/npy.h"

namespace nomograph {

inline std::string TestdataPath(absl::string_view name) {
  return absl::StrCat("data/testdata/", name);
}

inline std::string ReadTestdata(absl::string_view name) {
  auto bytes = ReadFile(TestdataPath(name));
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.value_or("");
}

// An array that NumPy has written.
inline Tensor ReadReference(absl::string_view name) {
  auto tensor = ReadNpy(TestdataPath(name));
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  if (!tensor.ok()) return Tensor();
  return *std::move(tensor);
}

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_TESTDATA_H_
