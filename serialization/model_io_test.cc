// Models saved and loaded in binary and text form, against protoc where it can tell.
#include "nomograph/serialization/model_io.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "nomograph/core/io/file.h"
#include "nomograph/proto/model.pb.h"
#include "nomograph/serialization/file_layout.h"
#include "nomograph/serialization/testing.h"
#include "nomograph/serialization/text_format.h"
#include "nomograph/serialization/wire.h"

namespace nomograph {
namespace {

std::string TempPath(const std::string& name) {
  return absl::StrCat(testing::TempDir(), "/", name);
}

Model LoadOrDie(const std::string& bytes, const LoadOptions& options = {}) {
  auto model = LoadFromBytes(bytes, nullptr, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : Model();
}

std::string SaveOrDie(const Model& model) {
  auto bytes = SaveToString(model);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.ok() ? *std::move(bytes) : "";
}

// The file's message, and the file that holds a message with the payloads of another.
ModelProto ProtoOf(const std::string& file) {
  ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(file));
  return proto;
}
std::string SealedFile(ModelProto proto) {
  std::vector<std::string> payloads(proto.payload().begin(), proto.payload().end());
  proto.clear_payload();
  proto.clear_padding();
  std::string file = HeaderAndGraphPart(proto).value();
  for (const std::string& payload : payloads)
    file += PayloadPrefix(file.size(), payload.size()) + payload;
  return file;
}

// Runs protoc on model.proto; the files are given by redirection.
bool RunProtoc(const std::string& flag, const std::string& in, const std::string& out) {
  const char* protoc = std::getenv("PROTOC");
  if (protoc == nullptr) return false;
  return std::system(absl::StrCat(protoc, " -I .. ", flag,
                                  "=nomograph.ModelProto nomograph/proto/model.proto < ", in, " > ",
                                  out)
                         .c_str()) == 0;
}

TEST(ModelIoTest, RoundTripKeepsEverything) {
  for (const Model& model : {RichModel(), SmallModel()}) {
    const std::string bytes = SaveOrDie(model);
    const Model loaded = LoadOrDie(bytes, {.verify_checksums = true});
    EXPECT_EQ(FirstDifference(loaded, model), "");
    EXPECT_EQ(SaveOrDie(loaded), bytes);
  }
}

TEST(ModelIoTest, EqualModelsAreEqualBytes) {
  EXPECT_EQ(SaveOrDie(RichModel()), SaveOrDie(RichModel()));
}

// The weight where it lies.
Tensor StoredWeight(const Model& model, absl::string_view name) {
  return model.graph.FindWeight(model.graph.FindValue(name))->tensor;
}

TEST(ModelIoTest, FilesAreMappedAndOutliveTheirNames) {
  const std::string path = TempPath("mapped.nomo");
  ASSERT_TRUE(Save(RichModel(), path).ok());
  auto model = Load(path);
  ASSERT_TRUE(model.ok()) << model.status();
  std::remove(path.c_str());
  const Tensor kernel = StoredWeight(*model, "dense/kernel");
  EXPECT_FALSE(kernel.writable());
  // What a caller gets is a copy of its own.
  EXPECT_TRUE(model->GetWeight("dense/kernel")->writable());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(kernel.raw_data()) % 64, 0u);
  model = Model();
  EXPECT_EQ(kernel.data<float>()[100], 100.0f);  // the tensor keeps the file mapped
}

TEST(ModelIoTest, SavesOverTheFileThatItWasLoadedFrom) {
  const std::string path = TempPath("over.nomo");
  ASSERT_TRUE(Save(RichModel(), path).ok());
  Model model = Load(path).value();
  model.name = "renamed";
  ASSERT_TRUE(Save(model, path).ok());
  EXPECT_EQ(FirstDifference(Load(path).value(), model), "");
}

TEST(ModelIoTest, EqualPayloadsAreStoredOnce) {
  const std::string bytes = SaveOrDie(RichModel());
  // tensor_large, dense/kernel (with the function's table), dense/odd, large_mask, running_mean
  EXPECT_EQ(SplitFile(bytes).value().payloads.size(), 5u);
}

TEST(ModelIoTest, TextRoundTrip) {
  for (const Model& model : {RichModel(), SmallModel()}) {
    const std::string path = TempPath("model.nomo.txtpb");
    ASSERT_TRUE(Save(model, path).ok());
    const auto loaded = Load(path);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(FirstDifference(*loaded, model), "");
    EXPECT_EQ(SaveOrDie(*loaded), SaveOrDie(model));
  }
}

TEST(ModelIoTest, TextIsReadable) {
  const std::string path = TempPath("small.txtpb");
  ASSERT_TRUE(Save(SmallModel(), path).ok());
  const std::string text = ReadFile(path).value();
  for (const char* line : {"\nmagic: \"nomograph\"\n", "op: \"local.Tenfold\"\n",
                           "inputs: [1, 2]\n", "symbol: \"batch\"\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
  }
}

TEST(ModelIoTest, TextFaultsNameTheirLine) {
  const std::string path = TempPath("bad.txtpb");
  const struct {
    std::string text, message;
  } cases[] = {
      {"magic: \"nomograph\"\nformat_version: 1\nnmae: \"x\"\n", "line 3, column 5"},
      {"name: \"x\"\n", "no `magic: \"nomograph\"`"},
      {"", "no `magic: \"nomograph\"`"},
      {"magic: \"nomograph\"\nformat_version: 2\n", "format version 2"},
      {"magic: \"nomograph\"\nname: \"\\377\"\n", "name: the text is not UTF-8"},
  };
  for (const auto& c : cases) {
    ASSERT_TRUE(WriteFileAtomically(path, c.text).ok());
    const auto model = Load(path);
    ASSERT_FALSE(model.ok());
    EXPECT_NE(model.status().message().find(c.message), absl::string_view::npos) << model.status();
  }
}

TEST(ModelIoTest, ProtocReadsAndWritesFiles) {
  const std::string file = TempPath("protoc.nomo"), text = TempPath("protoc.txtpb"),
                    again = TempPath("again.nomo");
  const Model model = RichModel();
  ASSERT_TRUE(Save(model, file).ok());
  ASSERT_TRUE(RunProtoc("--decode", file, text));
  // What it printed is a text form, too.
  const auto from_text = Load(text);
  ASSERT_TRUE(from_text.ok()) << from_text.status();
  EXPECT_EQ(FirstDifference(*from_text, model), "");
  // Encoded again, the graph part is the same; the payloads lie elsewhere.
  ASSERT_TRUE(RunProtoc("--encode", text, again));
  const auto from_protoc = Load(again, {.verify_checksums = true});
  ASSERT_TRUE(from_protoc.ok()) << from_protoc.status();
  EXPECT_EQ(FirstDifference(*from_protoc, model), "");
  EXPECT_EQ(SaveOrDie(*from_protoc), ReadFile(file).value());
}

TEST(ModelIoTest, ProtocEncodesTheTextForm) {
  const std::string text = TempPath("form.txtpb"), file = TempPath("form.nomo");
  ASSERT_TRUE(Save(RichModel(), text).ok());
  ASSERT_TRUE(RunProtoc("--encode", text, file));
  const auto model = Load(file);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(FirstDifference(*model, RichModel()), "");
}

TEST(ModelIoTest, UnknownFieldsSurvive) {
  ModelProto proto = ProtoOf(SaveOrDie(RichModel()));
  AddUnknownFields(proto);
  const std::string file = SealedFile(proto);
  const Model model = LoadOrDie(file);
  EXPECT_EQ(SaveOrDie(model), file);
  EXPECT_NE(model.graph.nodes[0].unknown_fields, "");
  // Changes elsewhere do not lose them.
  Model edited = model;
  edited.graph.nodes[0].attrs.Erase("bool_true");
  edited.doc = "edited";
  const ModelProto saved = ProtoOf(SaveOrDie(edited));
  const AttributeProto& dtype = saved.graph().nodes(0).attributes(1);
  EXPECT_EQ(dtype.name(), "dtype");
  EXPECT_EQ(dtype.GetReflection()->GetUnknownFields(dtype).field_count(), 1);
}

TEST(ModelIoTest, TextRefusesUnknownFields) {
  ModelProto proto = ProtoOf(SaveOrDie(SmallModel()));
  AddUnknownFields(*proto.mutable_graph()->mutable_nodes(0));
  const auto status = Save(LoadOrDie(SealedFile(proto)), TempPath("unknown.txtpb"));
  EXPECT_NE(status.message().find("graph: nodes[0]: field 1000 is of a newer version"),
            absl::string_view::npos)
      << status;
}

TEST(ModelIoTest, LoadsFromAnyAddress) {
  const std::string bytes = SaveOrDie(RichModel());
  std::string buffer(bytes.size() + 64, '\0');
  for (int offset = 0; offset < 9; ++offset) {
    char* const copy = buffer.data() + offset;
    std::copy(bytes.begin(), bytes.end(), copy);
    auto model = LoadFromBytes(absl::string_view(copy, bytes.size()), nullptr);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(FirstDifference(*model, RichModel()), "");
  }
}

TEST(ModelIoTest, BytesLiveAsLongAsTheirTensors) {
  auto owner = std::make_shared<const std::string>(SaveOrDie(RichModel()));
  std::weak_ptr<const std::string> watch = owner;
  {
    const Tensor odd = StoredWeight(LoadFromBytes(*owner, owner).value(), "dense/odd");
    owner.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(odd.data<uint8_t>()[1026], 1026 % 101);
  }
  EXPECT_TRUE(watch.expired());
}

TEST(ModelIoTest, ChecksumsNameTheTensorsThatAreDamaged) {
  const std::string path = TempPath("damaged.nomo");
  std::string bytes = SaveOrDie(RichModel());
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  EXPECT_TRUE(VerifyChecksums(path).ok());
  const absl::string_view kernel = SplitFile(bytes).value().payloads[1];
  bytes[kernel.data() - bytes.data() + 1000] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  EXPECT_TRUE(Load(path).ok());
  const absl::Status status = VerifyChecksums(path);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  // Two tensors share the bytes.
  for (const char* place :
       {"graph \"main\": weight 0 (\"dense/kernel\"): payload 1: the bytes are damaged",
        "function \"branch\": weight 0 (\"table\"): payload 1: the bytes are damaged"}) {
    EXPECT_NE(status.message().find(place), absl::string_view::npos) << status;
  }
}

TEST(ModelIoTest, ProgressEndsAtTheFilesSize) {
  std::vector<int64_t> steps;
  int64_t expected = 0;
  const SaveOptions options = {.progress = [&](int64_t done, int64_t total) {
    steps.push_back(done);
    expected = total;
  }};
  const std::string bytes = SaveToString(RichModel(), options).value();
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), expected);
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  EXPECT_EQ(steps.back(), expected);
}

