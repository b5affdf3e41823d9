#include "nomograph/tools/train/training_data.h"

#include <sys/stat.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/data/csv.h"
#include "nomograph/data/idx.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npz.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/run/read_inputs.h"

namespace nomograph {
namespace {

bool IsFolder(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

absl::StatusOr<Tensor> ReadArray(const std::string& path) {
  if (absl::EndsWith(path, ".csv")) return WithExitCode(ExitCode::kUnreadable, ReadCsv(path));
  if (IsIdxPath(path)) return WithExitCode(ExitCode::kUnreadable, ReadIdx(path));
  if (!absl::EndsWith(path, ".npz")) return WithExitCode(ExitCode::kUnreadable, ReadNpy(path));
  NOMO_ASSIGN_OR_RETURN(NamedTensors arrays, WithExitCode(ExitCode::kUnreadable, ReadNpz(path)));
  if (arrays.size() == 1) return arrays.begin()->second;
  return InvalidArgument(QuotedPath(path), ": expected one array, found ", arrays.size());
}

class Reader {
 public:
  Reader(const Model& model, absl::Span<const OutputGoal> goals, const TrainingDataOptions& options)
      : options_(options) {
    const Graph& graph = model.graph;
    for (const ValueId id : graph.inputs)
      inputs_.push_back({graph.value(id).name, graph.value(id).type});
    for (const OutputGoal& goal : goals) {
      for (const ValueId id : graph.outputs) {
        const ValueInfo& output = graph.value(id);
        if (goal.output != output.name && !goal.output.empty()) continue;
        const auto type = goal.loss.TargetType(output.type);
        targets_.push_back({output.name, type.ok() ? *type : output.type});
        break;
      }
    }
  }

  // Of what has been read.
  std::vector<std::string>& classes() { return classes_; }

  absl::StatusOr<TrainingData> Read(const std::vector<std::string>& arguments) {
    if (arguments.size() == 1 && arguments[0].find('=') == std::string::npos) {
      const std::string& path = arguments[0];
      if (IsFolder(path)) return Folder(path);
      const absl::string_view name = absl::StripSuffix(path, ".gz");
      if (absl::EndsWith(name, ".tfrecord") || absl::EndsWith(name, ".tfrecords"))
        return Records(path);
    }
    if (options_.pixels.bgr || !options_.pixels.mean.empty() || !options_.pixels.std.empty())
      return InvalidArgument("--mean, --std and --bgr are for a folder of pictures");
    NamedTensors x, y;
    for (const std::string& argument : arguments) NOMO_RETURN_IF_ERROR(Add(argument, x, y));
    if (options_.pixels.scale != 1 && !scaled_)
      return InvalidArgument("--scale is for pixels, and no input is given as bytes (uint8)");
    return TrainingData(std::move(x), std::move(y));
  }

 private:
  using Place = BatchLayout::Place;

  absl::Status Add(const std::string& argument, NamedTensors& x, NamedTensors& y) {
    const size_t equals = argument.find('=');
    if (equals != std::string::npos) {
      NOMO_ASSIGN_OR_RETURN(Tensor array, ReadArray(argument.substr(equals + 1)));
      return Put(argument.substr(0, equals), std::move(array), x, y);
    }
    if (absl::EndsWith(argument, ".csv")) return AddTable(argument, x, y);
    if (!absl::EndsWith(argument, ".npz")) {
      if (struct stat info; stat(argument.c_str(), &info) != 0)
        return absl::NotFoundError(absl::StrCat("there is no file or folder ", QuotedPath(argument),
                                                "; expected one, or NAME=FILE"));
      return InvalidArgument(QuotedPath(argument),
                             ": expected NAME=FILE, a folder, or a file that "
                             "ends with .npz, .csv or .tfrecord");
    }
    NOMO_ASSIGN_OR_RETURN(const NamedTensors arrays,
                          WithExitCode(ExitCode::kUnreadable, ReadNpz(argument)));
    for (const auto& [name, array] : arrays)
      NOMO_RETURN_IF_ERROR(Annotate(Put(name, array, x, y), QuotedPath(argument)));
    return absl::OkStatus();
  }

  // The array of a name, as the model has it there.
  absl::Status Put(const std::string& name, Tensor array, NamedTensors& x, NamedTensors& y) {
    for (const Place& place : inputs_) {
      if (place.name != name && !(inputs_.size() == 1 && name == "x")) continue;
      NOMO_ASSIGN_OR_RETURN(x[place.name], Scaled(std::move(array), place.type));
      return absl::OkStatus();
    }
    for (const Place& place : targets_) {
      if (place.name != name && !(targets_.size() == 1 && name == "y")) continue;
      y[place.name] = std::move(array);
      return absl::OkStatus();
    }
    std::vector<std::string> names;
    for (const Place& place : inputs_) names.push_back(Escape(place.name));
    for (const Place& place : targets_) names.push_back(Escape(place.name));
    return InvalidArgument("there is no input or output ", Quoted(name), " in ",
                           absl::StrJoin(names, ", "));
  }

  // A table with a column for each input and target, or with rows of the one input and its target
  // beside them.
  absl::Status AddTable(const std::string& path, NamedTensors& x, NamedTensors& y) {
    const bool rows = inputs_.size() == 1 && targets_.size() == 1;
    CsvOptions csv{.dtype = DType::kFloat64};
    if (rows) csv.class_column = options_.csv_target;
    NOMO_ASSIGN_OR_RETURN(const CsvTable table,
                          WithExitCode(ExitCode::kUnreadable, ReadCsvTable(path, csv)));
    return Annotate(rows ? AddRows(table, x, y) : AddColumns(table, x, y), QuotedPath(path));
  }

  absl::Status AddRows(const CsvTable& table, NamedTensors& x, NamedTensors& y) {
    const int64_t columns = table.values.shape()[1];
    if (columns < 2) return InvalidArgument("expected at least two columns");
    // A loss of numbers would take the classes' places in the alphabet for what is to be learnt.
    if (table.classes.size() > 2 && kFloats.Contains(targets_[0].type.dtype)) {
      return InvalidArgument("the target column holds ", table.classes.size(), " names (",
                             List(table.classes),
                             "), which are classes; expected numbers, or a loss of classes such "
                             "as sparse_categorical_crossentropy");
    }
    int64_t target = options_.csv_target == "first" ? 0 : columns - 1;
    if (options_.csv_target != "first" && options_.csv_target != "last") {
      NOMO_ASSIGN_OR_RETURN(target, ColumnNamed(table, options_.csv_target));
    }
    std::vector<int64_t> others;
    for (int64_t column = 0; column < columns; ++column)
      if (column != target) others.push_back(column);
    NOMO_ASSIGN_OR_RETURN(Tensor values, Columns(table, others));
    NOMO_RETURN_IF_ERROR(Put(inputs_[0].name, std::move(values), x, y));
    NOMO_ASSIGN_OR_RETURN(values, Columns(table, {target}));
    if (!table.classes.empty()) {
      NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> places, OrderClasses(table.classes));
      for (double& value : values.mutable_data<double>())
        value = static_cast<double>(places[static_cast<size_t>(value)]);
    }
    return Put(targets_[0].name, std::move(values), x, y);
  }

  absl::Status AddColumns(const CsvTable& table, NamedTensors& x, NamedTensors& y) {
    for (const auto* places : {&inputs_, &targets_}) {
      for (const Place& place : *places) {
        NOMO_ASSIGN_OR_RETURN(const int64_t column, ColumnNamed(table, place.name));
        NOMO_ASSIGN_OR_RETURN(Tensor values, Columns(table, {column}));
        NOMO_RETURN_IF_ERROR(Put(place.name, std::move(values), x, y));
      }
    }
    return absl::OkStatus();
  }

  static absl::StatusOr<int64_t> ColumnNamed(const CsvTable& table, const std::string& name) {
    const auto found = std::find(table.columns.begin(), table.columns.end(), name);
    if (found != table.columns.end()) return found - table.columns.begin();
    if (table.columns.empty()) {
      return InvalidArgument("there is no column ", Quoted(name),
                             ": the first line does not name the columns");
    }
    return InvalidArgument("there is no column ", Quoted(name), DidYouMean(name, table.columns));
  }

  static absl::StatusOr<Tensor> Columns(const CsvTable& table,
                                        const std::vector<int64_t>& columns) {
    const int64_t rows = table.values.shape()[0], all = table.values.shape()[1];
    const auto count = static_cast<int64_t>(columns.size());
    NOMO_ASSIGN_OR_RETURN(Tensor values, Tensor::Create(DType::kFloat64, {rows, count}));
    const auto from = table.values.data<double>();
    const auto to = values.mutable_data<double>();
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < count; ++i) to[row * count + i] = from[row * all + columns[i]];
    return values;
  }

