// The Pythons of this machine still store the lambdas as testing/lambdas.json has them. Any will
// do, and at least one must be there; the test's output names them.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace {

TEST(Regenerate, PythonsHereStoreTheSameBytes) {
  const std::string pythons =
      "$(ls \"${PYENV_ROOT:-$HOME/.pyenv}\"/versions/*/bin/python 2>/dev/null || true) "
      "$(command -v /usr/bin/python3)";
  const std::string command =
      "NUMPY=/usr/bin/python3; \"$NUMPY\" -c 'import numpy' || exit 77; "
      "\"$NUMPY\" serialization/keras/python/testing/generate.py --check " +
      pythons;
  const int result = std::system(command.c_str());
  if (WIFEXITED(result) && WEXITSTATUS(result) == 77) GTEST_SKIP() << "needs python3-numpy";
  EXPECT_EQ(result, 0);
}

}  // namespace
