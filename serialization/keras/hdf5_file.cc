#include "nomograph/serialization/keras/hdf5_file.h"

#include <hdf5.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/io/lazy_library.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/byte_source.h"

#if __has_include("nomo_hdf5_library.h")
#include "nomo_hdf5_library.h"
#endif

namespace nomograph::keras {
namespace {

// Loading the library takes longer than most models do, and it brings a client of HTTP with it.
// clang-format off
#define NOMO_HDF5_SYMBOLS(symbol) \
  symbol(H5Aclose) symbol(H5Aexists) symbol(H5Aget_space) symbol(H5Aget_type) symbol(H5Aopen) \
  symbol(H5Aread) symbol(H5Dclose) symbol(H5Dget_create_plist) symbol(H5Dget_space) \
  symbol(H5Dget_storage_size) symbol(H5Dget_type) symbol(H5Dopen2) symbol(H5Dread) \
  symbol(H5Eget_auto2) symbol(H5Eset_auto2) symbol(H5Ewalk2) symbol(H5Fclose) symbol(H5Fopen) \
  symbol(H5Lexists) symbol(H5Lget_info) symbol(H5Literate) symbol(H5Oclose) symbol(H5Oget_info2) \
  symbol(H5Oopen) symbol(H5Pclose) symbol(H5Pcreate) symbol(H5Pget_chunk) \
  symbol(H5Pget_external_count) symbol(H5Pget_filter2) symbol(H5Pget_layout) \
  symbol(H5Pget_nfilters) symbol(H5Pset_fapl_core) symbol(H5Pset_file_image) \
  symbol(H5Pset_file_image_callbacks) symbol(H5Sclose) symbol(H5Sget_simple_extent_dims) \
  symbol(H5Sget_simple_extent_ndims) symbol(H5Sget_simple_extent_type) symbol(H5Tclose) \
  symbol(H5Tcopy) symbol(H5Tget_class) symbol(H5Tget_native_type) symbol(H5Tget_nmembers) \
  symbol(H5Tget_sign) symbol(H5Tget_size) symbol(H5Tis_variable_str) symbol(H5Tset_order) \
  symbol(H5check_version) symbol(H5free_memory) symbol(H5open) symbol(H5P_CLS_FILE_ACCESS_ID_g)
// clang-format on
#ifdef NOMO_HDF5_LIBRARY
NOMO_HDF5_SYMBOLS(NOMO_LAZY_SYMBOL)
NOMO_DLOPEN_NOTE(NOMO_HDF5_LIBRARY, "hdf5", "Reads models of Keras in HDF5")
absl::Status LoadHdf5() {
  static const absl::Status status =
      LoadLibrary(NOMO_HDF5_LIBRARY, "HDF5 files", {NOMO_HDF5_SYMBOLS(NOMO_LAZY_SLOT)});
  return status;
}
hid_t FileAccessProperties() {
  H5open();
  return *H5P_CLS_FILE_ACCESS_ID_g;
}
#else
absl::Status LoadHdf5() { return absl::OkStatus(); }
hid_t FileAccessProperties() { return H5P_FILE_ACCESS; }
#endif

constexpr absl::string_view kMagic = "\x89HDF\r\n\x1a\n";
// Of one attribute, unpacked: Keras keeps those of its own below 64,512 bytes, but for the model's
// configuration.
constexpr size_t kMaxTextListElements = 100'000;
constexpr int kMaxAttributeParts = 10'000;

// The library is not to be called by two threads, and says what went wrong on a stack of its own,
// which it would print.
class LibraryCall {
 public:
  LibraryCall() : lock_(Mutex()) {
    H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~LibraryCall() { H5Eset_auto2(H5E_DEFAULT, print_, print_data_); }

  // What the library says of its last failure: the innermost cause.
  static absl::Status Fault(absl::string_view what) {
    std::string cause;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, &KeepDescription, &cause);
    return InvalidArgument(what, cause.empty() ? "" : ": ", Escape(cause));
  }

