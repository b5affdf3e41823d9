// Fields of newer versions: kept with their structs, put back to their places, gone with what is
// gone.
#include "nomograph/serialization/unknown_fields.h"

#include <gtest/gtest.h>

#include "google/protobuf/unknown_field_set.h"
#include "nomograph/proto/model.pb.h"

namespace nomograph {
namespace {

void Mark(google::protobuf::Message& message, uint64_t value) {
  message.GetReflection()->MutableUnknownFields(&message)->AddVarint(1000, value);
}

uint64_t MarkOf(const google::protobuf::Message& message) {
  const auto& unknown = message.GetReflection()->GetUnknownFields(message);
  return unknown.empty() ? 0 : unknown.field(0).varint();
}

// A node with attributes a and b and a signature of three inputs.
NodeProto Node() {
  NodeProto node;
  node.set_name("n");
  node.add_attributes()->set_name("a");
  node.add_attributes()->set_name("b");
  node.mutable_attributes(1)->mutable_tensor()->mutable_payload()->set_index(3);
  for (int i = 0; i < 3; ++i) node.mutable_signature()->add_inputs()->mutable_shape()->add_dims();
  return node;
}

TEST(UnknownFieldsTest, NoneAreEmpty) {
  EXPECT_EQ(TakeUnknownFields(Node()), "");
  NodeProto node = Node();
  ASSERT_TRUE(PutUnknownFields("", node).ok());
  EXPECT_EQ(node.SerializeAsString(), Node().SerializeAsString());
}

TEST(UnknownFieldsTest, ReturnToTheirPlaces) {
  NodeProto marked = Node();
  Mark(marked, 1);
  Mark(*marked.mutable_attributes(1), 2);
  Mark(*marked.mutable_attributes(1)->mutable_tensor()->mutable_payload(), 3);
  Mark(*marked.mutable_signature()->mutable_inputs(1)->mutable_shape()->mutable_dims(0), 4);
  NodeProto restored = Node();
  ASSERT_TRUE(PutUnknownFields(TakeUnknownFields(marked), restored).ok());
  EXPECT_EQ(restored.SerializeAsString(), marked.SerializeAsString());
}

TEST(UnknownFieldsTest, FollowNamesWhereThereAreNames) {
  NodeProto marked = Node();
  Mark(*marked.mutable_attributes(1), 2);
  NodeProto other;
  other.add_attributes()->set_name("b");
  other.add_attributes()->set_name("c");
  ASSERT_TRUE(PutUnknownFields(TakeUnknownFields(marked), other).ok());
  EXPECT_EQ(MarkOf(other.attributes(0)), 2u);
  EXPECT_EQ(MarkOf(other.attributes(1)), 0u);
}

TEST(UnknownFieldsTest, GoWithWhatIsGone) {
  NodeProto marked = Node();
  Mark(*marked.mutable_attributes(0), 2);
  Mark(*marked.mutable_signature()->mutable_inputs(2), 4);
  NodeProto other;
  other.set_name("n");
  ASSERT_TRUE(PutUnknownFields(TakeUnknownFields(marked), other).ok());
  EXPECT_EQ(other.SerializeAsString(), "\n\x01n");
}

TEST(UnknownFieldsTest, LeaveOutMessagesWithTheirOwn) {
  GraphProto graph;
  Mark(*graph.add_nodes(), 1);
  Mark(*graph.add_values(), 2);
  EXPECT_EQ(TakeUnknownFields(graph), "");
  Mark(graph, 3);
  EXPECT_NE(TakeUnknownFields(graph), "");
}

TEST(UnknownFieldsTest, RefuseWhatIsNoMessage) {
  NodeProto node = Node();
  EXPECT_EQ(PutUnknownFields("\x0a\x05x", node).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace nomograph