  // Rows in the input's shape; bytes times the scale.
  absl::StatusOr<Tensor> Scaled(const Tensor& array, const TensorType& type) {
    const Tensor rows = array.shape().rank() > 0 ? FitRows(array, type.shape) : array;
    if (options_.pixels.scale == 1 || rows.dtype() != DType::kUInt8) return rows;
    scaled_ = true;
    NOMO_ASSIGN_OR_RETURN(Tensor scaled, TryCast(rows, DType::kFloat32));
    for (float& value : scaled.mutable_data<float>())
      value *= static_cast<float>(options_.pixels.scale);
    return scaled;
  }

  TrainingData Batches(Dataset dataset, int64_t buffer) const {
    if (options_.shuffle) dataset = dataset.Shuffle(buffer);
    return TrainingData(dataset.Batch(options_.batch_size).Prefetch(2));
  }

  // Where a model takes pictures, the type of one of them.
  absl::StatusOr<TensorType> PictureType(const std::string& path) const {
    const bool one = inputs_.size() == 1 && targets_.size() == 1;
    TensorType type = one ? inputs_[0].type : TensorType{};
    // Of any batch: a picture is read by itself.
    if (type.shape.has_rank() && type.shape.rank() > 0) type.shape[0] = Dim();
    const auto axes = FindImageAxes(type);
    if (!axes.ok() || axes->batch != 0) {
      return InvalidArgument(QuotedPath(path),
                             ": pictures are for a model with one input [batch, height, width, "
                             "channels] or [batch, channels, height, width] and one target; found ",
                             inputs_.size(), " and ", targets_.size(),
                             one ? absl::StrCat(", the input ", type.ToString()) : "");
    }
    for (int axis = 1; axis < type.shape.rank(); ++axis) {
      if (type.shape[axis].known()) continue;
      return InvalidArgument(QuotedPath(path), ": input ", Quoted(inputs_[0].name),
                             ": pictures are resized to its height and width; expected known "
                             "sizes, found ",
                             inputs_[0].type.ToString(), " (nomo edit --input sets them)");
    }
    return type;
  }