 private:
  static std::mutex& Mutex() {
    static std::mutex& mutex = *new std::mutex;
    return mutex;
  }
  static herr_t KeepDescription(unsigned, const H5E_error2_t* error, void* cause) {
    if (error->desc != nullptr && error->desc[0] != '\0')
      *static_cast<std::string*>(cause) = error->desc;
    return 0;
  }

  const std::lock_guard<std::mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
};

// An identifier of the library's that is given back.
template <auto& Close>
class Handle {
 public:
  explicit Handle(hid_t id = -1) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) Close(id_);
  }
  hid_t get() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
};
using FileHandle = Handle<H5Fclose>;
using ObjectHandle = Handle<H5Oclose>;
using DatasetHandle = Handle<H5Dclose>;
using AttributeHandle = Handle<H5Aclose>;
using TypeHandle = Handle<H5Tclose>;
using SpaceHandle = Handle<H5Sclose>;
using PropertiesHandle = Handle<H5Pclose>;

// The library's driver for files in memory makes copies of what it is given unless told how to do
// without: here every copy is the bytes themselves, which are only read.
void* SameMemory(size_t, H5FD_file_image_op_t, void* bytes) { return bytes; }
void* CopyNothing(void* to, const void*, size_t, H5FD_file_image_op_t, void*) { return to; }
void* RefuseToGrow(void*, size_t, H5FD_file_image_op_t, void*) { return nullptr; }
herr_t FreeNothing(void*, H5FD_file_image_op_t, void*) { return 0; }
void* SameUserData(void* bytes) { return bytes; }
herr_t FreeNoUserData(void*) { return 0; }

// An element type of the library's as a tensor's. kInvalid for text, structures and the like.
DType DTypeOf(hid_t type) {
  const size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return size == 2   ? DType::kFloat16
             : size == 4 ? DType::kFloat32
             : size == 8 ? DType::kFloat64
                         : DType::kInvalid;
    case H5T_INTEGER: {
      const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
      return size == 1   ? (is_signed ? DType::kInt8 : DType::kUInt8)
             : size == 2 ? (is_signed ? DType::kInt16 : DType::kUInt16)
             : size == 4 ? (is_signed ? DType::kInt32 : DType::kUInt32)
             : size == 8 ? (is_signed ? DType::kInt64 : DType::kUInt64)
                         : DType::kInvalid;
    }
    case H5T_ENUM:  // as h5py writes bool
      return size == 1 && H5Tget_nmembers(type) == 2 ? DType::kBool : DType::kInvalid;
    default:
      return DType::kInvalid;
  }
}

// The same elements in this machine's byte order.
TypeHandle NativeType(hid_t type, DType dtype) {
  if (dtype == DType::kBool || dtype == DType::kFloat16) {
    TypeHandle native(H5Tcopy(type));
    const H5T_order_t order =
        std::endian::native == std::endian::little ? H5T_ORDER_LE : H5T_ORDER_BE;
    if (dtype == DType::kFloat16) H5Tset_order(native.get(), order);
    return native;
  }
  return TypeHandle(H5Tget_native_type(type, H5T_DIR_ASCEND));
}

absl::StatusOr<Shape> ShapeOf(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0) return LibraryCall::Fault("its shape cannot be read");
  std::vector<hsize_t> sizes(rank);
  if (rank > 0 && H5Sget_simple_extent_dims(space, sizes.data(), nullptr) < 0)
    return LibraryCall::Fault("its shape cannot be read");
  Shape shape;
  for (const hsize_t size : sizes) {
    if (size > static_cast<hsize_t>(INT64_MAX))
      return InvalidArgument("an axis has ", size, " elements");
    shape.Append(static_cast<int64_t>(size));
  }
  NOMO_RETURN_IF_ERROR(shape.CheckedNumElements().status());
  return shape;
}

}  // namespace

