// precompiled_header.h and GoogleTest, for tests.
#ifndef NOMOGRAPH_THIRD_PARTY_PRECOMPILED_TEST_HEADER_H_
#define NOMOGRAPH_THIRD_PARTY_PRECOMPILED_TEST_HEADER_H_

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "precompiled_header.h"

#endif  // NOMOGRAPH_THIRD_PARTY_PRECOMPILED_TEST_HEADER_H_
