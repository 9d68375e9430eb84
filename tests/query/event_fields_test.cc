#include "query/event_fields.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace query {
namespace {

using testing::ElementsAre;

// The fields of a record, as "name=value: meaning".
std::vector<std::string> Fields(const std::string& line) {
  FieldInterpreter interpreter(EscapeMode::kTty, false);
  std::vector<std::string> fields;
  ForEachField(*audit::ParseRecord(line), interpreter, [&](const FieldMeaning& field) {
    const char* const places[] = {"", "(msg) ", "(enriched) "};
    fields.push_back(absl::StrCat(places[static_cast<int>(field.place)], std::string(field.name),
                                  "=", std::string(field.value), ": ", std::string(field.meaning)));
  });
  return fields;
}

TEST(EventFields, TellWhatNumbersMean) {
  EXPECT_THAT(
      Fields("type=SYSCALL msg=audit(1600000000.100:5): arch=c000003e syscall=257 success=no "
             "exit=-13 a2=0 auid=4294967295 uid=0"),
      ElementsAre("arch=c000003e: x86_64", "syscall=257: openat", "success=no: no",
                  "exit=-13: EACCES(Permission denied)", "a2=0: O_RDONLY", "auid=4294967295: unset",
                  "uid=0: root"));
}

TEST(EventFields, DecodeAndEscape) {
  EXPECT_THAT(Fields("type=PATH msg=audit(1600000000.100:5): item=0 name=2F746D702F1B5B324A20"),
              ElementsAre("item=0: 0", "name=2F746D702F1B5B324A20: /tmp/\\033[2J "));
}

TEST(EventFields, TakeNamesFromTheHost) {
  EXPECT_THAT(Fields("type=USER_CMD msg=audit(1600000000.100:5): pid=7 uid=1000 "
                     "msg='cwd=\"/\" cmd=6C73202D6C res=success'\x1dUID=\"alice\""),
              ElementsAre("pid=7: 7", "uid=1000: alice", "(msg) cwd=\"/\": /",
                          "(msg) cmd=6C73202D6C: ls -l", "(msg) res=success: success",
                          "(enriched) UID=\"alice\": \"alice\""));
}

TEST(EventFields, GiveWords) {
  EXPECT_THAT(Fields("type=AVC msg=audit(1600000000.100:5): avc:  denied  { read } for  pid=7"),
              ElementsAre("=avc:: avc:", "=denied: denied", "={: {", "=read: read", "=}: }",
                          "=for: for", "pid=7: 7"));
}

}  // namespace
}  // namespace query