std::string Joined(absl::string_view place, absl::string_view name) {
  return place.empty() ? std::string(name) : absl::StrCat(place, "/", name);
}

bool LooksLikeHdf5(absl::string_view bytes) {
  // The header may begin behind a block of the user's: at 0, 512, 1024, 2048, …
  for (size_t at = 0; at < bytes.size() && at <= 65536; at = at == 0 ? 512 : at * 2) {
    if (absl::StartsWith(bytes.substr(at), kMagic)) return true;
  }
  return false;
}

struct Hdf5File::Impl {
  absl::string_view bytes;
  std::shared_ptr<const void> owner;
  FileHandle file;

  // An object, reached by hard links alone.
  absl::StatusOr<ObjectHandle> OpenObject(const std::string& path) const;
  // Without a fault's text.
  bool Has(const std::string& path, H5O_type_t type) const;
  absl::StatusOr<std::optional<std::vector<std::string>>> ReadTexts(hid_t object,
                                                                    const std::string& name) const;
  absl::StatusOr<TensorType> TypeOf(hid_t dataset) const;
  absl::Status CheckStorage(hid_t dataset, int64_t num_bytes) const;
};

Hdf5File::Hdf5File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Hdf5File::~Hdf5File() {
  const LibraryCall call;
  impl_->file = FileHandle();
}

absl::StatusOr<std::shared_ptr<const Hdf5File>> Hdf5File::Open(absl::string_view bytes,
                                                               std::shared_ptr<const void> owner) {
  if (!LooksLikeHdf5(bytes)) return InvalidArgument("it is no HDF5 file");
  NOMO_RETURN_IF_ERROR(LoadHdf5());
  const LibraryCall call;
  const PropertiesHandle access(H5Pcreate(FileAccessProperties()));
  void* const image = const_cast<char*>(bytes.data());  // only read, as the file is
  H5FD_file_image_callbacks_t callbacks = {&SameMemory,  &CopyNothing,  &RefuseToGrow,
                                           &FreeNothing, &SameUserData, &FreeNoUserData,
                                           image};
  if (H5Pset_fapl_core(access.get(), 1 << 20, /*backing_store=*/false) < 0 ||
      H5Pset_file_image_callbacks(access.get(), &callbacks) < 0 ||
      H5Pset_file_image(access.get(), image, bytes.size()) < 0) {
    return LibraryCall::Fault("the HDF5 library cannot read from memory");
  }
  FileHandle file(H5Fopen("model", H5F_ACC_RDONLY, access.get()));
  if (!file.ok()) return LibraryCall::Fault("it is no valid HDF5 file");
  return std::shared_ptr<const Hdf5File>(
      new Hdf5File(std::make_unique<Impl>(Impl{bytes, std::move(owner), std::move(file)})));
}

absl::StatusOr<ObjectHandle> Hdf5File::Impl::OpenObject(const std::string& path) const {
  ObjectHandle object(H5Oopen(file.get(), "/", H5P_DEFAULT));
  if (!object.ok()) return LibraryCall::Fault("the root cannot be opened");
  std::string so_far;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    const std::string name(part);
    if (name == "." || absl::StrContains(name, '\0'))
      return absl::NotFoundError(absl::StrCat("there is no ", Quoted(path)));
    so_far = Joined(so_far, name);
    H5L_info_t link;
    if (H5Lexists(object.get(), name.c_str(), H5P_DEFAULT) <= 0 ||
        H5Lget_info(object.get(), name.c_str(), &link, H5P_DEFAULT) < 0) {
      return absl::NotFoundError(absl::StrCat("there is no ", Quoted(so_far)));
    }
    if (link.type != H5L_TYPE_HARD) {
      return InvalidArgument(Quoted(so_far), " is a ",
                             link.type == H5L_TYPE_EXTERNAL ? "link into another file"
                             : link.type == H5L_TYPE_SOFT   ? "symbolic link"
                                                            : "link of the user's",
                             ", which is not followed");
    }
    ObjectHandle next(H5Oopen(object.get(), name.c_str(), H5P_DEFAULT));
    if (!next.ok()) return LibraryCall::Fault(absl::StrCat(Quoted(so_far), " cannot be opened"));
    object = std::move(next);
  }
  return object;
}

