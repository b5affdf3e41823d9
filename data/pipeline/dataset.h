// Dataset: an input pipeline, with the names and meanings of tf.data.
//
//   Dataset train = Dataset::Idx({"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"})
//                       .Shuffle(10000)
//                       .Map(augment, {.num_parallel = 2})
//                       .Batch(32)
//                       .Prefetch(2);
//   NOMO_ASSIGN_OR_RETURN(auto batches, train.Iterate({.epoch = 0, .seed = 42}));
//   while (true) {
//     NOMO_ASSIGN_OR_RETURN(std::optional<Element> batch, batches->Next());
//     if (!batch) break;
//     ...
//   }
//
// The elements of an iteration, and their order, depend on the dataset, its files, the seed and the
// epoch alone: never on the number of threads.
#ifndef NOMOGRAPH_DATA_PIPELINE_DATASET_H_
#define NOMOGRAPH_DATA_PIPELINE_DATASET_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/data/csv.h"
#include "nomograph/data/idx.h"
#include "nomograph/data/image.h"
#include "nomograph/data/npz.h"
#include "nomograph/data/pipeline/element.h"
#include "nomograph/data/pipeline/example.h"
#include "nomograph/data/pipeline/stats.h"
#include "nomograph/data/pipeline/tfrecord.h"

namespace nomograph {

class DatasetNode;

struct IterateOptions {
  int64_t epoch = 0;  // from 0; each has its own order and random numbers
  uint64_t seed = 0;
  // Of the tensors that the pipeline makes and that still exist, those that it has handed out among
  // them; not those that a model's runs make (Map()). 0: what the machine has. Beyond it Next() is
  // ResourceExhausted.
  int64_t memory_limit_bytes = 0;
};

// One pass over a dataset. For one thread at a time. Its destructor stops and joins the threads of
// its stages, for which it waits until the function or read that each is in has returned.
class DatasetIterator {
 public:
  ~DatasetIterator();
  DatasetIterator(const DatasetIterator&) = delete;
  DatasetIterator& operator=(const DatasetIterator&) = delete;

  // The next element, nullopt at the end. After an error each further call is the same error.
  absl::StatusOr<std::optional<Element>> Next();

  // Where the iteration is: epoch, seed and the number of elements that it has yielded, as a line
  // of text for a checkpoint.
  std::string SavePosition() const;
  // Begins again at a position that an iteration over an equal pipeline saved, with its epoch and
  // seed in place of this one's. What follows is exactly what would have followed there.
  //
  // The stages pass over what came before. That costs nothing for tensors, Range, NPY, NPZ and IDX;
  // a walk over the records' lengths or the lines for TfRecord and Csv; no image is read and no
  // function of Map() called. Shuffle() reads again what its buffer held, and where the number of
  // its input's elements is unknown all that it has read so far. Filter(), FromGenerator(),
  // Unbatch(), Window() and Interleave() go through all that came before, and so does whatever
  // skips errors (OnError::kSkip).
  //
  // InvalidArgument for what is no such line, or is one of another version or another pipeline (its
  // stages, their parameters and element types; files may have moved); DataLoss when the dataset
  // has fewer elements now.
  absl::Status RestorePosition(absl::string_view position);

  // May be called from any thread, also while another one is in Next(), which then ends with
  // Cancelled as soon as its stages ask. There is no way back.
  void Cancel();
  // May be called from any thread, also while another one is in Next().
  PipelineStats stats() const;

