// Datasets from files: what they yield, where they stop, and what they say of files that are
// damaged.
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/idx.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npz.h"
#include "nomograph/data/pipeline/pipeline_testing.h"
#include "nomograph/data/png.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;

// A new folder for each test.
class Sources : public testing::Test {
 protected:
  Sources() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  std::string Path(absl::string_view name) const { return absl::StrCat(folder_, "/", name); }
  std::string Put(absl::string_view name, absl::string_view bytes) const {
    fs::create_directories(fs::path(Path(name)).parent_path());
    std::ofstream file(Path(name), std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    EXPECT_TRUE(file.good());
    return Path(name);
  }
  // The message without the folder's name.
  std::string Message(const Dataset& dataset) const {
    return absl::StrReplaceAll(Line(dataset), {{folder_ + "/", ""}});
  }

 private:
  const std::string folder_ =
      absl::StrCat(testing::TempDir(), "/sources_test_",
                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(Sources, Npy) {
  const Tensor x = Tensor::Of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor y = Tensor::Vector<int64_t>({7, 8, 9});
  ASSERT_TRUE(WriteNpy(Path("x.npy"), x).ok() && WriteNpy(Path("y.npy"), y).ok());
  const Dataset dataset = Dataset::Npy({Path("x.npy"), Path("y.npy")});
  EXPECT_EQ(Line(dataset), "[1 2]; 7, [3 4]; 8, [5 6]; 9");
  EXPECT_EQ(dataset.Cardinality(), 3);
  CheckPositions(dataset.Shuffle(2));
  EXPECT_EQ(Message(Dataset::Npy({Path("no.npy")})),
            "cannot open \"no.npy\": No such file or directory");
  Put("z.npy", ReadFile(Path("x.npy"))->substr(0, 140));
  EXPECT_TRUE(absl::StrContains(Message(Dataset::Npy({Path("z.npy")})), "\"z.npy\": "))
      << Message(Dataset::Npy({Path("z.npy")}));
}

// Every file that NumPy has written, mapped or read, has the elements that the reader finds.
TEST_F(Sources, NpyOfEveryKind) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("data/testdata/npy")) {
    const auto right = ReadNpy(entry.path());
    if (!right.ok() || right->shape().rank() == 0) continue;
    ++count;
    auto iterator = Dataset::Npy({entry.path()}).Iterate();
    ASSERT_TRUE(iterator.ok()) << iterator.status();
    for (int64_t i = 0; i < right->shape()[0]; ++i) {
      auto element = (*iterator)->Next();
      ASSERT_TRUE(element.ok() && element->has_value());
      const Tensor& row = (**element)[0];
      EXPECT_EQ(row, right->Rows(i, i + 1).Reshaped(row.shape())) << entry.path();
    }
    EXPECT_FALSE((*iterator)->Next()->has_value());
  }
  EXPECT_GT(count, 20);
}

TEST_F(Sources, Npz) {
  ASSERT_TRUE(WriteNpz(Path("a.npz"), {{"x", Tensor::Of<float>({2, 1}, {1, 2})},
                                       {"y", Tensor::Vector<int64_t>({3, 4})}})
                  .ok());
  EXPECT_EQ(Line(Dataset::Npz(Path("a.npz"), {"y", "x"})), "3; [1], 4; [2]");
  EXPECT_EQ(Message(Dataset::Npz(Path("a.npz"), {"z"})),
            "\"a.npz\" has no array \"z\"; it has \"x\", \"y\"");
}

TEST_F(Sources, Idx) {
  using namespace std::string_literals;
  Put("images", "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02\x05\x06\x07\x08"s);
  Put("labels", "\0\0\x08\x01\0\0\0\x02\x03\x04"s);
  const Dataset dataset = Dataset::Idx({Path("images"), Path("labels")});
  EXPECT_EQ(Line(dataset), "[5 6]; 3, [7 8]; 4");
  EXPECT_EQ(dataset.element_types()[0].ToString(), "uint8[1,2]");
  CheckPositions(dataset);
}

TEST_F(Sources, Csv) {
  struct {
    const char* text;
    CsvDatasetOptions options;
    const char* expected;
  } const cases[] = {
      {"1,2\n3,4\n", {}, "[1 2], [3 4]"},
      {"a,b\n1,2\n3,4", {}, "[1 2], [3 4]"},
      {"\xef\xbb\xbfx;y\r\n1.5;-2\r\n1e3;nan\r\n\r\n", {}, "[1.5 -2], [1000 nan]"},
      {"1 , 2\r3,4\r", {}, "[1 2], [3 4]"},
      {"\"1\",\"2\"\n\"3\" ,4\n", {}, "[1 2], [3 4]"},
      {"\"a \"\"b\"\"\nc\",d\n1,2\n", {}, "[1 2]"},
      {"1,2,3\n4,5,6\n", {.label_column = 0}, "[2 3]; 1, [5 6]; 4"},
      {"1,2,3\n4,5,6\n", {.label_column = -1}, "[1 2]; 3, [4 5]; 6"},
      {"1,2,3\n4,5,6\n", {.label_column = 1, .label_dtype = DType::kFloat32}, "[1 3]; 2, [4 6]; 5"},
      {"7\n8\n", {.label_column = 0}, "[]; 7, []; 8"},
      {"-12\n1234567\n", {.file = {.dtype = DType::kInt64}}, "[-12], [1.23457e+06]"},
      {"1\n2\n", {.file = {.header = CsvHeader::kYes}}, "[2]"},
      // Damaged ones.
      {"", {}, "\"t.csv\": it is empty; expected rows of numbers"},
      {"\n\n", {}, "\"t.csv\": it is empty; expected rows of numbers"},
      {"1,2\n3,x\n", {}, "\"t.csv\": line 2, column 2: expected a number, found \"x\""},
      {"1,2\n3,\n", {}, "\"t.csv\": line 2, column 2: the cell is empty; expected a number"},
      {"1,2\n3,\x1b[2J\n",
       {},
       "\"t.csv\": line 2, column 2: expected a number, found \"\\x1b[2J\""},
      {"1,2\n3\n", {}, "\"t.csv\": line 2 has 1 columns; expected 2 as in the first line"},
      {"1,2\n3,4,5\n", {}, "\"t.csv\": line 2 has 3 columns; expected 2 as in the first line"},
      {"1,2\n\n3,4\n", {}, "\"t.csv\": line 2 is empty; expected a row of numbers"},
      {"1,2\n\"3,4\n5,6\n", {}, "\"t.csv\": line 2, column 1: the quotes are not closed"},
      {"1,2\n\"3\"4,5\n",
       {},
       "\"t.csv\": line 2, column 1: expected the cell's end after its quotes"},
      {"1,2\n3,4e999\n", {}, "\"t.csv\": line 2, column 2: expected a number, found \"4e999\""},
      {"1\n1.5\n",
       {.file = {.dtype = DType::kInt64}},
       "\"t.csv\": line 2, column 1: expected an integer of 64 bits, found \"1.5\""},
      {"1,2\n", {.label_column = 2}, "\"t.csv\": the label's column is 2; there are 2 columns"},
      {"1,2\n", {.label_column = -3}, "\"t.csv\": the label's column is -3; there are 2 columns"},
      {"1,2\n",
       {.file = {.dtype = DType::kInt8}},
       "Csv: cells are read as float32, float64 or int64; found int8 and int64"},
      {"1,2\n333333333,4\n",
       {.max_line_bytes = 10},
       "\"t.csv\": line 2 has 11 bytes; at most 10 are allowed"},
      {"\"11111111111111111",
       {.max_line_bytes = 10},
       "\"t.csv\": line 1 has more than the allowed 10 bytes"},
  };
  for (const auto& c : cases) {
    const Dataset dataset = Dataset::Csv(Put("t.csv", c.text), c.options);
    EXPECT_EQ(Message(dataset), c.expected) << c.text;
    if (!absl::StrContains(c.expected, "t.csv") && dataset.status().ok()) CheckPositions(dataset);
  }
}

// Numbers of all lengths are what the reader of whole tables makes of them.
TEST_F(Sources, CsvHasTheNumbersOfTheTable) {
  const std::string text =
      "0,1,9999999,10000000,16777217,-1,+1,1.5,.5,1e-3,0001,inf,-inf,123456789012\n";
  const std::string path = Put("t.csv", text);
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    auto iterator = Dataset::Csv(path, {.file = {.dtype = dtype}}).Iterate();
    const auto row = (*iterator)->Next();
    ASSERT_TRUE(row.ok() && row->has_value()) << row.status();
    const auto table = ParseCsv(text, {.dtype = dtype});
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ((**row)[0], table->Reshaped((**row)[0].shape()));
  }
  Put("i.csv", "9007199254740993,-9223372036854775808,00000001\n");
  auto iterator = Dataset::Csv(Path("i.csv"), {.file = {.dtype = DType::kInt64}}).Iterate();
  EXPECT_EQ((**(*iterator)->Next())[0].ToInts(),
            (std::vector<int64_t>{9007199254740993, std::numeric_limits<int64_t>::min(), 1}));
}

