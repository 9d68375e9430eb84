#include "storage/term_index.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/coding.h"

namespace storage {

namespace {

constexpr char kEscaped = '\x00';
constexpr char kEscape = '\xff';
constexpr char kEnd = '\x01';

}  // namespace

Day DayOf(uint64_t time_ms) {
  return static_cast<Day>(std::min<uint64_t>(time_ms / kDayMs, std::numeric_limits<Day>::max()));
}

std::string EncodeFieldPrefix(query::TermField field) {
  return std::string(1, static_cast<char>(field));
}

std::string EncodeTermPrefix(query::TermField field, std::string_view value) {
  std::string key = EncodeFieldPrefix(field);
  for (const char byte : value) {
    key.push_back(byte);
    if (byte == kEscaped) key.push_back(kEscape);
  }
  key.push_back(kEscaped);
  key.push_back(kEnd);
  return key;
}

std::string EncodeTermKey(query::TermField field, std::string_view value, Day day) {
  std::string key = EncodeTermPrefix(field, value);
  PutFixed32(&key, day);
  return key;
}

bool DecodeTermKey(std::string_view key, Term* term, Day* day) {
  if (key.empty()) return false;
  term->field = static_cast<query::TermField>(key.front());
  key.remove_prefix(1);
  term->value.clear();
  while (key.size() >= 2) {
    const char byte = key[0];
    key.remove_prefix(1);
    if (byte != kEscaped) {
      term->value.push_back(byte);
      continue;
    }
    const char next = key[0];
    key.remove_prefix(1);
    if (next == kEnd) return TakeFixed32(&key, day) && key.empty();
    if (next != kEscape) return false;
    term->value.push_back(kEscaped);
  }
  return false;
}

void PutPosting(const Posting& posting, std::string* out) {
  PutVarint(out, posting.host);
  PutVarint(out, posting.block);
  PutVarint(out, posting.events);
}

absl::Status IndexDamaged() { return absl::DataLossError("index: a term cannot be read"); }

bool TakePostings(std::string_view in, std::vector<Posting>* postings) {
  while (!in.empty()) {
    Posting posting;
    if (!TakeVarint32(&in, &posting.host) || !TakeVarint32(&in, &posting.block) ||
        !TakeVarint32(&in, &posting.events)) {
      return false;
    }
    postings->push_back(posting);
  }
  return true;
}

bool MergePostings(std::span<const std::string_view> operands, bool keep_removals,
                   std::string* merged) {
  std::vector<Posting> postings;
  for (const std::string_view operand : operands) {
    if (!TakePostings(operand, &postings)) return false;
  }
  merged->clear();  // RocksDB may hand in what it used before.
  const auto place = [](const Posting& posting) { return std::pair(posting.host, posting.block); };
  // Stable: of one block, the last operand stays last.
  std::ranges::stable_sort(postings, {}, place);
  for (size_t i = 0; i < postings.size(); ++i) {
    if (i + 1 < postings.size() && place(postings[i]) == place(postings[i + 1])) continue;
    if (postings[i].events > 0 || keep_removals) PutPosting(postings[i], merged);
  }
  return true;
}

}  // namespace storage
