// A libFuzzer target: any bytes as a TFRecord file, as an Example, and as a record of a file that
// is whole. They must be an error that says something, or what was asked for. tools/fuzz.sh builds
// and runs it.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "nomograph/data/byte_source.h"
#include "nomograph/data/pipeline/example.h"
#include "nomograph/data/pipeline/tfrecord.h"

namespace nomograph {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

const ExampleParser& Parser() {
  static const auto* const parser = new ExampleParser(
      *ExampleParser::Create({{"image", DType::kUInt8},
                              {"label", DType::kInt64, Shape{}, Tensor::Scalar<int64_t>(0)},
                              {"weights", DType::kFloat32},
                              {"mask", DType::kBool, Shape{2}, Tensor(DType::kBool, {2})},
                              {"", DType::kInt16}}));
  return *parser;
}

void ReadExample(absl::string_view bytes) {
  const auto element = Parser().Parse(bytes);
  if (!element.ok()) return Require(!element.status().message().empty());
  const auto types = Parser().types();
  Require(element->size() == types.size());
  double sum = 0;
  for (size_t c = 0; c < types.size(); ++c) {
    const Tensor& tensor = (*element)[c];
    Require(tensor.dtype() == types[c].dtype && Matches(tensor.shape(), types[c].shape));
    for (int64_t i = 0; i < tensor.num_elements(); ++i) sum += tensor.AsDouble(i);
  }
  volatile double keep = sum;
  (void)keep;
}

// Reading, reading piece by piece and passing over find the same records and places.
void ReadFile(absl::string_view bytes) {
  TfRecordReader reader(bytes, 1 << 20), walker(bytes, 1 << 20);
  TfRecordReader streamed(std::make_unique<MemorySource>(bytes), 1 << 20);
  while (true) {
    const int64_t before = reader.offset();
    const auto record = reader.Next(), again = streamed.Next();
    Require(record.ok() == again.ok() && reader.can_go_on() == streamed.can_go_on() &&
            reader.offset() == streamed.offset());
    if (record.ok()) Require(*record == *again);
    if (record.ok() && !*record) return Require(!*walker.SkipRecord());
    if (record.ok()) ReadExample(**record);
    if (!record.ok()) Require(!record.status().message().empty());
    const auto walked = walker.SkipRecord();
    Require(walked.ok() == reader.can_go_on());
    if (!reader.can_go_on()) return;
    Require(reader.offset() > before && reader.offset() == walker.offset());
  }
}

}  // namespace
}  // namespace nomograph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nomograph;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  ReadFile(bytes);
  ReadExample(bytes);
  std::string file;
  AppendTfRecord(bytes, file);
  TfRecordReader reader(file);
  const auto record = reader.Next();
  Require(record.ok() && *record == bytes);
  Require(!reader.Next()->has_value());
  return 0;
}