bool Hdf5File::Impl::Has(const std::string& path, H5O_type_t type) const {
  const absl::StatusOr<ObjectHandle> object = OpenObject(path);
  H5O_info_t info;
  return object.ok() && H5Oget_info2(object->get(), &info, H5O_INFO_BASIC) >= 0 &&
         info.type == type;
}

bool Hdf5File::HasGroup(const std::string& path) const {
  const LibraryCall call;
  return impl_->Has(path, H5O_TYPE_GROUP);
}

bool Hdf5File::HasDataset(const std::string& path) const {
  const LibraryCall call;
  return impl_->Has(path, H5O_TYPE_DATASET);
}

absl::StatusOr<std::vector<std::string>> Hdf5File::Members(const std::string& path) const {
  const LibraryCall call;
  NOMO_ASSIGN_OR_RETURN(const ObjectHandle group, impl_->OpenObject(path));
  struct Found {
    std::vector<std::string> names;
    absl::Status fault;
  } found;
  const auto keep = [](hid_t, const char* name, const H5L_info_t* link, void* data) -> herr_t {
    Found& to = *static_cast<Found*>(data);
    if (link->type != H5L_TYPE_HARD) {
      to.fault =
          InvalidArgument(Quoted(name), " is a link that leads elsewhere, which is not followed");
      return -1;
    }
    to.names.push_back(name);
    return 0;
  };
  hsize_t start = 0;
  if (H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_INC, &start, keep, &found) < 0) {
    NOMO_RETURN_IF_ERROR(Annotate(found.fault, Quoted(path)));
    return LibraryCall::Fault(absl::StrCat("group ", Quoted(path), " cannot be read"));
  }
  return std::move(found.names);
}

absl::StatusOr<std::optional<std::vector<std::string>>> Hdf5File::Impl::ReadTexts(
    hid_t object, const std::string& name) const {
  std::optional<std::vector<std::string>> texts;
  if (H5Aexists(object, name.c_str()) <= 0) return texts;
  const AttributeHandle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT));
  if (!attribute.ok()) return LibraryCall::Fault("it cannot be opened");
  const TypeHandle type(H5Aget_type(attribute.get()));
  const SpaceHandle space(H5Aget_space(attribute.get()));
  if (!type.ok() || !space.ok()) return LibraryCall::Fault("its type cannot be read");
  if (H5Sget_simple_extent_type(space.get()) == H5S_NULL) {
    texts.emplace();
    return texts;
  }
  NOMO_ASSIGN_OR_RETURN(const Shape shape, ShapeOf(space.get()));
  const int64_t count = shape.num_elements();
  if (H5Tget_class(type.get()) != H5T_STRING) {
    if (count != 0) return InvalidArgument("it is no text");
    texts.emplace();
    return texts;
  }
  const size_t element = H5Tget_size(type.get());
  const bool variable = H5Tis_variable_str(type.get()) > 0;
  if (count > static_cast<int64_t>(kMaxTextListElements) ||
      (!variable && static_cast<size_t>(count) > bytes.size() / std::max<size_t>(element, 1))) {
    return InvalidArgument("it claims ", count, " texts of ", element, " bytes in a file of ",
                           bytes.size());
  }
  texts.emplace();
  if (count == 0) return texts;
  // As the file has it: another character set would need a conversion that there is not.
  const TypeHandle memory(H5Tcopy(type.get()));
  if (variable) {
    std::vector<char*> found(count, nullptr);
    if (H5Aread(attribute.get(), memory.get(), found.data()) < 0)
      return LibraryCall::Fault("it cannot be read");
    for (char*& text : found) {
      texts->push_back(text == nullptr ? "" : text);
      H5free_memory(std::exchange(text, nullptr));
    }
    return texts;
  }
  std::string found(static_cast<size_t>(count) * element, '\0');
  if (H5Aread(attribute.get(), memory.get(), found.data()) < 0)
    return LibraryCall::Fault("it cannot be read");
  for (int64_t i = 0; i < count; ++i) {
    const absl::string_view padded = absl::string_view(found).substr(i * element, element);
    texts->emplace_back(padded.substr(0, padded.find('\0')));
  }
  return texts;
}

