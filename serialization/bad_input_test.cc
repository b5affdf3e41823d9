// What faulty and hostile files get: an error that names the place, and never a crash. Run it under
// the sanitizers, too.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/proto/model.pb.h"
#include "nomograph/serialization/file_layout.h"
#include "nomograph/serialization/graph_proto.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/place.h"
#include "nomograph/serialization/testing.h"

namespace nomograph {
namespace {

// The small model as a plain message: nothing is checked by checksums.
ModelProto SmallProto() {
  ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(SaveToString(SmallModel()).value()));
  proto.clear_graph_bytes();
  proto.clear_graph_xxh3();
  return proto;
}

NodeProto& Node(ModelProto& proto) { return *proto.mutable_graph()->mutable_nodes(0); }
TensorProto& Ten(ModelProto& proto) {
  return *proto.mutable_functions(0)->mutable_graph()->mutable_weights(0)->mutable_tensor();
}
DimProto& Batch(ModelProto& proto) {
  return *proto.mutable_graph()->mutable_values(0)->mutable_type()->mutable_shape()->mutable_dims(
      0);
}
// An attribute with a tensor whose elements are payload 0.
TensorProto::Payload& WithPayload(ModelProto& proto, const std::string& payload) {
  AttributeProto& attribute = *Node(proto).add_attributes();
  attribute.set_name("table");
  TensorProto& tensor = *attribute.mutable_tensor();
  tensor.set_dtype(UINT8);
  tensor.add_dims(payload.size());
  tensor.mutable_payload()->set_bytes(payload.size());
  tensor.mutable_payload()->set_xxh3(Checksum(payload));
  proto.add_payload(payload);
  return *tensor.mutable_payload();
}

// A golden vector for x and y, float32[1,2].
void AddGolden(ModelProto& model, double rtol, double atol) {
  GoldenVectorProto& golden = *model.add_golden_vectors();
  golden.set_name("g");
  TensorProto tensor;
  tensor.set_dtype(FLOAT32);
  tensor.add_dims(1);
  tensor.add_dims(2);
  tensor.set_inline_data(std::string(8, '\0'));
  auto& input = *golden.add_inputs();
  input.set_name("x");
  *input.mutable_tensor() = tensor;
  auto& output = *golden.add_outputs();
  output.set_name("y");
  *output.mutable_expected() = tensor;
  output.set_rtol(rtol);
  output.set_atol(atol);
}

struct BadModel {
  const char* message;
  std::function<void(ModelProto&)> spoil;
};

const BadModel kBadModels[] = {
    {"model \"small\": there is no graph", [](ModelProto& m) { m.clear_graph(); }},
    {"function \"tenfold\": there is no graph",
     [](ModelProto& m) { m.mutable_functions(0)->clear_graph(); }},
    {"function \"tenfold\": there are two of that name",
     [](ModelProto& m) { *m.add_functions() = m.functions(0); }},
    {"metadata \"k\": there are two of that key",
     [](ModelProto& m) {
       m.add_metadata()->set_key("k");
       m.add_metadata()->set_key("k");
     }},
    // Tensors.
    {"function \"tenfold\": weight 0 (\"ten\"): float32[] needs 4 bytes, found 3",
     [](ModelProto& m) { Ten(m).set_inline_data("abc"); }},
    {"weight 0 (\"ten\"): there is no dtype 20",
     [](ModelProto& m) { Ten(m).set_dtype(static_cast<DataType>(20)); }},
    {"there is no dtype -1", [](ModelProto& m) { Ten(m).set_dtype(static_cast<DataType>(-1)); }},
    {"the tensor has no dtype", [](ModelProto& m) { Ten(m).clear_dtype(); }},
    {"the tensor has no elements", [](ModelProto& m) { Ten(m).clear_elements(); }},
    {"shape [-4] has a negative size", [](ModelProto& m) { Ten(m).add_dims(-4); }},
    {"has more than 2^62 elements",
     [](ModelProto& m) {
       for (int i = 0; i < 3; ++i) Ten(m).add_dims(int64_t{1} << 32);
     }},
    {"passes 2^62 bytes", [](ModelProto& m) { Ten(m).add_dims(int64_t{1} << 61); }},
    {"needs 4611686018427387904 bytes, found 4",
     [](ModelProto& m) { Ten(m).add_dims(int64_t{1} << 60); }},
    {"element 1 of type bool is 2; expected 0 to 1",
     [](ModelProto& m) {
       Ten(m).set_dtype(BOOL);
       Ten(m).add_dims(2);
       Ten(m).set_inline_data("\1\2");
     }},
    {"element 0 of type int4 is 8; expected -8 to 7",
     [](ModelProto& m) {
       Ten(m).set_dtype(INT4);
       Ten(m).set_inline_data("\10");
     }},
    // Payloads.
    {"attribute \"table\": payload 1 is missing: the file has 1 payloads",
     [](ModelProto& m) { WithPayload(m, "abcd").set_index(1); }},
    {"payload 18446744073709551615 is missing",
     [](ModelProto& m) { WithPayload(m, "abcd").set_index(~uint64_t{0}); }},
    {"payload 0: expected 4 bytes, found 3",
     [](ModelProto& m) {
       WithPayload(m, "abcd");
       m.set_payload(0, "abc");
     }},
    {"payload 0: uint8[4] needs 4 bytes, found 5",
     [](ModelProto& m) { WithPayload(m, "abcd").set_bytes(5); }},
    {"payload 1 belongs to no tensor",
     [](ModelProto& m) {
       WithPayload(m, "abcd");
       m.add_payload("more");
     }},
    {"attribute \"again\": payload 0: two tensors that use it disagree on its checksum",
     [](ModelProto& m) {
       WithPayload(m, "abcd");
       AttributeProto& again = *Node(m).add_attributes();
       again = Node(m).attributes(0);
       again.set_name("again");
       again.mutable_tensor()->mutable_payload()->set_xxh3(1);
     }},
    {"payload 0: element 3 of type bool is 100",
     [](ModelProto& m) {
       WithPayload(m, "\1\1\1d");
       Node(m).mutable_attributes(0)->mutable_tensor()->set_dtype(BOOL);
     }},
    // Values and types.
    {"graph \"main\": value 0 (\"x\"): axis 0: its size is -1",
     [](ModelProto& m) { Batch(m).set_size(-1); }},
    {"value 0 (\"x\"): shape [4611686018427387904,2] has more than 2^62 elements",
     [](ModelProto& m) { Batch(m).set_size(int64_t{1} << 62); }},
    {"has more than 2^62 elements",  // with sizes between them that are not known, or zero
     [](ModelProto& m) {
       ShapeProto& shape = *m.mutable_graph()->mutable_values(0)->mutable_type()->mutable_shape();
       shape.add_dims()->set_size(0);
       for (int i = 0; i < 2; ++i) {
         shape.add_dims()->set_symbol("n");
         shape.add_dims()->set_size(int64_t{1} << 32);
       }
     }},
    {"value 0 (\"x\"): expected at most 64 axes, found 65",
     [](ModelProto& m) {
       ShapeProto& shape = *m.mutable_graph()->mutable_values(0)->mutable_type()->mutable_shape();
       while (shape.dims_size() < 65) shape.add_dims();
     }},
    {"weight 0 (\"ten\"): expected at most 64 axes, found 65",
     [](ModelProto& m) {
       while (Ten(m).dims_size() < 65) Ten(m).add_dims(1);
     }},
    {"axis 0: its symbol is empty", [](ModelProto& m) { Batch(m).set_symbol(""); }},
    {"value 1 (\"y\"): there is no dtype 99",
     [](ModelProto& m) {
       m.mutable_graph()->mutable_values(1)->mutable_type()->set_dtype(static_cast<DataType>(99));
     }},
    {"two values are named \"x\"",
     [](ModelProto& m) { m.mutable_graph()->mutable_values(1)->set_name("x"); }},
    {"value 1 has no name",
     [](ModelProto& m) { m.mutable_graph()->mutable_values(1)->clear_name(); }},
    // Nodes.
    {"graph \"main\": node 0 (\"lambda\"): inputs: there is no value 3; the graph has 2 values",
     [](ModelProto& m) { Node(m).set_inputs(0, 3); }},
    {"outputs: there is no value 4294967295",
     [](ModelProto& m) { Node(m).set_outputs(0, UINT32_MAX); }},
    {"graph \"main\": outputs: there is no value 9",
     [](ModelProto& m) { m.mutable_graph()->add_outputs(9); }},
    {"layer 0 (\"l\"): outputs: there is no value 9",
     [](ModelProto& m) {
       m.add_layers()->set_name("l");
       m.mutable_layers(0)->add_outputs(9);
     }},
    {"op local.Tenfold cannot have version 0", [](ModelProto& m) { Node(m).clear_version(); }},
    {"op a\\x1b[2J cannot have version 0",
     [](ModelProto& m) {
       Node(m).set_op("a\x1b[2J");
       Node(m).clear_version();
     }},
    {"cannot have version 4294967295", [](ModelProto& m) { Node(m).set_version(UINT32_MAX); }},
    {"node 0 (\"lambda\"): attribute \"a\": it has no value",
     [](ModelProto& m) { Node(m).add_attributes()->set_name("a"); }},
    {"attribute \"a\": there are two of that name",
     [](ModelProto& m) {
       for (int i = 0; i < 2; ++i) {
         Node(m).add_attributes()->set_name("a");
         Node(m).mutable_attributes(i)->set_b(true);
       }
     }},
    {"attribute \"a\": there is no dtype 55",
     [](ModelProto& m) {
       Node(m).add_attributes()->set_name("a");
       Node(m).mutable_attributes(0)->set_dtype(static_cast<DataType>(55));
     }},
    {"node 0 (\"lambda\"): signature: axis 0: its size is -7",
     [](ModelProto& m) {
       Node(m).mutable_signature()->add_outputs()->mutable_shape()->add_dims()->set_size(-7);
     }},
    {"two nodes are named \"lambda\"",
     [](ModelProto& m) {
       m.mutable_graph()->add_values()->set_name("z");
       *m.mutable_graph()->add_nodes() = Node(m);
       m.mutable_graph()->mutable_nodes(1)->set_outputs(0, 3);
     }},
    {"\"y\" has another producer",
     [](ModelProto& m) {
       *m.mutable_graph()->add_nodes() = Node(m);
       m.mutable_graph()->mutable_nodes(1)->set_name("other");
     }},
    {"there is a cycle", [](ModelProto& m) { Node(m).add_inputs(2); }},
    {"there is no function @missing", [](ModelProto& m) { Node(m).set_body("missing"); }},
    {"calls itself",
     [](ModelProto& m) {
       NodeProto& mul = *m.mutable_functions(0)->mutable_graph()->mutable_nodes(0);
       mul.set_body("tenfold");
     }},
    {"node 0 (\"\\x01\\x1b[31m",
     [](ModelProto& m) {
       Node(m).set_name("\x01\x1b[31m");
       Node(m).clear_version();
     }},
    // Golden vectors.
    {"golden vector \"g\"", [](ModelProto& m) { m.add_golden_vectors()->set_name("g"); }},
    {"golden vector 0 (\"g\"): input \"x\": the tensor has no dtype",
     [](ModelProto& m) {
       m.add_golden_vectors()->set_name("g");
       m.mutable_golden_vectors(0)->add_inputs()->set_name("x");
     }},
    {"golden vector \"g\": output \"y\": expected rtol to be finite and not negative, found inf",
     [](ModelProto& m) { AddGolden(m, std::numeric_limits<double>::infinity(), 0); }},
    {"expected atol to be finite and not negative, found nan",
     [](ModelProto& m) { AddGolden(m, 0, std::numeric_limits<double>::quiet_NaN()); }},
    {"expected atol to be finite and not negative, found -1",
     [](ModelProto& m) { AddGolden(m, 0, -1); }},
    {"variable 0 (\"v\"): the tensor has no dtype",
     [](ModelProto& m) { m.add_variables()->set_name("v"); }},
};

TEST(BadInputTest, FaultyModelsNameThePlace) {
  for (const BadModel& bad : kBadModels) {
    ModelProto proto = SmallProto();
    bad.spoil(proto);
    // As a plain message, and with the right checksums.
    const std::string plain = proto.SerializeAsString();
    const auto model = LoadFromBytes(plain, nullptr);
    ASSERT_FALSE(model.ok()) << bad.message;
    EXPECT_NE(model.status().message().find(bad.message), absl::string_view::npos)
        << "expected: " << bad.message << "\nfound: " << model.status();
  }
}

TEST(BadInputTest, AllFaultsAreReported) {
  ModelProto proto = SmallProto();
  Node(proto).clear_version();
  Batch(proto).set_size(-1);
  Ten(proto).clear_elements();
  const absl::Status status = LoadFromBytes(proto.SerializeAsString(), nullptr).status();
  for (const char* message : {"version 0", "its size is -1", "no elements"}) {
    EXPECT_NE(status.message().find(message), absl::string_view::npos) << status;
  }
}

TEST(BadInputTest, ErrorsStayShort) {
  ModelProto proto = SmallProto();
  const std::string name(100000, 'n');
  for (int i = 0; i < 10000; ++i) Node(proto).add_attributes()->set_name("a");
  Node(proto).set_name(name);
  const absl::Status status = LoadFromBytes(proto.SerializeAsString(), nullptr).status();
  ASSERT_FALSE(status.ok());
  EXPECT_LT(status.message().size(), 20000u);
}

// A payload that is used often, at an address that does not suit it, is copied once.
TEST(BadInputTest, PayloadsAreNotMultiplied) {
  ModelProto proto = SmallProto();
  WithPayload(proto, std::string(1 << 20, 'x'));
  TensorProto& tensor = *Node(proto).mutable_attributes(0)->mutable_tensor();
  tensor.set_dtype(INT64);
  tensor.set_dims(0, 1 << 17);
  for (int i = 1; i < 20000; ++i) {
    *Node(proto).add_attributes() = Node(proto).attributes(0);
    Node(proto).mutable_attributes(i)->set_name(absl::StrCat("a", i));
  }
  std::string bytes = proto.SerializeAsString();
  while (reinterpret_cast<uintptr_t>(SplitFile(bytes).value().payloads[0].data()) % 8 == 0) {
    proto.set_doc(proto.doc() + "x");
    bytes = proto.SerializeAsString();
  }
  const auto model = LoadFromBytes(bytes, nullptr);
  ASSERT_TRUE(model.ok()) << model.status();
  const Attributes& attrs = model->graph.nodes[0].attrs;
  EXPECT_EQ(attrs.TensorValue("a1").raw_data(), attrs.TensorValue("a19999").raw_data());
}

TEST(BadInputTest, WhatWouldNotLoadIsNotSaved) {
  const struct {
    const char* message;
    std::function<void(Graph&)> spoil;
  } cases[] = {
      {"op local.Tenfold cannot have version 0", [](Graph& g) { g.nodes[0].version = 0; }},
      {"value 0 (\"x\"): expected at most 64 axes, found 65",
       [](Graph& g) { g.values[0].type.shape = PartialShape::OfRank(65); }},
      {"signature: shape [4611686018427387904,2] has more than 2^62 elements",
       [](Graph& g) {
         g.nodes[0].signature.emplace().inputs.push_back({DType::kFloat32, {int64_t{1} << 62, 2}});
       }},
      {"attribute \"a\": expected at most 64 axes, found 65",
       [](Graph& g) {
         g.nodes[0].attrs = {
             {"a", Tensor(DType::kBool, Shape(std::vector<int64_t>(65, int64_t{1})))}};
       }},
  };
  for (const auto& c : cases) {
    Model model = SmallModel();
    c.spoil(model.graph);
    const auto saved = SaveToString(model);
    ASSERT_FALSE(saved.ok()) << c.message;
    EXPECT_TRUE(absl::StrContains(saved.status().message(), c.message)) << saved.status();
  }
}

// The file with one byte changed or its end cut off. Sealed files: always an error, once payloads
// are checked. Plain messages: an error or some other model. Never a crash.
class CorruptionTest : public testing::TestWithParam<bool> {
 protected:
  static std::string File() {
    Model model = SmallModel();
    GoldenVector golden = {.name = "g"};
    golden.inputs["x"] = Tensor::Of<float>({1, 2}, {1, 2});
    golden.outputs["y"].expected = Tensor::Of<float>({1, 2}, {10, 20});
    model.golden_vectors.push_back(golden);
    model.variables = {{.name = "v", .initial = Tensor(DType::kInt32, {260})}};
    model.metadata = {{"key", "value"}};
    model.graph.nodes[0].attrs = {{"strides", std::vector<int64_t>{2, 2}},
                                  {"mask", Tensor(DType::kBool, {1025})}};
    model.graph.nodes[0].signature =
        Signature{{model.graph.values[0].type}, {model.graph.values[1].type}};
    if (GetParam()) return SaveToString(model).value();
    ModelProto proto;
    EXPECT_TRUE(proto.ParseFromString(SaveToString(model).value()));
    proto.clear_graph_bytes();
    proto.clear_graph_xxh3();
    return proto.SerializeAsString();
  }