TEST(ModelIoTest, SavesOnlyWhatItCouldLoad) {
  const std::string path = TempPath("unsaved.nomo");
  std::remove(path.c_str());
  Model bad_text = SmallModel();
  bad_text.graph.nodes[0].doc = "caf\xe9";
  Model bad_graph = SmallModel();
  bad_graph.graph.nodes[0].inputs = {7};
  Model no_tensor = SmallModel();
  no_tensor.variables.resize(1);
  const struct {
    absl::StatusOr<Model> model;
    SaveOptions options;
    std::string message;
  } cases[] = {
      {bad_text, {}, "graph: nodes[0]: doc: the text is not UTF-8"},
      {bad_graph, {}, "there is no value 7"},
      {no_tensor, {}, "has no initial value"},
      {absl::InvalidArgumentError("layer dense: no units"), {}, "layer dense: no units"},
      {SmallModel(),
       {.format_version = 2},
       "format version 2 cannot be written; this build writes 1"},
      {SmallModel(), {.format_version = 0}, "format version 0 cannot be written"},
  };
  for (const auto& c : cases) {
    const absl::Status status = Save(c.model, path, c.options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(c.message), absl::string_view::npos) << status;
    EXPECT_EQ(ReadFile(path).status().code(), absl::StatusCode::kNotFound);
  }
}