TEST_F(Sources, CsvOfWhichBadLinesAreSkipped) {
  const Dataset dataset = Dataset::Csv(Put("t.csv", "1,2\nx,3\n4,5\n\n6\n7,8,9\n\"\n10,11\n\n"),
                                       {.on_error = OnError::kSkip});
  auto iterator = dataset.Iterate();
  ASSERT_TRUE(iterator.ok()) << iterator.status();
  EXPECT_EQ(absl::StrJoin(*Rest(**iterator), ", "), "[1 2], [4 5], [10 11]");
  EXPECT_EQ((*iterator)->stats().skipped(), 5);
  CheckPositions(dataset);
}

// Cut at every byte and with every byte changed: rows, or an error that says something.
TEST_F(Sources, CsvOfWhichAnyByteIsDamaged) {
  const std::string good = "a,b\r\n1,\"2\"\r\n3.5,-4e2\n\n";
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char change : {'\0', '"', '\n', ',', '\xff', '7'}) {
      std::string changed = good;
      changed[i] = change;
      for (const std::string& text : {changed, good.substr(0, i)}) {
        for (const OnError on_error : {OnError::kFail, OnError::kSkip}) {
          const Dataset dataset = Dataset::Csv(Put("t.csv", text), {.on_error = on_error});
          const auto rows = Elements(dataset);
          if (!rows.ok()) {
            EXPECT_NE(rows.status().message(), "");
          } else {
            EXPECT_LE(rows->size(), 4u);
          }
          EXPECT_TRUE(rows.ok() || on_error == OnError::kFail || !dataset.status().ok());
        }
      }
    }
  }
}