  static void Check(const std::string& bytes, const std::string& what) {
    // Exactly as much memory as there are bytes, so that sanitizers see what reads past them.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const auto model = LoadFromBytes(absl::string_view(exact.data(), exact.size()), nullptr,
                                     {.verify_checksums = true});
    if (GetParam()) {
      EXPECT_FALSE(model.ok()) << what;
    }
    if (!model.ok()) {
      EXPECT_FALSE(model.status().message().empty());
      return;
    }
    // What was accepted can be saved and loaded.
    const auto saved = SaveToString(*model);
    ASSERT_TRUE(saved.ok()) << what << ": " << saved.status();
    const auto again = LoadFromBytes(*saved, nullptr);
    ASSERT_TRUE(again.ok()) << what << ": " << again.status();
    EXPECT_EQ(FirstDifference(*again, *model), "") << what;
    EXPECT_EQ(SemanticHash(*again), SemanticHash(*model)) << what;
  }
};

TEST_P(CorruptionTest, EveryByteChanged) {
  const std::string file = File();
  for (size_t i = 0; i < file.size(); ++i) {
    for (const int mask : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      std::string changed = file;
      changed[i] = static_cast<char>(changed[i] ^ mask);
      Check(changed, absl::StrCat("byte ", i, " ^ ", mask));
    }
  }
}

