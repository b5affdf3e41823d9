#include "nomograph/tools/run/read_inputs.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/csv.h"
#include "nomograph/data/idx.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npz.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/index_limits.h"
#include "nomograph/inspect/random_tensor.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/run/fit_image.h"
#include "nomograph/tools/run/picture_arguments.h"
#include "nomograph/tools/run/typed_values.h"

namespace nomograph {
namespace {

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// What needs more memory than there is may be right as it stands.
template <typename T>
auto Usage(T status) {
  const bool too_large = absl::IsResourceExhausted(StatusOf(status));
  return WithExitCode(too_large ? ExitCode::kCannotRun : ExitCode::kUsage, std::move(status));
}
template <typename T>
auto Unreadable(T status) {
  const bool too_large = absl::IsResourceExhausted(StatusOf(status));
  return WithExitCode(too_large ? ExitCode::kCannotRun : ExitCode::kUnreadable, std::move(status));
}

// Elements of a row; -1 where that is open.
int64_t RowSize(const PartialShape& shape) {
  if (!shape.has_rank() || shape.rank() == 0) return -1;
  int64_t size = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) {
    if (!shape[axis].known()) return -1;
    size *= shape[axis].size();
  }
  return size;
}

}  // namespace

bool IsIdxPath(absl::string_view path) {
  for (const absl::string_view mark : {"-idx1-", "-idx2-", "-idx3-", "-idx4-"}) {
    if (absl::StrContains(path, mark)) return true;
  }
  return false;
}

Tensor FitRows(const Tensor& table, const PartialShape& shape) {
  if (Matches(table.shape(), shape) || RowSize(shape) != RowSize(PartialShape(table.shape())))
    return table;
  Shape fitted = {table.shape()[0]};
  for (int axis = 1; axis < shape.rank(); ++axis) fitted.Append(shape[axis].size());
  return table.Reshaped(fitted);
}

namespace {

absl::StatusOr<Tensor> ReadTable(const TensorType& type, const std::string& path, bool header) {
  const DType read_as = kFloats.Contains(type.dtype) ? DType::kFloat64 : DType::kInt64;
  const auto read =
      ReadCsv(path, {.header = header ? CsvHeader::kYes : CsvHeader::kAuto, .dtype = read_as});
  if (!read.ok()) {
    // Here there is a flag to say it with.
    return Unreadable(
        absl::Status(read.status().code(),
                     absl::StrReplaceAll(read.status().message(),
                                         {{"say that there is a header", "give --csv-header"}})));
  }
  const Tensor& table = *read;
  auto cast = CastExactly(table, type.dtype);
  if (!cast.ok()) return Usage(Annotate(cast.status(), path));
  return FitRows(*cast, type.shape);
}

// "random", "random:7", "random:1x28x28x1", "random:-1..1", "random:7:1x28x28x1:-1..1"
struct RandomSpec {
  uint64_t seed = 0;
  std::optional<Shape> shape;
  std::optional<RandomRange> range;
};

absl::StatusOr<RandomSpec> ParseRandom(absl::string_view value) {
  RandomSpec spec;
  const std::vector<absl::string_view> parts = absl::StrSplit(value, ':');
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(parts[i], absl::MaxSplits("..", 1));
    RandomRange range;
    if (i == 1 && absl::SimpleAtoi(parts[i], &spec.seed)) continue;
    if (absl::StrContains(parts[i], "..")) {
      if (!absl::SimpleAtod(ends.first, &range.low) ||
          !absl::SimpleAtod(ends.second, &range.high)) {
        return Usage(InvalidArgument(Quoted(value), ": ", Quoted(parts[i]),
                                     " is no range; write it as 0..9"));
      }
      spec.range = range;
      continue;
    }
    NOMO_ASSIGN_OR_RETURN(spec.shape, Usage(ParseShape(parts[i])));
  }
  return spec;
}

