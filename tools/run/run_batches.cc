#include "nomograph/tools/run/run_batches.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/run/shared_work.h"

namespace nomograph {
namespace {

absl::StatusOr<int64_t> CountRows(const NamedTensors& inputs) {
  int64_t rows = -1;
  for (const auto& [name, tensor] : inputs) {
    if (tensor.shape().rank() == 0)
      return InvalidArgument("input ", Quoted(name), " has no rows to split");
    if (rows >= 0 && tensor.shape()[0] != rows) {
      return InvalidArgument("input ", Quoted(name), " has ", tensor.shape()[0],
                             " rows, another input has ", rows, ": they cannot be split alike");
    }
    rows = tensor.shape()[0];
  }
  return std::max<int64_t>(rows, 0);
}

// By output, the results of batches in their order.
using Parts = std::map<std::string, std::vector<Tensor>>;

// Every `stride`-th batch from number `first` on.
absl::StatusOr<Parts> RunSome(Session& session, const NamedTensors& inputs,
                              const BatchOptions& options, int64_t rows, int first, int stride) {
  Parts parts;
  for (int64_t number = first; number * options.batch < rows; number += stride) {
    const int64_t begin = number * options.batch, end = std::min(begin + options.batch, rows);
    NamedTensors slice;
    for (const auto& [name, tensor] : inputs) slice[name] = tensor.Rows(begin, end);
    RunOptions run = options.run;
    run.step += static_cast<uint64_t>(number);
    NOMO_ASSIGN_OR_RETURN(NamedTensors outputs, session.Run(slice, run));
    for (auto& [name, tensor] : outputs) {
      if (tensor.shape().rank() == 0 || tensor.shape()[0] != end - begin) {
        return InvalidArgument("output ", Quoted(name), " (", tensor.type().ToString(),
                               ") has no row for each of the ", end - begin,
                               " rows of the inputs, so batches cannot be joined");
      }
      parts[name].push_back(std::move(tensor));
    }
    if (options.progress) options.progress(end, rows);
  }
  return parts;
}

absl::StatusOr<NamedTensors> Join(const Parts& parts) {
  NamedTensors joined;
  for (const auto& [name, tensors] : parts) {
    NOMO_ASSIGN_OR_RETURN(joined[name], ConcatRows(tensors));
  }
  return joined;
}

// Between processes of one job: counts, sizes and elements one behind the other.
class Packer {
 public:
  void Number(int64_t value) { Bytes(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void Bytes(const char* data, size_t size) { packed_.append(data, size); }
  const std::string& packed() const { return packed_; }

 private:
  std::string packed_;
};

class Unpacker {
 public:
  explicit Unpacker(absl::string_view packed) : left_(packed) {}
  int64_t Number() {
    int64_t value = 0;
    Take(reinterpret_cast<char*>(&value), sizeof(value));
    return value;
  }
  void Take(char* to, size_t size) {
    NOMO_CHECK(size <= left_.size());
    std::memcpy(to, left_.data(), size);
    left_.remove_prefix(size);
  }
  std::string Text(size_t size) {
    std::string text(size, '\0');
    Take(text.data(), size);
    return text;
  }
  bool done() const { return left_.empty(); }

 private:
  absl::string_view left_;
};

std::string Pack(const Parts& parts) {
  Packer packer;
  for (const auto& [name, tensors] : parts) {
    packer.Number(static_cast<int64_t>(name.size()));
    packer.Bytes(name.data(), name.size());
    packer.Number(static_cast<int64_t>(tensors.size()));
    for (const Tensor& tensor : tensors) {
      packer.Number(static_cast<int64_t>(tensor.dtype()));
      packer.Number(tensor.shape().rank());
      for (const int64_t size : tensor.shape().dims()) packer.Number(size);
      packer.Bytes(reinterpret_cast<const char*>(tensor.raw_data()),
                   static_cast<size_t>(tensor.num_bytes()));
    }
  }
  return packer.packed();
}

absl::StatusOr<Parts> Unpack(absl::string_view packed) {
  Parts parts;
  Unpacker unpacker(packed);
  while (!unpacker.done()) {
    std::vector<Tensor>& tensors = parts[unpacker.Text(static_cast<size_t>(unpacker.Number()))];
    for (int64_t left = unpacker.Number(); left > 0; --left) {
      const auto dtype = static_cast<DType>(unpacker.Number());
      Shape shape;
      for (int64_t rank = unpacker.Number(); rank > 0; --rank) shape.Append(unpacker.Number());
      NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
      unpacker.Take(reinterpret_cast<char*>(tensor.mutable_raw_data()),
                    static_cast<size_t>(tensor.num_bytes()));
      tensors.push_back(std::move(tensor));
    }
  }
  return parts;
}

// Each process has every size-th batch; the first one has all results, the others nothing.
absl::StatusOr<NamedTensors> RunShared(SharedWork& work, Session& session,
                                       const NamedTensors& inputs, const BatchOptions& options,
                                       int64_t rows) {
  NOMO_ASSIGN_OR_RETURN(const Parts own,
                        RunSome(session, inputs, options, rows, work.rank(), work.size()));
  NOMO_ASSIGN_OR_RETURN(const std::vector<std::string> packed, work.Gather(Pack(own)));
  if (packed.empty()) return NamedTensors();
  std::vector<Parts> of_ranks;
  for (const std::string& bytes : packed) {
    NOMO_ASSIGN_OR_RETURN(of_ranks.emplace_back(), Unpack(bytes));
  }
  Parts parts;
  for (const auto& [name, first] : of_ranks[0]) {
    for (int64_t number = 0; number * options.batch < rows; ++number)
      parts[name].push_back(of_ranks[number % work.size()][name][number / work.size()]);
  }
  return Join(parts);
}

}  // namespace

absl::StatusOr<NamedTensors> RunInBatches(Session& session, const NamedTensors& inputs,
                                          const BatchOptions& given) {
  BatchOptions options = given;
  SharedWork* const work = CurrentSharedWork();
  if (work == nullptr && options.batch <= 0) return session.Run(inputs, options.run);
  NOMO_ASSIGN_OR_RETURN(const int64_t rows, CountRows(inputs));
  if (work != nullptr && options.batch <= 0)
    options.batch = std::max<int64_t>(1, (rows + work->size() - 1) / work->size());
  if (work != nullptr && rows > 0) {
    auto outputs = RunShared(*work, session, inputs, options, rows);
    if (!outputs.ok()) work->Abort(outputs.status());
    return outputs;
  }
  if (rows <= options.batch) return session.Run(inputs, options.run);
  NOMO_ASSIGN_OR_RETURN(const Parts parts,
                        RunSome(session, inputs, options, rows, /*first=*/0, /*stride=*/1));
  return Join(parts);
}

}  // namespace nomograph