TEST_P(CorruptionTest, EveryTruncation) {
  const std::string file = File();
  for (size_t size = 0; size < file.size(); ++size)
    Check(file.substr(0, size), absl::StrCat(size, " bytes"));
}

INSTANTIATE_TEST_SUITE_P(Layouts, CorruptionTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Sealed" : "Plain"; });

// Names of all lengths, also those that a string does not keep within itself.
TEST(BadInputTest, WeightsAreNamedWhole) {
  for (const size_t length : {1, 15, 16, 100}) {
    const std::string name(length, 'w');
    Model model = SmallModel();
    model.graph.AddValue(name, {DType::kFloat32, {2}});
    model.graph.weights.push_back({.value = 2});
    const std::string place = absl::StrCat("graph \"main\": weight 0 (\"", name, "\"): ");
    TensorWriter tensors(1 << 20);
    const absl::Status written = ModelToProto(model, tensors).status();
    EXPECT_NE(written.message().find(place), absl::string_view::npos) << written;

    ModelProto proto = SmallProto();
    proto.mutable_graph()->add_values()->set_name(name);
    proto.mutable_graph()->mutable_values()->rbegin()->mutable_type()->set_dtype(FLOAT32);
    proto.mutable_graph()->add_weights()->set_value(proto.graph().values_size());
    const absl::Status read = LoadFromBytes(proto.SerializeAsString(), nullptr).status();
    EXPECT_NE(read.message().find(place), absl::string_view::npos) << read;
  }
  static_assert(!std::is_constructible_v<Place, const char*, std::string>);
  static_assert(std::is_constructible_v<Place, const char*, const std::string&>);
}

}  // namespace
}  // namespace nomograph