 private:
  friend class Dataset;
  class Impl;
  explicit DatasetIterator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct FromGeneratorOptions {
  int64_t cardinality = kUnknownCardinality;
};

struct CsvDatasetOptions {
  // dtype kInvalid is float32.
  CsvOptions file = {};
  // The column that becomes a component of its own, a scalar behind the others: counted from 0,
  // from the end where negative. Without it an element is one component [columns].
  std::optional<int64_t> label_column = {};
  DType label_dtype = DType::kInt64;  // of kInt64, kFloat32, kFloat64
  int64_t max_line_bytes = int64_t{16} << 20;
  OnError on_error = OnError::kFail;
};

struct TfRecordDatasetOptions {
  // A record that claims more is an error, whatever the file's size.
  int64_t max_record_bytes = kDefaultMaxRecordBytes;
  OnError on_error = OnError::kFail;
};

struct MapOptions {
  // What the function yields. It is checked. Empty: the types of its input.
  std::vector<TensorType> types = {};
  // Threads that call the function. 1: none beside the one that asks for elements. Up to sixteen
  // results for each thread are computed ahead.
  int num_parallel = 1;
  OnError on_error = OnError::kFail;
};

struct MapModelOptions {
  // Dropout and random augmentation act, with random numbers keyed by seed, epoch and element.
  bool training = true;
  int num_parallel = 1;
  OnError on_error = OnError::kFail;
};

struct ShuffleOptions {
  // Its own number, in place of its place in the pipeline: two shuffles with the same one (of
  // images and of labels, say) have the same order.
  std::optional<uint64_t> seed = {};
  bool reshuffle_each_iteration = true;  // else the order is the same in every epoch
};

struct ImageFolderOptions {
  // To which every image is resized, bilinear (see ResizeImage()). 0: as in the file.
  int64_t height = 0, width = 0;
  ImageOptions image = {.channels = 3};
  // The files in a new order for each epoch, before any is read: a Shuffle() behind it would have
  // to hold images, and of a folder's many images of one class after the other a buffer of few
  // holds one class.
  std::optional<ShuffleOptions> shuffle_files = {};
  int num_parallel = 1;  // threads that read and decode, as MapOptions::num_parallel
  int64_t max_files = 10'000'000;
  int64_t max_file_bytes = int64_t{256} << 20;
  OnError on_error = OnError::kFail;
};

struct BatchOptions {
  bool drop_remainder = false;  // a last batch that is not full is left out
};

struct PaddedBatchOptions {
  // One for each component, or none: each axis is as long as the longest of the batch.
  // Sizes that are known here are those of every batch.
  std::vector<PartialShape> padded_shapes = {};
  // One for each component, or none: zeros.
  std::vector<double> padding_values = {};
  bool drop_remainder = false;
};

struct WindowOptions {
  int64_t shift = 0;   // between the beginnings of two windows. 0: the size
  int64_t stride = 1;  // between two elements of a window
  bool drop_remainder = false;
};

struct InterleaveOptions {
  int64_t cycle_length = 2;  // datasets that are read in turn
  int64_t block_length = 1;  // elements that are taken from one before the next one's turn
  // Of the cycle, so many are read ahead, a block each, by a thread each. The order is the same.
  int num_parallel = 1;
};

// Cheap to copy, immutable and thread-safe. What was wrong with how it was made (a batch of no
// elements, a file that is not there) does not interrupt the chain: the dataset carries it, and
// Iterate() returns it.
class Dataset {
 public:
  // ---- Sources ----

  // One element, these tensors.
  static Dataset FromTensors(Element components);
  // An element for each row of axis 0, of which all must have as many.
  static Dataset FromTensorSlices(Element components);
  // The integers start, start + step, … before `stop`, each a scalar int64.
  static Dataset Range(int64_t stop);
  static Dataset Range(int64_t start, int64_t stop, int64_t step = 1);
  // What functions yield that `make` makes, one for each iteration. Elements are checked against
  // `types`.
  static Dataset FromGenerator(std::vector<TensorType> types, std::function<GeneratorFn()> make,
                               FromGeneratorOptions options = {});
  // The rows of arrays, a component each file. NPY files are mapped, and read where they are
  // touched (those in another byte order or of Fortran's order, and bool, are read at once); the
  // others are unpacked when the dataset is made.
  static Dataset Npy(std::vector<std::string> paths);
  static Dataset Npz(const std::string& path, const std::vector<std::string>& names,
                     const NpzOptions& options = {});
  static Dataset Idx(std::vector<std::string> paths, const IdxOptions& options = {});
  // A row an element.
  static Dataset Csv(const std::string& path, const CsvDatasetOptions& options = {});
  // {uint8[height,width,channels], int64 class} of `folder/<class>/<image>.png` (.jpg, .jpeg):
  // classes by the order of their folders' names as bytes, images likewise. ImageFolderClasses()
  // has the names. Hidden files and other endings are passed over.
  static Dataset ImageFolder(const std::string& folder, const ImageFolderOptions& options = {});
  // A record an element, uint8[bytes]. A wrong length ends the file even where errors are skipped:
  // nobody knows then where the next record begins.
  static Dataset TfRecord(const std::string& path, const TfRecordDatasetOptions& options = {});
  // One dataset's elements after those of another.
  static Dataset Concatenate(const std::vector<Dataset>& datasets);
  // {a, b} of one element of each, side by side, until the shortest ends.
  static Dataset Zip(const std::vector<Dataset>& datasets);
  // The datasets in turn, e.g. one for each file.
  static Dataset Interleave(const std::vector<Dataset>& datasets,
                            const InterleaveOptions& options = {});

