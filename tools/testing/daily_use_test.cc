// What daily users met and would not have again: each test is named after what is so now.
//
// Where the rest of that is tested: damaged weights keep their names (model_io_test), a killed
// process leaves nothing (file_test), parameters are counted once (inspect_test), foreign operators
// open (ops_convert_test, import_test), NaN passes through (special_values_test), outputs of no
// kind and random inputs (run_test), flags and commands that are misspelt (usage_test), messages
// word by word (docs/ERRORS.md, by docs_test), and typical mistakes by the dozen (mistakes.py).
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/stand_ins.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kFolder[] = "daily";

class DailyUse : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::filesystem::create_directories(TempPath(kFolder));
    SaveStandIns(TempPath(kFolder));
  }
};

CliResult Told(const std::string& arguments) { return Nomo(arguments, "stdout.txt", kFolder); }
std::string InFolder(const std::string& name) { return absl::StrCat(kFolder, "/", name); }

// What `nomo ARGUMENTS` prints on a terminal of so many columns.
std::string OnTerminal(const std::string& arguments, unsigned short columns) {
  winsize size = {.ws_row = 50, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  const std::string nomo = NomoPath(), folder = TempPath(kFolder);
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    const std::string command =
        absl::StrCat("cd '", folder, "' && NO_COLOR=1 '", nomo, "' ", arguments, " 2>/dev/null");
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  EXPECT_GT(child, 0);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;) text.append(buffer, n);
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
  return text;
}

size_t Columns(absl::string_view line) {
  return std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

TEST_F(DailyUse, EverythingFitsTheTerminal) {
  for (const char* arguments :
       {"summary resnet50.onnx", "summary vad.onnx bert.onnx", "inspect resnet50.onnx",
        "inspect resnet50.onnx op:conv", "inspect resnet50.onnx /layer1/layer1.0/Add",
        "inspect resnet50.onnx --tensors --stats", "inspect resnet50.onnx --program",
        "inspect vad.onnx --functions", "diff resnet50.onnx finetuned.onnx",
        "dump resnet50.onnx op:conv -i x.npy", "compare resnet50.onnx finetuned.onnx -i x.npy",
        "profile resnet50.onnx --runs 2 --warmup 1", "run --help", "verify mnist.nomo", "ops",
        "tune resnet50.onnx --duration 0.2 -o fits.tuning --all"}) {
    for (const unsigned short columns : {80, 120}) {
      const std::string text = OnTerminal(arguments, columns);
      EXPECT_THAT(text, Not(IsEmpty())) << arguments;
      for (const absl::string_view line : absl::StrSplit(text, '\n')) {
        EXPECT_LE(Columns(line), columns) << arguments << ": " << line;
        if (Columns(line) > columns) break;
      }
    }
  }
}

TEST_F(DailyUse, APipeHasNoPadding) {
  const CliResult result = Told("inspect resnet50.onnx --nodes");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\n  /layer1/layer1.0/relu/Relu  nn.Relu  "));
}

TEST_F(DailyUse, SmallConstantsStandWhereTheyAreUsedAndDefaultsNowhere) {
  const CliResult result = Told("inspect vad.onnx");
  EXPECT_THAT(result.out, AllOf(HasSubstr("sr, b=16000"), HasSubstr("ends=[256]")));
  EXPECT_THAT(Told("inspect vad.onnx --nodes --all").out, HasSubstr("core.Constant"));
  const std::string nodes = Told("inspect resnet50.onnx --nodes").out;
  EXPECT_THAT(nodes, AllOf(Not(HasSubstr("groups=1")), Not(HasSubstr("dilations"))));
  EXPECT_THAT(Told("inspect resnet50.onnx --nodes --all").out, HasSubstr("groups=1"));
}

TEST_F(DailyUse, ImportedModelsAreNotTalkedOfAsKerasOwn) {
  EXPECT_THAT(Told("summary resnet50.onnx").out,
              AllOf(HasSubstr("parameters"), Not(HasSubstr("Trainable")), Not(HasSubstr("None"))));
}

TEST_F(DailyUse, AnOnnxModelOfAnotherNameOpens) {
  WriteContents(InFolder("renamed.nomo"), Contents(InFolder("resnet50.onnx")));
  EXPECT_EQ(Told("summary renamed.nomo").exit_code, 0);
  WriteContents(InFolder("renamed.onnx"), Contents(InFolder("mnist.nomo")));
  EXPECT_EQ(Told("verify renamed.onnx").exit_code, 0);
}

TEST_F(DailyUse, AValueWithinTheModelIsNotTakenForAPath) {
  const CliResult result =
      Told("run resnet50.onnx -i x.npy -o /layer1/layer1.0/Add_output_0=x_out.npy");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("there is no output \"/layer1/layer1.0/Add_output_0\""),
                                HasSubstr("nomo dump")));
}