absl::StatusOr<Tensor> MakeRandom(const Graph& graph, ValueId id, RandomSpec spec, int64_t batch) {
  const ValueInfo& input = graph.value(id);
  const std::string place = absl::StrCat("input ", Quoted(input.name));
  if (!spec.shape) {
    const auto type = ConcreteType(input.type, batch);
    if (!type.ok()) {
      std::vector<std::string> sizes;
      for (int axis = 0; input.type.shape.has_rank() && axis < input.type.shape.rank(); ++axis) {
        const Dim& dim = input.type.shape[axis];
        sizes.push_back(dim.known() ? dim.ToString() : axis == 0 ? absl::StrCat(batch) : "10");
      }
      const std::string example =
          sizes.empty() ? absl::StrCat(input.name, "=random:1x10")
                        : absl::StrCat(input.name, "=random:", absl::StrJoin(sizes, "x"));
      return Usage(InvalidArgument(place, ": ", type.status().message(), "; write it as --input ",
                                   ShellWord(example)));
    }
    spec.shape = type->shape.ToShape();
  }
  const bool integers = kInts.Contains(input.type.dtype);
  const auto limit = integers && !spec.range ? IndexLimit(graph, id) : std::nullopt;
  if (limit && *limit > 0) spec.range = RandomRange{0, static_cast<double>(*limit - 1)};
  const auto tensor =
      spec.range ? RandomTensor(input.type.dtype, *spec.shape, spec.seed, input.name, *spec.range)
                 : RandomTensor(input.type.dtype, *spec.shape, spec.seed, input.name);
  return Usage(tensor.ok() ? tensor : absl::StatusOr<Tensor>(Annotate(tensor.status(), place)));
}

// `--cast`, and always for bfloat16, which NumPy lacks.
absl::StatusOr<Tensor> CastIfWanted(Tensor tensor, const ValueInfo& input,
                                    const ReadInputsOptions& options) {
  const bool wanted =
      options.cast || (input.type.dtype == DType::kBFloat16 && tensor.dtype() == DType::kFloat32);
  if (!wanted || tensor.dtype() == input.type.dtype) return tensor;
  auto cast = CastExactly(tensor, input.type.dtype);
  if (!cast.ok()) return Usage(Annotate(cast.status(), absl::StrCat("input ", Quoted(input.name))));
  return cast;
}

absl::StatusOr<Tensor> ReadValue(const Graph& graph, ValueId id, const std::string& value,
                                 const ReadInputsOptions& options) {
  const ValueInfo& input = graph.value(id);
  const std::string lower = absl::AsciiStrToLower(value);
  if (IsRandomValue(value)) {
    NOMO_ASSIGN_OR_RETURN(RandomSpec spec, ParseRandom(value));
    return MakeRandom(graph, id, std::move(spec), options.batch);
  }
  if (value == "-") {
    NOMO_ASSIGN_OR_RETURN(const std::string bytes, Unreadable(ReadFile("/dev/stdin")));
    absl::StatusOr<Tensor> tensor = ParseNpy(bytes);
    if (!tensor.ok()) return Unreadable(Annotate(tensor.status(), "standard input"));
    return CastIfWanted(*std::move(tensor), input, options);
  }
  if (IsTypedValue(value)) {
    auto tensor = ParseTypedValue(value, input.type);
    if (tensor.ok()) return tensor;
    return Usage(Annotate(tensor.status(), absl::StrCat("input ", Quoted(input.name))));
  }
  if (absl::EndsWith(lower, ".npy")) {
    NOMO_ASSIGN_OR_RETURN(Tensor tensor, Unreadable(ReadNpy(value)));
    return CastIfWanted(std::move(tensor), input, options);
  }
  if (IsPicturePath(value)) {
    auto image = ReadImageFor(input.type, value, options.resize);
    if (image.ok()) image = ScalePixels(input.type, *std::move(image), options.pixels);
    if (image.ok() || ExitCodeOf(image.status()) != ExitCode::kUsage) return image;
    return Usage(Annotate(image.status(), absl::StrCat("input ", Quoted(input.name))));
  }
  if (absl::EndsWith(lower, ".csv") || absl::EndsWith(lower, ".tsv"))
    return ReadTable(input.type, value, options.csv_header);
  if (IsIdxPath(value)) {
    NOMO_ASSIGN_OR_RETURN(Tensor tensor, Unreadable(ReadIdx(value)));
    NOMO_ASSIGN_OR_RETURN(tensor, CastIfWanted(std::move(tensor), input, options));
    return FitRows(tensor, input.type.shape);
  }
  return Usage(InvalidArgument("input ", Quoted(input.name),
                               ": expected a number, a list, random, or a .npy, .npz, .png, .jpg, "
                               ".csv or IDX file, or a folder of "
                               "pictures, found ",
                               Quoted(value)));
}

