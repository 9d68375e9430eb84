#include "storage/journal.h"

#include <gtest/gtest.h>

namespace storage {
namespace {

constexpr JournalHeader kHeader = {
    .received_ms = 1626611363720,
    .address = "192.0.2.7",
    .sender = {.connection = 1ULL << 32, .sequence = 300, .siblings = 2}};

std::string Group(const std::vector<std::string>& lines) {
  Batch batch({}, "192.0.2.7");
  for (const std::string& line : lines) batch.Add(line);
  return EncodeJournalHeader(kHeader) + std::string(batch.encoded());
}

// The example of storage/README.md.
TEST(Journal, WritesWhatTheReadmeShows) {
  EXPECT_EQ(EncodeJournalKey({.host = 1, .arrival = 258}),
            std::string("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x02", 12));
  Batch batch({}, "10.0.0.9");
  batch.Add("type=EOE msg=audit(1.000:1):");
  EXPECT_EQ(EncodeJournalHeader({.received_ms = 1000, .address = "10.0.0.9"}) +
                std::string(batch.encoded()),
            std::string("\x01\xe8\x07\x08", 4) + "10.0.0.9" + '\0' + '\x1c' +
                "type=EOE msg=audit(1.000:1):");
}

TEST(Journal, SortsByHostAndThenByArrival) {
  EXPECT_LT(EncodeJournalKey({.host = 1, .arrival = 300}), EncodeJournalKey({.host = 2}));
  EXPECT_LT(EncodeJournalKey({.host = 2, .arrival = 255}),
            EncodeJournalKey({.host = 2, .arrival = 256}));
}

TEST(Journal, GivesBackAGroup) {
  const std::string value = Group({"one", "", std::string(20000, 'x'), std::string("\0\n", 2)});
  absl::StatusOr<JournalGroup> group = JournalGroup::Decode(value);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(group->header().received_ms, kHeader.received_ms);
  EXPECT_EQ(group->header().address, kHeader.address);
  EXPECT_EQ(group->header().sender, kHeader.sender);
  std::vector<std::string> lines;
  for (std::string_view line; *group->Next(&line);) lines.emplace_back(line);
  EXPECT_EQ(Group(lines), value);
}

TEST(Journal, ReportsEveryTruncationThatIsNotAtARecord) {
  const std::string value = Group({"first", "second"});
  const size_t after_first = value.size() - std::string("second").size() - 1;
  const size_t after_header = after_first - std::string("first").size() - 1;
  for (size_t length = 0; length < value.size(); ++length) {
    const std::string cut = value.substr(0, length);
    absl::StatusOr<JournalGroup> group = JournalGroup::Decode(cut);
    absl::Status status = group.status();
    for (std::string_view line; status.ok();) {
      const absl::StatusOr<bool> more = group->Next(&line);
      status = more.status();
      if (more.ok() && !*more) break;
    }
    const bool whole = length == after_header || length == after_first;
    EXPECT_EQ(status.code(), whole ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss) << length;
  }
}

TEST(Journal, RefusesGroupsAndKeysOfAnotherForm) {
  EXPECT_TRUE(absl::IsDataLoss(JournalGroup::Decode("\x02").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeJournalKey("short").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeJournalKey(std::string(13, 'x')).status()));
}

}  // namespace
}  // namespace storage