  // The data's class of each number as the model is to learn it.
  absl::StatusOr<std::vector<int64_t>> OrderClasses(std::vector<std::string> found) {
    std::vector<int64_t> places;
    const std::vector<std::string>& known = options_.known_classes;
    absl::flat_hash_map<std::string, int64_t> place_of;
    for (size_t i = 0; i < known.size(); ++i) place_of.try_emplace(known[i], i);
    for (const std::string& name : found) {
      const auto place = place_of.find(name);
      if (place == place_of.end()) break;
      places.push_back(place->second);
    }
    if (places.size() == found.size()) {
      classes_ = known;
      return places;
    }
    if (options_.only_known) {
      return InvalidArgument("expected classes among ", List(known), ", found ",
                             Quoted(found[places.size()]));
    }
    places.resize(found.size());
    std::iota(places.begin(), places.end(), 0);
    classes_ = std::move(found);
    return places;
  }

  static std::string List(absl::Span<const std::string> names) {
    constexpr size_t kMost = 10;
    return absl::StrCat(
        absl::StrJoin(names.subspan(0, kMost), ", ",
                      [](std::string* out, const std::string& name) { out->append(Quoted(name)); }),
        names.size() > kMost ? absl::StrCat(", ... (", names.size(), ")") : "");
  }