TEST_F(Sources, TfRecord) {
  const std::string plain = "data/pipeline/testdata/examples.tfrecord";
  const std::string gzipped = Path("packed.tfrecord");
  ASSERT_EQ(system(absl::StrCat("gzip -c ", plain, " > ", gzipped).c_str()), 0);
  const std::vector<ExampleFeature> features = {
      {"label", DType::kInt64, Shape{}, Tensor::Scalar<int64_t>(0)}, {"weights", DType::kFloat32}};
  for (const std::string& path : {plain, gzipped}) {
    for (const int threads : {1, 2}) {
      const Dataset dataset =
          Dataset::TfRecord(path).ParseExample(features, {.num_parallel = threads});
      EXPECT_EQ(Line(dataset), "7; [0.5 -1.25 3e+38], -1; [2], 2; [1 2 3], 0; []") << threads;
      CheckPositions(dataset);
      CheckPositions(dataset.Shuffle(2).Repeat(2));
    }
  }
  const std::string packed = *ReadFile(gzipped);
  const Dataset cut = Dataset::TfRecord(Put("cut.tfrecord", packed.substr(0, packed.size() / 2)));
  EXPECT_TRUE(absl::StrContains(Message(cut), "\"cut.tfrecord\": it cannot be unpacked: "))
      << Message(cut);
}

TEST_F(Sources, TfRecordOfWhichBadRecordsAreSkipped) {
  const std::string good = *ReadFile("data/pipeline/testdata/records.tfrecord");
  std::string one_bad = good;
  one_bad[12] ^= 1;
  Put("a.tfrecord", one_bad);
  EXPECT_EQ(Message(Dataset::TfRecord(Path("a.tfrecord"))),
            "\"a.tfrecord\": record at byte 0: the checksum of its bytes does not hold");
  const TfRecordDatasetOptions skip = {.on_error = OnError::kSkip};
  auto iterator = Dataset::TfRecord(Path("a.tfrecord"), skip).Iterate();
  EXPECT_EQ(Rest(**iterator)->size(), 3u);
  EXPECT_EQ((*iterator)->stats().skipped(), 1);
  // What ends within a record ends there; the next file goes on.
  Put("b.tfrecord", good.substr(0, good.size() - 1));
  const Dataset both = Dataset::Concatenate(
      {Dataset::TfRecord(Path("b.tfrecord"), skip), Dataset::TfRecord(Path("a.tfrecord"), skip)});
  iterator = both.Iterate();
  EXPECT_EQ(Rest(**iterator)->size(), 6u);
  EXPECT_EQ((*iterator)->stats().skipped(), 2);
  CheckPositions(both);
  EXPECT_EQ(Message(Dataset::TfRecord(Path("none"))), Message(Dataset::TfRecord(Path("none"))));
}

std::string Png(std::initializer_list<uint8_t> pixels) {
  return *FormatPng(Tensor::Of<uint8_t>({1, static_cast<int64_t>(pixels.size())}, pixels));
}