absl::StatusOr<std::optional<std::string>> Hdf5File::TextAttribute(const std::string& path,
                                                                   const std::string& name) const {
  const LibraryCall call;
  NOMO_ASSIGN_OR_RETURN(const ObjectHandle object, impl_->OpenObject(path));
  auto texts = impl_->ReadTexts(object.get(), name);
  const std::string where = absl::StrCat("attribute ", Quoted(name), " of ", Quoted("/" + path));
  if (!texts.ok()) return Annotate(texts.status(), where);
  std::optional<std::string> text;
  if (!texts->has_value()) return text;
  if ((*texts)->size() != 1)
    return InvalidArgument(where, ": expected one text, found ", (*texts)->size());
  text = std::move((*texts)->front());
  return text;
}

absl::StatusOr<std::optional<std::vector<std::string>>> Hdf5File::TextListAttribute(
    const std::string& path, const std::string& name) const {
  const LibraryCall call;
  NOMO_ASSIGN_OR_RETURN(const ObjectHandle object, impl_->OpenObject(path));
  const auto read = [&](const std::string& part) {
    auto texts = impl_->ReadTexts(object.get(), part);
    if (texts.ok()) return texts;
    texts = Annotate(texts.status(),
                     absl::StrCat("attribute ", Quoted(part), " of ", Quoted("/" + path)));
    return texts;
  };
  NOMO_ASSIGN_OR_RETURN(std::optional<std::vector<std::string>> all, read(name));
  if (all) return all;
  for (int i = 0; i < kMaxAttributeParts; ++i) {
    NOMO_ASSIGN_OR_RETURN(const auto part, read(absl::StrCat(name, i)));
    if (!part) break;
    if (!all) all.emplace();
    all->insert(all->end(), part->begin(), part->end());
  }
  return all;
}

// What the header claims against what the file can hold.
absl::Status Hdf5File::Impl::CheckStorage(hid_t dataset, int64_t num_bytes) const {
  const PropertiesHandle properties(H5Dget_create_plist(dataset));
  if (!properties.ok()) return LibraryCall::Fault("its layout cannot be read");
  const H5D_layout_t layout = H5Pget_layout(properties.get());
  if (layout == H5D_VIRTUAL)
    return InvalidArgument("it is a virtual data set, whose elements lie in other files");
  if (layout < 0) return LibraryCall::Fault("its layout cannot be read");
  if (H5Pget_external_count(properties.get()) > 0)
    return InvalidArgument("its elements lie in other files, which are not opened");
  int64_t ratio = 1;
  const int filters = H5Pget_nfilters(properties.get());
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0;
    size_t values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(properties.get(), i, &flags, &values, nullptr, 0, nullptr, nullptr);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE) {
      return InvalidArgument("it needs filter ", filter,
                             "; expected deflate (1) and shuffle (2) alone");
    }
    if (filter == H5Z_FILTER_DEFLATE) ratio = kMaxDeflateRatio;
  }
  const hsize_t stored = H5Dget_storage_size(dataset);
  if (num_bytes > 0 && (stored > bytes.size() ||
                        static_cast<double>(num_bytes) > static_cast<double>(stored) * ratio)) {
    return InvalidArgument("it claims ", num_bytes, " bytes, of which ", stored,
                           " are stored in a file of ", bytes.size());
  }
  if (num_bytes > GrowthLimit{}.MostOf(static_cast<int64_t>(bytes.size()))) {
    return absl::ResourceExhaustedError(
        absl::StrCat("it would become ", num_bytes, " bytes, out of a file of ", bytes.size()));
  }
  if (layout != H5D_CHUNKED) return absl::OkStatus();
  // A chunk is unpacked whole.
  hsize_t sizes[H5S_MAX_RANK];
  const int rank = H5Pget_chunk(properties.get(), H5S_MAX_RANK, sizes);
  double elements = 1;
  for (int i = 0; i < std::min<int>(rank, H5S_MAX_RANK); ++i)
    elements *= static_cast<double>(sizes[i]);
  if (elements > std::max(static_cast<double>(num_bytes), 1.0 * (1 << 20)))
    return InvalidArgument("its chunks are larger than itself");
  return absl::OkStatus();
}