TEST(ModelIoTest, ThereIsOneNaN) {
  Model model = SmallModel();
  model.graph.nodes[0].attrs.Set("f", -std::nan("12"));
  const std::string bytes = SaveOrDie(model);
  model.graph.nodes[0].attrs.Set("f", std::nan(""));
  EXPECT_EQ(SaveOrDie(model), bytes);
}

TEST(ModelIoTest, WrongPaths) {
  const std::string directory = testing::TempDir();
  const struct {
    std::string path;
    absl::StatusCode code;
    std::string message;
  } cases[] = {
      {TempPath("missing.nomo"), absl::StatusCode::kNotFound, "missing.nomo"},
      {TempPath("missing.txtpb"), absl::StatusCode::kNotFound, "missing.txtpb"},
      {directory, absl::StatusCode::kInvalidArgument, "it is a directory"},
      {"/dev/null", absl::StatusCode::kInvalidArgument, "it is a pipe or a device"},
  };
  for (const auto& c : cases) {
    const auto model = Load(c.path);
    EXPECT_EQ(model.status().code(), c.code);
    EXPECT_NE(model.status().message().find(c.message), absl::string_view::npos) << model.status();
  }
  EXPECT_EQ(Save(SmallModel(), directory).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Save(SmallModel(), TempPath("no/folder.nomo")).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace nomograph
