// Files that are no honest Keras models (testdata/make_hostile.py): each is a clear error, and
// nothing outside of them is touched.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/serialization/keras/import.h"

namespace nomograph::keras {
namespace {

struct Hostile {
  const char* file;
  std::vector<const char*> message;  // parts of it
};

const std::vector<Hostile>& HostileFiles() {
  static const auto& files = *new std::vector<Hostile>{
      {"absolute.keras", {"member \"/tmp/escaped\"", "leads out of the archive"}},
      {"bomb.h5", {"dense/kernel:0", "would become 536870912 bytes"}},
      {"bomb.keras", {"member \"assets/zeros\"", "pass the allowed"}},
      {"claims.keras", {"member \"config.json\"", "claims 2147483647 bytes"}},
      {"config_is_no_json.h5", {"attribute model_config", "no valid JSON"}},
      {"config_is_no_json.keras", {"config.json: ", "no valid JSON"}},
      {"config_is_number.h5", {"attribute \"model_config\"", "it is no text"}},
      {"cyclic.keras", {"model.weights.h5", "contain"}},
      {"deep.json", {"nested more than 200 deep"}},
      {"drive.keras", {"leads out of the archive"}},
      {"duplicate_field.json", {"field \"class_name\" occurs twice"}},
      {"duplicate_members.keras", {"member \"config.json\"", "two members of that name"}},
      {"escaping.keras", {"member \"../../escaped\"", "leads out of the archive"}},
      {"external_dataset.h5", {"dense/kernel:0", "lie in other files"}},
      {"external_link.h5", {"dense/kernel:0", "link into another file"}},
      {"giant_names.h5", {"attribute \"weight_names\"", "claims 150000 texts"}},
      {"huge_layer.json", {"weight kernel"}},
      {"huge_shape.h5", {"dense/kernel:0", "claims 4503599627370496 bytes"}},
      {"metadata_is_list.keras", {"metadata.json: expected an object, found list"}},
      {"metadata_is_no_json.keras", {"metadata.json: ", "no valid JSON"}},
      {"missing_dataset.h5", {"there is no \"model_weights/dense/dense/kernel:0\""}},
      {"models_in_models.json", {"more than 50 deep"}},
      {"names_that_climb.h5", {"there is no \"model_weights/dense/..\""}},
      {"no_config.keras", {"no config.json"}},
      {"no_json.json", {"no valid JSON", "byte 40"}},
      {"no_shape.json", {"layer \"d\"", "does not say what shape"}},
      {"no_such_call.json", {"layer \"b\"", "call 9223372036854775807 of \"a\""}},
      {"no_such_layer.json", {"layer \"a\"", "there is no layer \"q\""}},
      {"no_such_output.json", {"layer \"x\" has 1 outputs; output 7 is taken"}},
      {"soft_link.h5", {"dense/kernel:0", "symbolic link"}},
      {"text_weights.h5", {"dense/kernel:0", "no numbers"}},
      {"tfjs_absolute.json", {"\"/etc/passwd\"", "outside of the model's folder"}},
      {"tfjs_claims.json", {"weight \"dense/kernel\"", "takes more than the 32 bytes"}},
      {"tfjs_escaping.json", {"outside of the model's folder"}},
      {"tfjs_graph.json", {"a graph model"}},
      {"tfjs_left_over.json", {"its weights take 24 bytes, its files have 32"}},
      {"tfjs_no_json.json", {"model_config: ", "no valid JSON"}},
      {"truncated.h5", {"HDF5"}},
      {"two_of_a_name.json", {"two layers are named \"x\""}},
      {"unknown_filter.h5", {"needs filter 32000"}},
      {"virtual_dataset.h5", {"virtual data set"}},
      {"waits_for_itself.json", {"layer \"b\" is never called, or waits for itself"}},
      {"wrong_shape.h5", {"layer \"dense\"", "kernel [3,2]", "dense/kernel:0 [4,2]"}},
  };
  return files;
}

TEST(HostileFiles, AreClearErrors) {
  for (const Hostile& file : HostileFiles()) {
    SCOPED_TRACE(file.file);
    const auto imported = Import(absl::StrCat("serialization/keras/testdata/hostile/", file.file));
    ASSERT_FALSE(imported.ok());
    for (const char* part : file.message) {
      EXPECT_TRUE(absl::StrContains(imported.status().message(), part)) << imported.status();
    }
    EXPECT_LT(imported.status().message().size(), 4000u);
  }
}

TEST(HostileFiles, ContainersAreNotWhatTheirNamesSay) {
  // A model in an HDF5 file is one whatever the file is called, and an archive is an archive.
  for (const char* name : {"as_text.json", "as_archive.keras", "as_nothing"}) {
    const std::string path = absl::StrCat(testing::TempDir(), "/", name);
    const auto bytes = ReadFile("serialization/keras/testdata/models/model_lambda.h5");
    ASSERT_TRUE(bytes.ok());
    ASSERT_TRUE(WriteFileAtomically(path, *bytes).ok());
    const auto imported = Import(path);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_EQ(imported->report.container, Container::kHdf5);
  }
}

TEST(HostileFiles, AreNamedByWhatTheyAre) {
  const std::string path = absl::StrCat(testing::TempDir(), "/other.keras");
  const std::pair<std::string, std::string> cases[] = {
      {"", "expected a Keras model, found an empty file"},
      {"\x08\x07\x12\x07pytorch", "something else: it looks like an ONNX model"},
      {"\x89PNG\r\n\x1a\n", "something else: it looks like a PNG image"},
      {"hello", "something else: it looks like text"},
      {"\xff\xff", "expected a Keras model, found something else"}};
  for (const auto& [bytes, message] : cases) {
    ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
    const absl::Status status = Import(path).status();
    EXPECT_TRUE(absl::StrContains(status.message(), message)) << status;
  }
}

}  // namespace
}  // namespace nomograph::keras
