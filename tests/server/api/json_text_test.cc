#include "server/api/json_text.h"

#include <gmock/gmock.h>

#include "proto/auspex/v1/query.pb.h"

namespace server {
namespace {

using testing::HasSubstr;

TEST(JsonTextTest, PrintsByTheMappingOfProto3) {
  auspex::v1::SearchResponse response;
  auspex::v1::Event& event = *response.add_events();
  event.set_host("web1");
  event.set_identity(auspex::v1::Event::IDENTITY_KIND_NODE);
  event.set_time_ms(UINT64_MAX);
  event.set_serial(7);
  event.add_records("\xff");
  EXPECT_EQ(PrintJson(response),
            R"({"events":[{"host":"d2ViMQ==","identity":"IDENTITY_KIND_NODE",)"
            R"("timeMs":"18446744073709551615","serial":7,"records":["/w=="]}]})");
  auspex::v1::SearchResponse read;
  ASSERT_TRUE(ParseJson(PrintJson(response), &read).ok());
  EXPECT_EQ(read.SerializeAsString(), response.SerializeAsString());
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
