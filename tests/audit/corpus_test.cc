// Reads real logs, whole and damaged.

#include <cctype>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "audit/assembler.h"
#include "audit/field.h"
#include "audit/record.h"
#include "tests/audit/log_files.h"
#include "tests/fuzz/mutation.h"

namespace audit {
namespace {

// Reads a line as a store or a query would. Returns whether it is a record.
bool Read(const std::string& line) {
  const auto record = ParseRecord(line);
  if (!record.ok()) {
    EXPECT_EQ(record.status().code(), absl::StatusCode::kInvalidArgument) << line;
    return false;
  }
  std::string again;
  std::string decoded;
  FieldReader reader(record->body);
  Field field;
  while (reader.Next(&field)) {
    EXPECT_FALSE(field.text.empty()) << line;
    again.append(field.separator).append(field.text);
    EXPECT_LE(DecodeValue(record->type, field, &decoded).size(), field.value.size()) << line;
  }
  again.append(reader.trailing());
  EXPECT_EQ(again, record->body);
  KeyReader keys(*record);
  for (std::string_view key; keys.Next(&key);) EXPECT_FALSE(key.empty()) << line;
  return true;
}

class Corpus : public testing::TestWithParam<std::string> {
 protected:
  const std::vector<std::string> lines_ = ReadLines(GetParam());
};

TEST_P(Corpus, EveryLineReads) {
  ASSERT_FALSE(lines_.empty());
  size_t records = 0;
  for (const std::string& line : lines_) records += Read(line) ? 1 : 0;
  // One of the files has a foreign header in front of every record.
  const bool is_syslog = GetParam().find("syslog-original") != std::string::npos;
  if (is_syslog) {
    EXPECT_EQ(records, 0u);
  } else {
    EXPECT_GT(records * 2, lines_.size());
  }
}

TEST_P(Corpus, EveryPrefixReads) {
  for (size_t i = 0; i < lines_.size(); i += 1 + lines_.size() / 50) {
    for (size_t bytes = 0; bytes < lines_[i].size(); ++bytes) {
      const std::string cut(lines_[i], 0, bytes);  // Ends where its memory does.
      Read(cut);
    }
  }
}

TEST_P(Corpus, EveryDamagedLineReads) {
  std::minstd_rand random(1);
  for (int i = 0; i < 2000; ++i) {
    Read(fuzz::Mutate(lines_[random() % lines_.size()], &random));
  }
}

// Whatever the order and the damage of a log, each record comes out in one event.
TEST_P(Corpus, EveryRecordComesOutOnce) {
  Assembler assembler;
  std::minstd_rand random(2);
  size_t in = 0;
  size_t out = 0;
  const auto take = [&] {
    while (const auto event = assembler.Take()) out += event->record_count();
  };
  for (const std::string& line : lines_) {
    for (const std::string& variant : {line, fuzz::Mutate(line, &random)}) {
      const auto record = ParseRecord(variant);
      if (!record.ok()) continue;
      assembler.Add(variant, *record);
      ++in;
      take();
    }
  }
  assembler.Flush();
  take();
  EXPECT_EQ(out, in);
  EXPECT_EQ(assembler.counters().records, in);
}

std::string TestName(const testing::TestParamInfo<std::string>& file) {
  std::string name = std::filesystem::path(file.param).stem().string();
  for (char& byte : name) {
    if (std::isalnum(static_cast<unsigned char>(byte)) == 0) byte = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Logs, Corpus, testing::ValuesIn(LogFiles()), TestName);

TEST(CorpusFolder, IsThere) {
  if (LogFiles().size() == 1) GTEST_SKIP() << "no ../shared/corpus: only tests/data was read";
  EXPECT_GT(LogFiles().size(), 10u);
}

}  // namespace
}  // namespace audit