TEST_F(DailyUse, LabelsAreCheckedAheadOfTheRun) {
  WriteContents(InFolder("two.txt"), "cat\ndog\n");
  const CliResult result = Told("run resnet50.onnx -i x.npy --top-k 1 --labels two.txt");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(DailyUse, ARunCanAskForChecksums) {
  EXPECT_EQ(Told("run damaged.nomo -i digit.png").exit_code, 0);
  const CliResult result = Told("run damaged.nomo -i digit.png --verify");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("hidden/kernel"));
  EXPECT_THAT(result.out, IsEmpty());
}

// The program's listing and the profile count the same conversions of layout, and neither shows
// them by the names that kernels have for them.
TEST_F(DailyUse, ConversionsAreCounted) {
  EXPECT_THAT(Told("inspect resnet50.onnx --program").out,
              AllOf(HasSubstr("conversion"), Not(HasSubstr("reorder "))));
  const auto program = nlohmann::json::parse(Told("inspect resnet50.onnx --program --json").out);
  const auto profile =
      nlohmann::json::parse(Told("profile resnet50.onnx --runs 1 --warmup 0 --json").out);
  int64_t profiled = 0;
  for (const auto& node : profile["nodes"]) {
    const int64_t conversions = node["conversions"].get<int64_t>();
    profiled += conversions;
    // Their time is a part of the node's.
    EXPECT_EQ(node["conversion_ms"].get<double>() > 0, conversions > 0) << node;
    EXPECT_LE(node["conversion_ms"].get<double>(), node["ms"].get<double>()) << node;
  }
  EXPECT_EQ(program["conversions"], profiled);
}

// Names within the branches fit the selector, too: they come along with the node that calls them.
TEST_F(DailyUse, ControlFlowCanBeCutOut) {
  const CliResult result = Told("extract vad.onnx 'If**' -o branches.onnx --force");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("took 1 of 3 nodes\n"));
  EXPECT_THAT(Told("inspect branches.onnx --functions").out, HasSubstr("Functions (2)"));
  EXPECT_EQ(Told("run branches.onnx -i random").exit_code, 0);
}

TEST_F(DailyUse, AMissingOpComesWithTheNextStep) {
  const CliResult result = Told("run missing.nomo -i random");
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("--op-library FILE.so"),
                                HasSubstr("nomo inspect missing.nomo --lambdas")));
}

// A chain of Relu and Sigmoid, as an ONNX file.
void SaveChain(const std::string& name, int nodes) {
  Model model;
  Graph& graph = model.graph;
  const TensorType type(DType::kFloat32, PartialShape(Shape({4})));
  ValueId value = graph.AddValue("x", type);
  graph.inputs = {value};
  for (int i = 0; i < nodes; ++i) {
    const ValueId next = graph.AddValue(absl::StrCat("v", i), type);
    graph.nodes.push_back({.name = absl::StrCat("n", i),
                           .op = i % 2 == 0 ? "nn.Relu" : "nn.Sigmoid",
                           .version = 1,
                           .inputs = {value},
                           .outputs = {next}});
    value = next;
  }
  graph.outputs = {value};
  ASSERT_TRUE(onnx::Export(model, TempPath(InFolder(name))).ok());
}