  // ---- Transformations ----

  // `function` of each element, in their order however many threads there are.
  Dataset Map(MapFn function, MapOptions options = {}) const;
  Dataset Map(MapWithContextFn function, MapOptions options = {}) const;
  // A model as the function: its inputs in their order are the components. Where its inputs have
  // one axis more than the components, which is the batch's, each element is a batch of one.
  // InvalidArgument for a model that has state variables: results would depend on the order of
  // runs.
  Dataset Map(std::shared_ptr<const Model> model, MapModelOptions options = {}) const;
  Dataset Map(Model model, MapModelOptions options = {}) const;
  // Elements of which `predicate` is true.
  Dataset Filter(FilterFn predicate) const;
  // Components from the first component, a serialized tf.train.Example (see example.h).
  Dataset ParseExample(std::vector<ExampleFeature> features, MapOptions options = {}) const;
  // Each element is drawn from `buffer` ones that have been read ahead.
  Dataset Shuffle(int64_t buffer, ShuffleOptions options = {}) const;
  // Elements stacked along a new first axis; their shapes must agree.
  Dataset Batch(int64_t size, BatchOptions options = {}) const;
  // The same for elements of different shapes, which are padded at their ends.
  Dataset PaddedBatch(int64_t size, PaddedBatchOptions options = {}) const;
  // An element for each row of every element.
  Dataset Unbatch() const;
  // Windows of `size` successive elements, stacked as by Batch(): tf.data's
  // window().flat_map(batch). The last ones may be shorter.
  Dataset Window(int64_t size, WindowOptions options = {}) const;
  // All over again, `count` times; without end where negative. Each pass has its own order and
  // random numbers, as an epoch has.
  Dataset Repeat(int64_t count = -1) const;
  // The first `count` elements; all where negative.
  Dataset Take(int64_t count) const;
  // All but the first `count`.
  Dataset Skip(int64_t count) const;
  // Elements index, index + num_shards, …
  Dataset Shard(int64_t num_shards, int64_t index) const;
  Dataset Concatenate(const Dataset& other) const;
  // The datasets that `function` makes of elements, in turn. They must have these types.
  Dataset Interleave(std::vector<TensorType> types,
                     std::function<absl::StatusOr<Dataset>(const Element&)> function,
                     InterleaveOptions options = {}) const;
  // Keeps the elements for the next iterations: in memory, or in a file, which is there after the
  // first whole pass and is checked when it is read (FailedPrecondition where another pipeline
  // wrote it; that the files or a C++ function have changed cannot be seen: remove it then). What
  // comes before it is read once, so its random numbers depend on neither epoch nor
  // IterateOptions::seed.
  Dataset Cache() const;
  Dataset Cache(const std::string& path) const;
  // Reads up to `count` elements ahead, in a thread.
  Dataset Prefetch(int64_t count) const;

  // ---- What it is ----

  const absl::Status& status() const;
  // Of each component. After a fault there are none.
  const std::vector<TensorType>& element_types() const;
  // Of an iteration: a number, kInfiniteCardinality, or kUnknownCardinality.
  int64_t Cardinality() const;
  // "Range(0,10,1) > Shuffle(4) > Batch(2)": what a position belongs to.
  std::string ToString() const;

  // Starts a pass. The dataset may be gone before the iterator is.
  absl::StatusOr<std::unique_ptr<DatasetIterator>> Iterate(IterateOptions options = {}) const;

  // For those who write stages (stage.h).
  explicit Dataset(absl::StatusOr<std::shared_ptr<const DatasetNode>> node);
  const std::shared_ptr<const DatasetNode>& node() const { return node_; }

 private:
  std::shared_ptr<const DatasetNode> node_;  // null after a fault
  absl::Status status_;
};

// The names of an ImageFolder()'s classes, in their order.
absl::StatusOr<std::vector<std::string>> ImageFolderClasses(const std::string& folder);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_DATASET_H_