TEST_F(Sources, ImageFolder) {
  Put("train/b/2.png", Png({3, 4}));
  Put("train/b/10.PNG", Png({1, 2}));
  Put("train/a/x.png", Png({9, 8}));
  Put("train/a/notes.txt", "no image");
  Put("train/a/.hidden.png", "no image");
  Put("train/.cache/x.png", "no image");
  Put("train/list.png", "no class");
  fs::create_directories(Path("train/empty"));
  const ImageFolderOptions grey = {.image = {.channels = 1}};
  const Dataset dataset = Dataset::ImageFolder(Path("train"), grey);
  EXPECT_EQ(Line(dataset), "[9 8]; 0, [1 2]; 1, [3 4]; 1");
  EXPECT_EQ(dataset.Cardinality(), 3);
  EXPECT_EQ(dataset.element_types()[0].ToString(), "uint8[?,?,1]");
  EXPECT_EQ(*ImageFolderClasses(Path("train")), (std::vector<std::string>{"a", "b", "empty"}));
  CheckPositions(dataset);
  ImageFolderOptions options = grey;
  options.height = 2;
  options.width = 1;
  options.num_parallel = 2;
  // Bilinear with half-pixel centres: the middle of both pixels, rounded half up.
  EXPECT_EQ(Line(Dataset::ImageFolder(Path("train"), options)), "[9 9]; 0, [2 2]; 1, [4 4]; 1");
  options.shuffle_files = ShuffleOptions();
  const Dataset shuffled = Dataset::ImageFolder(Path("train"), options);
  CheckPositions(shuffled);
  std::set<std::string> orders;
  for (int64_t epoch = 0; epoch < 60; ++epoch) orders.insert(Line(shuffled, {.epoch = epoch}));
  EXPECT_EQ(orders.size(), 6u);
}

TEST_F(Sources, ImageFolderOfDamagedImages) {
  const std::string png = Png({1, 2});
  Put("t/c/1.png", png);
  Put("t/c/2.png", png.substr(0, png.size() / 2));
  Put("t/c/3.png", "");
  Put("t/c/4\n.jpg", "\xff\xd8\xff but then nothing");
  Put("t/c/5.png", png);
  // A PNG that says it is 2^31 - 1 pixels wide and high.
  std::string giant = png;
  giant.replace(16, 8, "\x7f\xff\xff\xff\x7f\xff\xff\xff");
  Put("t/c/6.png", giant);
  EXPECT_TRUE(absl::StartsWith(Message(Dataset::ImageFolder(Path("t"))),
                               "ImageFolder, element 1: \"t/c/2.png\": "))
      << Message(Dataset::ImageFolder(Path("t")));
  for (const int threads : {1, 3}) {
    ImageFolderOptions options;
    options.num_parallel = threads;
    options.on_error = OnError::kSkip;
    const Dataset dataset = Dataset::ImageFolder(Path("t"), options);
    auto iterator = dataset.Iterate();
    const auto rest = Rest(**iterator);
    ASSERT_TRUE(rest.ok()) << rest.status();
    EXPECT_EQ(rest->size(), 2u);
    EXPECT_EQ((*iterator)->stats().skipped(), 4);
    CheckPositions(dataset);
  }
  // The name is escaped.
  const std::string message = Message(Dataset::ImageFolder(Path("t")).Skip(3));
  EXPECT_TRUE(absl::StrContains(message, "\"t/c/4\\n.jpg\"")) << message;
}

TEST_F(Sources, FoldersThatAreNone) {
  EXPECT_TRUE(absl::IsNotFound(Dataset::ImageFolder(Path("none")).status()));
  Put("file", "");
  EXPECT_FALSE(Dataset::ImageFolder(Path("file")).status().ok());
  fs::create_directories(Path("t/c"));
  EXPECT_EQ(Message(Dataset::ImageFolder(Path("t"))),
            absl::StrCat("ImageFolder: folder \"t\": there is no image in any of its 1 folders; "
                         "expected <class>/<image>.png, .jpg or .jpeg"));
  ImageFolderOptions options;
  options.max_files = 1;
  Put("t/c/1.png", Png({1}));
  Put("t/c/2.png", Png({1}));
  EXPECT_TRUE(absl::IsResourceExhausted(Dataset::ImageFolder(Path("t"), options).status()));
  options = {.image = {.channels = 2}};
  EXPECT_EQ(Message(Dataset::ImageFolder(Path("t"), options)),
            "ImageFolder: expected 0, 1, 3 or 4 channels, found 2");
}

}  // namespace
}  // namespace nomograph