absl::StatusOr<TensorType> Hdf5File::Impl::TypeOf(hid_t dataset) const {
  const TypeHandle type(H5Dget_type(dataset));
  const SpaceHandle space(H5Dget_space(dataset));
  if (!type.ok() || !space.ok()) return LibraryCall::Fault("its type cannot be read");
  const DType dtype = DTypeOf(type.get());
  if (dtype == DType::kInvalid) return InvalidArgument("its elements are no numbers");
  if (H5Sget_simple_extent_type(space.get()) == H5S_NULL)
    return InvalidArgument("it has no elements and no shape");
  NOMO_ASSIGN_OR_RETURN(const Shape shape, ShapeOf(space.get()));
  if (shape.num_elements() > INT64_MAX / 8)
    return InvalidArgument("its shape is ", shape.ToString());
  NOMO_RETURN_IF_ERROR(CheckStorage(dataset, shape.num_elements() * DTypeSize(dtype)));
  return TensorType{dtype, shape};
}

absl::StatusOr<TensorType> Hdf5File::DatasetType(const std::string& path) const {
  const LibraryCall call;
  const std::string where = absl::StrCat("data set ", Quoted(path));
  if (!impl_->Has(path, H5O_TYPE_DATASET)) {
    NOMO_RETURN_IF_ERROR(impl_->OpenObject(path).status());
    return InvalidArgument(Quoted(path), " is no data set");
  }
  const DatasetHandle dataset(H5Dopen2(impl_->file.get(), path.c_str(), H5P_DEFAULT));
  if (!dataset.ok()) return LibraryCall::Fault(absl::StrCat(where, " cannot be opened"));
  auto type = impl_->TypeOf(dataset.get());
  if (!type.ok()) return Annotate(type.status(), where);
  return type;
}

absl::StatusOr<Tensor> Hdf5File::ReadDataset(const std::string& path) const {
  NOMO_ASSIGN_OR_RETURN(const TensorType type, DatasetType(path));
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(type.dtype, type.shape.ToShape()));
  if (tensor.num_elements() == 0) return tensor;
  const LibraryCall call;
  const DatasetHandle dataset(H5Dopen2(impl_->file.get(), path.c_str(), H5P_DEFAULT));
  const TypeHandle stored(dataset.ok() ? H5Dget_type(dataset.get()) : -1);
  const TypeHandle native = stored.ok() ? NativeType(stored.get(), type.dtype) : TypeHandle();
  if (!native.ok() || H5Tget_size(native.get()) != static_cast<size_t>(DTypeSize(type.dtype)) ||
      H5Dread(dataset.get(), native.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
              tensor.mutable_raw_data()) < 0) {
    return LibraryCall::Fault(absl::StrCat("data set ", Quoted(path), " cannot be read"));
  }
  if (type.dtype == DType::kBool) {
    std::byte* elements = tensor.mutable_raw_data();
    for (int64_t i = 0; i < tensor.num_elements(); ++i)
      elements[i] = elements[i] == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  return tensor;
}

}  // namespace nomograph::keras