// What to do about a tensor that does not fit, as text behind the fault; empty if nothing is plain.
std::string Remedy(const Shape& found, const PartialShape& expected) {
  if (Matches(found, expected)) return " (--cast converts it)";
  Shape one({1});
  for (const int64_t size : found.dims()) one.Append(size);
  if (Matches(one, expected))
    return absl::StrCat(" (one example has the shape ", one.ToString(), ")");
  if (found.rank() != 4) return "";
  const Shape first({found[0], found[3], found[1], found[2]});
  const Shape last({found[0], found[2], found[3], found[1]});
  if (Matches(first, expected)) return " (its channels are the last axis; expected as axis 1)";
  if (Matches(last, expected)) return " (its channels are axis 1; expected as the last axis)";
  return "";
}

class InputReader {
 public:
  InputReader(const Graph& graph, const ReadInputsOptions& options)
      : graph_(graph), options_(options), inputs_(graph, graph.inputs) {}

  absl::Status Read(const std::string& argument) {
    const NamedArgument named = inputs_.Split(argument);
    if (named.value == kNoValue && named.name.empty()) return ReadUnnamed(named.rest);
    if (named.value == kNoValue) {
      return Usage(NoSuchValue(graph_, graph_.inputs, "input", named.name));
    }
    const ValueInfo& input = graph_.value(named.value);
    return absl::EndsWith(named.rest, ".npz") ? ReadMember(input, named.rest)
                                              : ReadOne(named.value, named.rest);
  }

  absl::StatusOr<NamedTensors> Finish() {
    NamedTensors inputs;
    ErrorList errors;
    for (const ValueId id : graph_.inputs) {
      const ValueInfo& input = graph_.value(id);
      const auto parts = parts_.find(input.name);
      if (parts == parts_.end() && random_) {
        NOMO_ASSIGN_OR_RETURN(inputs[input.name], MakeRandom(graph_, id, *random_, options_.batch));
        errors.Add(CheckInput(input, inputs[input.name]));
        continue;
      }
      if (parts == parts_.end()) {
        errors.Add(InvalidArgument(
            "input ", Quoted(input.name), " (", input.type.ToString(),
            ") is missing: give it as --input ", ShellWord(absl::StrCat(input.name, "=FILE")),
            ", or --input ", ShellWord(absl::StrCat(input.name, "=random")),
            graph_.inputs.size() > 1 ? "; --input random is for all that are missing" : ""));
        continue;
      }
      auto joined = parts->second.size() == 1 ? parts->second[0] : ConcatRows(parts->second);
      if (!joined.ok())
        return Usage(Annotate(joined.status(), absl::StrCat("input ", Quoted(input.name))));
      errors.Add(CheckInput(input, *joined));
      inputs[input.name] = *std::move(joined);
    }
    NOMO_RETURN_IF_ERROR(Usage(errors.ToStatus("the inputs do not fit")));
    return inputs;
  }

 private:
  absl::Status ReadOne(ValueId id, const std::string& value) {
    NOMO_ASSIGN_OR_RETURN(Tensor tensor, ReadValue(graph_, id, value, options_));
    parts_[graph_.value(id).name].push_back(std::move(tensor));
    return absl::OkStatus();
  }

  absl::Status ReadUnnamed(const std::string& value) {
    if (absl::EndsWith(value, ".npz")) return ReadArchive(value);
    if (graph_.inputs.size() == 1) return ReadOne(graph_.inputs[0], value);
    if (IsRandomValue(value)) {
      NOMO_ASSIGN_OR_RETURN(random_, ParseRandom(value));
      return absl::OkStatus();
    }
    return Usage(InvalidArgument("--input ", ShellWord(value), ": the model has ",
                                 graph_.inputs.size(),
                                 " inputs; write --input NAME=", ShellWord(value)));
  }

  // An archive's arrays whose names are inputs; where the model has one input and the archive one
  // array, that one.
  absl::Status ReadArchive(const std::string& path) {
    NOMO_ASSIGN_OR_RETURN(NamedTensors arrays, Unreadable(ReadNpz(path)));
    if (arrays.size() == 1 && graph_.inputs.size() == 1) {
      return Add(graph_.value(graph_.inputs[0]), arrays.begin()->second);
    }
    std::vector<std::string> names;
    bool found = false;
    for (auto& [name, tensor] : arrays) {
      names.push_back(name);
      const ValueId input = inputs_.Find(name);
      if (input == kNoValue) continue;
      found = true;
      NOMO_RETURN_IF_ERROR(Add(graph_.value(input), std::move(tensor)));
    }
    if (found) return absl::OkStatus();
    return Usage(InvalidArgument(Quoted(path), " has the arrays ",
                                 absl::StrJoin(names, ", ", AppendShown),
                                 ", of which none is an input of the model"));
  }

