// Writes the golden file of the current version of the format, once, when that version is released:
//   make_format_golden tests/testdata/format_v1.nomo
#include <iostream>

#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/testing.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const std::string suffix : {"", ".txtpb"}) {
    const absl::Status status = nomograph::Save(nomograph::RichModel(), argv[1] + suffix);
    if (!status.ok()) return std::cerr << status << "\n", 1;
  }
}