// Anything quadratic in 100,000 nodes takes minutes.
TEST_F(DailyUse, NothingIsQuadraticInNodes) {
  SaveChain("chain.onnx", 100'000);
  for (const char* arguments :
       {"check chain.onnx", "summary chain.onnx", "inspect chain.onnx n5000+3",
        "diff chain.onnx chain.onnx", "graph chain.onnx -o chain.svg --force",
        "view chain.onnx -o chain.html --force"}) {
    rusage before, after;
    getrusage(RUSAGE_CHILDREN, &before);
    EXPECT_EQ(Told(arguments).exit_code, 0) << arguments;
    getrusage(RUSAGE_CHILDREN, &after);
    EXPECT_LT(after.ru_utime.tv_sec - before.ru_utime.tv_sec, 60) << arguments;
  }
}

// A model with so many megabytes of weights.
void SaveLarge(const std::string& name, int64_t megabytes) {
  Model model;
  Graph& graph = model.graph;
  const TensorType type(DType::kFloat32, PartialShape(Shape({megabytes << 18})));
  const ValueId x = graph.AddValue("x", type), w = graph.AddValue("w", type);
  const ValueId y = graph.AddValue("y", type);
  graph.inputs = {x};
  graph.weights.push_back({w, Tensor(DType::kFloat32, {megabytes << 18})});
  graph.nodes.push_back(
      {.name = "add", .op = "math.Add", .version = 1, .inputs = {x, w}, .outputs = {y}});
  graph.outputs = {y};
  ASSERT_TRUE(onnx::Export(model, TempPath(InFolder(name))).ok());
}

// Those that do not lie at a multiple of their size are copied, and nothing twice.
TEST_F(DailyUse, LookingIntoAnOnnxFileCopiesItOnceAtMost) {
  constexpr int64_t kMegabytes = 256;
  SaveLarge("large.onnx", kMegabytes);  // whose memory is given back before fork()
  const pid_t child = fork();
  if (child == 0) {
    const std::string path = TempPath(InFolder("large.onnx"));
    if (freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
    execl(NomoPath().c_str(), "nomo", "inspect", path.c_str(), "--io", nullptr);
    _exit(127);
  }
  int status = 0;
  rusage usage;
  ASSERT_EQ(wait4(child, &status, 0, &usage), child);
  EXPECT_EQ(status, 0);
  EXPECT_LT(usage.ru_maxrss, (2 * kMegabytes - 32) << 10);  // in KB
}

// The names of all fields, but for those of objects that are by name of something in the model.
void CollectKeys(const nlohmann::json& json, std::set<std::string>& keys) {
  static const auto* by_name = new std::set<std::string>{
      "attributes",  "metadata",      "ops",    "types", "kernels", "percentiles_ms", "default",
      "node_counts", "weight_counts", "folded", "sizes", "unused",  "several"};
  if (json.is_array()) {
    for (const auto& element : json) CollectKeys(element, keys);
  }
  if (!json.is_object()) return;
  for (const auto& [key, value] : json.items()) {
    keys.insert(key);
    const bool costs_inputs = key == "inputs" && value.is_object();
    if (!costs_inputs && (!by_name->contains(key) || value.is_array())) CollectKeys(value, keys);
  }
}

TEST_F(DailyUse, EveryFieldOfJsonIsDocumented) {
  const auto page = ReadFile(RunfilesPath("tools/JSON.md"));
  ASSERT_TRUE(page.ok()) << page.status();
  for (const char* arguments :
       {"summary resnet50.onnx",
        "inspect resnet50.onnx --stats",
        "inspect vad.onnx",
        "inspect acme.nomo",
        "inspect resnet50.onnx fc.weight --stats",
        "inspect resnet50.onnx --program",
        "run mnist.nomo -i digit.png --repeat 1",
        "check missing.nomo",
        "check resnet50.onnx --target opset:15",
        "layers Dense",
        "ops nn.Conv",
        "ops",
        "diff resnet50.onnx finetuned.onnx",
        "compare resnet50.onnx finetuned.onnx -i x.npy",
        "dump resnet50.onnx op:add -i x.npy",
        "profile resnet50.onnx --runs 2 --warmup 1",
        "tune resnet50.onnx --duration 0.2 -o told.tuning",
        "verify mnist.nomo --lambdas",
        "convert resnet50.onnx told.nomo --force",
        "extract resnet50.onnx '/layer1/**' -o told.onnx --external-weights --force",
        "edit resnet50.onnx --batch 1 -o told.nomo --force",
        "quantize resnet50.onnx -i x.npy --exclude fc.weight+1 -o told.nomo --force",
        "train resnet50.onnx -d input=x.npy -d output=y.npy --loss "
        "sparse_categorical_crossentropy:from_logits -q -o told.nomo --force",
        "sign --new-key told",
        "sign mnist.nomo --key told"}) {
    const std::string out = Told(absl::StrCat(arguments, " --json")).out;
    const auto json = nlohmann::json::parse(out, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(json.is_object()) << arguments << "\n" << out.substr(0, 500);
    EXPECT_THAT(*page, HasSubstr(absl::StrCat("`", json.value("schema", "none"), "`")));
    std::set<std::string> keys;
    CollectKeys(json, keys);
    keys.erase("schema");
    for (const std::string& key : keys) {
      EXPECT_TRUE(absl::StrContains(*page, absl::StrCat("`", key, "`")))
          << key << ", of " << arguments;
    }
  }
}

}  // namespace
}  // namespace nomograph