  absl::Status ReadMember(const ValueInfo& input, const std::string& path) {
    if (path != archive_path_) {
      NOMO_ASSIGN_OR_RETURN(archive_, Unreadable(ReadNpz(path)));
      archive_path_ = path;
    }
    const auto named = archive_.find(input.name);
    if (named != archive_.end()) return Add(input, named->second);
    if (archive_.size() == 1) return Add(input, archive_.begin()->second);
    return Usage(InvalidArgument(Quoted(path), " has ", archive_.size(),
                                 " arrays, and none is named ", Quoted(input.name)));
  }

  absl::Status Add(const ValueInfo& input, Tensor tensor) {
    NOMO_ASSIGN_OR_RETURN(tensor, CastIfWanted(std::move(tensor), input, options_));
    parts_[input.name].push_back(std::move(tensor));
    return absl::OkStatus();
  }

  // Sizes that a symbol names must agree, too.
  absl::Status CheckInput(const ValueInfo& input, const Tensor& tensor) {
    const PartialShape& shape = input.type.shape;
    if (tensor.dtype() != input.type.dtype || !Matches(tensor.shape(), shape)) {
      return InvalidArgument("input ", Quoted(input.name), ": expected ", input.type.ToString(),
                             ", found ", tensor.type().ToString(), Remedy(tensor.shape(), shape));
    }
    for (int axis = 0; axis < tensor.shape().rank() && shape.has_rank(); ++axis) {
      const std::string& symbol = shape[axis].symbol();
      if (symbol.empty()) continue;
      const auto [it, first] = symbols_.try_emplace(symbol, input.name, tensor.shape()[axis]);
      if (!first && it->second.second != tensor.shape()[axis]) {
        return InvalidArgument("input ", Quoted(input.name), ": axis ", axis, " (", symbol, ") is ",
                               tensor.shape()[axis], ", but input ", Quoted(it->second.first),
                               " has ", it->second.second);
      }
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  const ReadInputsOptions& options_;
  const NamedValues inputs_;
  // The one whose member was read last: each input may name its own of the same.
  std::string archive_path_;
  NamedTensors archive_;
  std::map<std::string, std::vector<Tensor>> parts_;
  std::optional<RandomSpec> random_;  // for inputs that are not given
  std::map<std::string, std::pair<std::string, int64_t>>
      symbols_;  // the input that gave a size, and the size
};

}  // namespace

absl::StatusOr<NamedTensors> ReadInputs(const Graph& graph,
                                        const std::vector<std::string>& arguments,
                                        const ReadInputsOptions& options) {
  InputReader reader(graph, options);
  NOMO_ASSIGN_OR_RETURN(const std::vector<std::string> expanded, Usage(ExpandFolders(arguments)));
  if ((options.resize || options.pixels.is_set()) &&
      !std::any_of(expanded.begin(), expanded.end(), IsPicturePath)) {
    return Usage(InvalidArgument(
        "--resize, --scale, --mean, --std and --bgr are for pictures, and no input is one"));
  }
  for (const std::string& argument : expanded) NOMO_RETURN_IF_ERROR(reader.Read(argument));
  return reader.Finish();
}

absl::StatusOr<Tensor> CastExactly(const Tensor& tensor, DType dtype) {
  NOMO_ASSIGN_OR_RETURN(const Tensor cast, TryCast(tensor, dtype));
  if (kFloats.Contains(dtype)) return cast;
  // The first float that is too large, which as a double is the greatest of 64 bits, too.
  const double end = dtype == DType::kInt64    ? 0x1p63
                     : dtype == DType::kUInt64 ? 0x1p64
                                               : std::numeric_limits<double>::infinity();
  const bool from_floats = kFloats.Contains(tensor.dtype());
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const bool too_large = from_floats && tensor.AsDouble(i) >= end;
    if (cast.AsDouble(i) == tensor.AsDouble(i) && !too_large) continue;
    return InvalidArgument("element ", i, ": ", tensor.AsDouble(i), " is no ", DTypeName(dtype));
  }
  return cast;
}

}  // namespace nomograph