  absl::StatusOr<TrainingData> Folder(const std::string& path) {
    NOMO_ASSIGN_OR_RETURN(const TensorType type, PictureType(path));
    NOMO_ASSIGN_OR_RETURN(std::vector<std::string> names, ImageFolderClasses(path));
    const auto places = OrderClasses(std::move(names));
    if (!places.ok()) return Annotate(places.status(), QuotedPath(path));
    NOMO_ASSIGN_OR_RETURN(const ImageAxes axes, FindImageAxes(type));
    ImageFolderOptions folder{.height = type.shape[axes.height].size(),
                              .width = type.shape[axes.width].size()};
    folder.image.channels =
        axes.channels < 0 ? 1 : static_cast<int>(type.shape[axes.channels].size());
    if (options_.shuffle) folder.shuffle_files.emplace();
    const Dataset pictures = Dataset::ImageFolder(path, folder);
    NOMO_RETURN_IF_ERROR(pictures.status());
    Shape sample;
    for (int axis = 1; axis < type.shape.rank(); ++axis) sample.Append(type.shape[axis].size());
    const auto arrange = [type, sample, places = *places,
                          scaling = options_.pixels](Element element) -> absl::StatusOr<Element> {
      NOMO_ASSIGN_OR_RETURN(Tensor picture, ArrangeImage(type, element[0]));
      NOMO_ASSIGN_OR_RETURN(picture, ScalePixels(type, std::move(picture), scaling));
      const int64_t place = places[static_cast<size_t>(element[1].at<int64_t>())];
      return Element{picture.Reshaped(sample), Tensor::Scalar(place)};
    };
    return TrainingData(
        pictures.Map(arrange, {.types = {{type.dtype, sample}, {DType::kInt64, Shape{}}}})
            .Batch(options_.batch_size)
            .Prefetch(2));
  }

  absl::StatusOr<TrainingData> Records(const std::string& path) const {
    std::vector<ExampleFeature> features;
    for (const auto* places : {&inputs_, &targets_}) {
      for (const Place& place : *places) {
        const PartialShape& shape = place.type.shape;
        Shape sample;
        for (int axis = 1; shape.has_rank() && axis < shape.rank(); ++axis) {
          if (!shape[axis].known()) {
            return InvalidArgument(Quoted(place.name), ": expected known sizes, found ",
                                   place.type.ToString());
          }
          sample.Append(shape[axis].size());
        }
        ExampleFeature& feature = features.emplace_back();
        feature.name = place.name;
        feature.dtype = place.type.dtype;
        feature.shape = PartialShape(sample);
      }
    }
    const Dataset records = Dataset::TfRecord(path).ParseExample(std::move(features));
    NOMO_RETURN_IF_ERROR(records.status());
    constexpr int64_t kBuffer = 10'000;  // examples
    return Batches(records, kBuffer);
  }

  const TrainingDataOptions& options_;
  std::vector<Place> inputs_, targets_;
  std::vector<std::string> classes_;
  bool scaled_ = false;  // whether --scale had something to scale
};

}  // namespace

absl::StatusOr<NamedTrainingData> ReadTrainingData(const Model& model,
                                                   absl::Span<const OutputGoal> goals,
                                                   const std::vector<std::string>& arguments,
                                                   const TrainingDataOptions& options) {
  Reader reader(model, goals, options);
  auto data = reader.Read(arguments);
  if (data.ok()) return NamedTrainingData{*std::move(data), std::move(reader.classes())};
  return WithExitCode(absl::IsNotFound(data.status()) || absl::IsDataLoss(data.status())
                          ? ExitCode::kUnreadable
                          : ExitCode::kUsage,
                      data.status());
}

}  // namespace nomograph
