#include "server/api/json_text.h"

#include <random>

#include <gmock/gmock.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include "proto/auspex/v1/admin.pb.h"
#include "proto/auspex/v1/ingest.pb.h"
#include "proto/auspex/v1/query.pb.h"

namespace server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using testing::HasSubstr;

std::string Json(const Message& message) {
  std::string text;
  AppendJson(message, &text);
  return text;
}

std::string JsonOfProtobuf(const Message& message) {
  std::string text;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text).ok());
  return text;
}

void AddTypes(const Descriptor* type, std::vector<const Descriptor*>* types) {
  types->push_back(type);
  for (int i = 0; i < type->nested_type_count(); ++i) AddTypes(type->nested_type(i), types);
}

std::vector<const Descriptor*> AllTypes() {
  std::vector<const Descriptor*> types;
  for (const FileDescriptor* file :
       {auspex::v1::Hello::descriptor()->file(), auspex::v1::SearchRequest::descriptor()->file(),
        auspex::v1::StatusRequest::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) AddTypes(file->message_type(i), &types);
  }
  return types;
}

// Fills messages with whatever their types allow.
class RandomMessages {
 public:
  std::unique_ptr<Message> Make(const Descriptor* type) {
    std::unique_ptr<Message> message(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
    Fill(message.get(), 0);
    return message;
  }

 private:
  uint64_t Number() {
    // Of all magnitudes, zero among them.
    return random_() >> (random_() % 65 % 64);
  }
  int Below(int count) { return static_cast<int>(random_() % static_cast<uint64_t>(count)); }

  std::string Text(bool is_bytes) {
    static constexpr std::string_view kPieces[] = {
        "a", "\"", "\\", "/", "\n", "\t", "\b", "\f", "\r", "\x01", "\x1f", "\x7f",
        "<", ">",  "&",  "'", "é",  "€",  "😀",  " ",  "",   "{",    "%",    "web1"};
    std::string text;
    for (int i = Below(12); i > 0; --i) {
      if (is_bytes) {
        text += static_cast<char>(random_());
      } else {
        text += kPieces[Below(std::size(kPieces))];
      }
    }
    return text;
  }

  void Fill(Message* message, int depth) {
    const Descriptor& type = *message->GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      int count = Below(4);
      if (!field.is_repeated()) count = std::min(count, 1);
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && depth > 4) continue;
      for (int j = 0; j < count; ++j) FillField(message, field, depth);
    }
  }

  void FillField(Message* message, const FieldDescriptor& field, int depth) {
    const Reflection& reflection = *message->GetReflection();
    const bool many = field.is_repeated();
#define AUSPEX_SET(Type, value) \
  many ? reflection.Add##Type(message, &field, value) : reflection.Set##Type(message, &field, value)
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return AUSPEX_SET(Bool, Below(2) == 1);
      case FieldDescriptor::CPPTYPE_INT32:
        return AUSPEX_SET(Int32, static_cast<int32_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT32:
        return AUSPEX_SET(UInt32, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_INT64:
        return AUSPEX_SET(Int64, static_cast<int64_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return AUSPEX_SET(UInt64, Number());
      case FieldDescriptor::CPPTYPE_ENUM:
        return AUSPEX_SET(EnumValue, Below(6));  // Also such as have no name.
      case FieldDescriptor::CPPTYPE_STRING:
        return AUSPEX_SET(String, Text(field.type() == FieldDescriptor::TYPE_BYTES));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(many ? reflection.AddMessage(message, &field)
                         : reflection.MutableMessage(message, &field),
                    depth + 1);
      default:
        FAIL() << "json_text.cc prints no field such as " << field.full_name();
    }
#undef AUSPEX_SET
  }

  std::mt19937_64 random_{7};
};

TEST(JsonTextTest, PrintsEveryMessageOfTheApiAsProtobufDoes) {
  RandomMessages messages;
  for (const Descriptor* type : AllTypes()) {
    for (int i = 0; i < 200; ++i) {
      const std::unique_ptr<Message> message = messages.Make(type);
      const std::string text = Json(*message);
      ASSERT_EQ(text, JsonOfProtobuf(*message)) << type->full_name();
      const std::unique_ptr<Message> read(message->New());
      const absl::Status parsed = ParseJson(text, read.get());
      ASSERT_TRUE(parsed.ok()) << parsed << text;
      ASSERT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*message, *read)) << text;
    }
  }
}

TEST(JsonTextTest, ReplacesWhatIsNoUtf8) {
  std::string text;
  AppendJsonString("a\xff\xc3\"", &text);
  EXPECT_EQ(text, "\"a\xef\xbf\xbd\xef\xbf\xbd\\\"\"");
}

TEST(JsonTextTest, NamesWhatIsWrongWithARequest) {
  const struct {
    const char* text;
    const char* wrong;
  } cases[] = {
      {"", ""},
      {"[]", ""},
      {"{\"limit\":", ""},
      {"{\"limit\":-1}", "-1"},
      {"{\"limit\":\"many\"}", "many"},
      {"{\"hosts\":[\"\xff\"]}", "UTF-8"},
      {"{\"after\":\"*\"}", "after"},
      {"{\"order\":\"ORDER_OF_SIZE\"}", "ORDER_OF_SIZE"},
      {"{\"predicat\":{}}", "predicat"},
      {"{\"predicate\":{\"colour\":\"red\"}}", "colour"},
  };
  for (const auto& [text, wrong] : cases) {
    auspex::v1::SearchRequest request;
    const absl::Status parsed = ParseJson(text, &request);
    EXPECT_TRUE(absl::IsInvalidArgument(parsed)) << text << " " << parsed;
    EXPECT_THAT(std::string(parsed.message()), HasSubstr(wrong)) << text;
  }
}

TEST(JsonTextTest, TakesNoRequestThatIsNestedWithoutEnd) {
  std::string text = "{\"predicate\":";
  for (int i = 0; i < 10'000; ++i) text += "{\"allOf\":{\"parts\":[";
  auspex::v1::SearchRequest request;
  EXPECT_TRUE(absl::IsInvalidArgument(ParseJson(text, &request)));
}

}  // namespace
}  // namespace server
