#include "audit/record.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace audit {
namespace {

TEST(ParseRecord, FindsTheParts) {
  const auto record = ParseRecord("node=web1 type=PATH msg=audit(1626611363.720:348501): item=0");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->node, "web1");
  EXPECT_EQ(record->type, "PATH");
  EXPECT_EQ(record->stamp, (Stamp{1626611363720, 348501}));
  EXPECT_EQ(record->body, "item=0");
}

TEST(ParseRecord, TakesARecordWithoutNodeAndBody) {
  for (const std::string_view line :
       {"type=EOE msg=audit(1.002:3):", "type=EOE msg=audit(1.002:3): "}) {
    const auto record = ParseRecord(line);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->node, "");
    EXPECT_EQ(record->stamp, (Stamp{1002, 3}));
    EXPECT_EQ(record->body, "");
  }
}

TEST(ParseRecord, KeepsATypeThatNobodyKnows) {
  const auto record = ParseRecord("type=UNKNOWN[1420] msg=audit(1.000:1): a=1");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->type, "UNKNOWN[1420]");
}

TEST(ParseRecord, KeepsTheBlanksOfTheBodyButOne) {
  const auto record = ParseRecord("type=AVC msg=audit(1.000:1):  a=1 ");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->body, " a=1 ");
}

TEST(ParseRecord, TakesTheLargestNumbers) {
  const auto record = ParseRecord("type=CWD msg=audit(18446744073709550.999:4294967295):");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->stamp, (Stamp{18446744073709550999u, 4294967295u}));
}

TEST(ParseRecord, NamesTheBadPart) {
  const struct {
    std::string_view line;
    std::string_view message;
  } cases[] = {
      {"", "record: bad type"},
      {"type=", "record: bad type"},
      {"type=CWD", "record: bad type"},
      {"type= msg=audit(1.000:1):", "record: bad type"},
      {" type=CWD msg=audit(1.000:1):", "record: bad type"},
      {"Type=CWD msg=audit(1.000:1):", "record: bad type"},
      {"node=web1", "record: bad node"},
      {"node= type=CWD msg=audit(1.000:1):", "record: bad node"},
      {"node=a node=b type=CWD msg=audit(1.000:1):", "record: bad type"},
      {"type=CWD msg=audit(", "record: bad stamp"},
      {"type=CWD  msg=audit(1.000:1):", "record: bad stamp"},
      {"type=CWD msg=audit():", "record: bad stamp"},
      {"type=CWD msg=audit(1:1):", "record: bad stamp"},
      {"type=CWD msg=audit(1.000):", "record: bad stamp"},
      {"type=CWD msg=audit(-1.000:1):", "record: bad stamp"},
      {"type=CWD msg=audit(+1.000:1):", "record: bad stamp"},
      {"type=CWD msg=audit( 1.000:1):", "record: bad stamp"},
      {"type=CWD msg=audit(0x1.000:1):", "record: bad stamp"},
      {"type=CWD msg=audit(1.1000:1):", "record: bad stamp"},
      {"type=CWD msg=audit(1.-01:1):", "record: bad stamp"},
      {"type=CWD msg=audit(1.000:-1):", "record: bad stamp"},
      {"type=CWD msg=audit(1.000:4294967296):", "record: bad stamp"},
      {"type=CWD msg=audit(18446744073709551.000:1):", "record: bad stamp"},
      {"type=CWD msg=audit(18446744073709551616.000:1):", "record: bad stamp"},
      {"type=CWD msg=audit(1.000:1)", "record: bad end of stamp"},
      {"type=CWD msg=audit(1.000:1x):", "record: bad end of stamp"},
      {"type=CWD msg=audit(1.000:1): a\n", "record: bad newline"},
      {"type=CWD msg=audit(1.000:1): a\ntype=CWD msg=audit(1.000:1):", "record: bad newline"},
  };
  for (const auto& [line, message] : cases) {
    const auto record = ParseRecord(line);
    ASSERT_FALSE(record.ok()) << line;
    EXPECT_EQ(record.status().code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_EQ(std::string(record.status().message()), message) << line;
  }
}

TEST(ParseRecord, RefusesALineThatIsTooLong) {
  std::string line = "type=CWD msg=audit(1.000:1): ";
  line.resize(kRecordBytesMax, 'x');
  EXPECT_TRUE(ParseRecord(line).ok());
  line += 'x';
  EXPECT_FALSE(ParseRecord(line).ok());
}

// Every prefix of a good line is either refused or read without touching memory outside of it:
// the copy ends where its memory does, and a sanitizer watches.
TEST(ParseRecord, SurvivesTruncation) {
  const std::string line = "node=web1 type=PATH msg=audit(1626611363.720:348501): item=0";
  const size_t whole_prefix = line.find("):") + 2;
  for (size_t length = 0; length < line.size(); ++length) {
    const std::string cut(line, 0, length);
    EXPECT_EQ(ParseRecord(cut).ok(), length >= whole_prefix) << cut;
  }
}

TEST(Stamp, IsOrderedByTimeThenSerial) {
  EXPECT_LT((Stamp{1, 9}), (Stamp{2, 1}));
  EXPECT_LT((Stamp{2, 1}), (Stamp{2, 2}));
}

}  // namespace
}  // namespace audit
