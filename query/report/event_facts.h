// What the reports of aureport(8) tell of an event, read from its records in one go.
//
// The records come as text, or as columns of a block: RecordValues hides which. Both give the same
// facts, by the rules of attribute_source.h. query/README.md lists where these differ from
// aureport's.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "query/report/record_layout.h"

namespace query {

// A text that may be absent. Absent is what the records do not have; "(null)" and "?" are there.
struct FactText {
  static constexpr uint32_t kNoCode = UINT32_MAX;

  std::string_view text = {};  // Its data() is null if it is absent.

  // Equal texts of one source of records may have equal codes, which are small; other texts have
  // others. Spares a look-up, as long as all facts come from that source.
  uint32_t code = kNoCode;

  bool is_absent() const { return text.data() == nullptr; }
};

enum class Outcome : uint8_t { kUnset, kFailed, kSucceeded };
inline constexpr size_t kOutcomes = 3;

// One access vector: of an AVC or USER_AVC record.
struct AccessVector {
  std::optional<bool> granted = {};  // None if it tells no verdict.
  FactText subject = {};
  FactText object = {};
  FactText object_class = {};
  FactText permissions = {};
};

struct FileFact {
  FactText name;
  bool is_parent = false;  // A PATH record that ends with type=PARENT, as kernels before 4.x wrote.
};

// Views are valid until the builder that made it begins the next event, or as long as the block.
struct EventFacts {
  uint64_t time_ms = 0;
  uint32_t serial = 0;
  std::string_view node = {};  // Empty if its records name none.
  std::string_view type = {};  // Of its first record.
  std::optional<uint32_t> type_number = {};
  uint32_t classes = 0;  // EventClass, of all records.
  Outcome outcome = Outcome::kUnset;
  std::optional<uint32_t> auid = {};
  std::optional<uint32_t> uid = {};
  std::optional<uint32_t> pid = {};
  std::optional<uint32_t> session = {};
  FactText arch = {};     // As written,
  FactText syscall = {};  // likewise.
  FactText exe = {};
  FactText comm = {};
  FactText terminal = {};
  FactText host = {};
  FactText account = {};
  FactText keystrokes = {};  // Of a first record TTY or USER_TTY, as written.
  std::vector<FileFact> files = {};
  std::vector<FactText> keys = {};
  std::vector<AccessVector> access_vectors = {};

  // What the host's auditd has looked up for the first record, if that speaks for the event: it is
  // the only one, or a SYSCALL.
  FactText auid_name = {};
  FactText uid_name = {};
  FactText syscall_name = {};

  // Calls `visit` with each of its texts but node and type, by reference.
  template <typename Visit>
  void ForEachText(const Visit& visit) {
    for (FactText* const text : {&arch, &syscall, &exe, &comm, &terminal, &host, &account,
                                 &keystrokes, &auid_name, &uid_name, &syscall_name}) {
      visit(*text);
    }
    for (FileFact& file : files) visit(file.name);
    for (FactText& key : keys) visit(key);
    for (AccessVector& vector : access_vectors) {
      for (FactText* const text :
           {&vector.subject, &vector.object, &vector.object_class, &vector.permissions}) {
        visit(*text);
      }
    }
  }
};

// Whether aureport's -au is about the event. Of the management of users only what was refused.
bool IsAuthentication(const EventFacts& facts);

// Facts that own their texts. These have no codes.
class KeptFacts {
 public:
  explicit KeptFacts(const EventFacts& facts);

  const EventFacts& facts() const { return facts_; }
  size_t bytes() const { return bytes_; }  // That it takes, about.

 private:
  EventFacts facts_;
  std::unique_ptr<char[]> texts_;
  size_t bytes_ = 0;
};

// The values of one record. Texts are valid until the builder begins the next event, at least.
class RecordValues {
 public:
  virtual ~RecordValues() = default;

  // The value of the field with this role, which the record's layout has: without its quotes and
  // decoded, but as written where that stands for "there is none".
  virtual FactText Text(Role role) = 0;

  // The value as written.
  virtual FactText Written(Role role) = 0;
};

// Builds one event after the other. For one thread at a time.
class EventFactsBuilder {
 public:
  EventFactsBuilder() = default;
  EventFactsBuilder(const EventFactsBuilder&) = delete;
  EventFactsBuilder& operator=(const EventFactsBuilder&) = delete;

  // Begins an event. `record_count` records follow.
  void Begin(uint64_t time_ms, uint32_t serial, std::string_view node, size_t record_count);

  // Adds the next record. Its layout does not need text.
  void Add(std::string_view type, const RecordLayout& layout, RecordValues& values) {
    AddRecord(type, layout, values, {});
  }

  // Adds the next record, as text. Its bytes must stay as long as the facts are used; those of
  // AddCopy() need not.
  void Add(const audit::Record& record);
  void AddCopy(std::string_view line);

  // What the records have told. Valid until the next Begin().
  const EventFacts& facts() const { return facts_; }

 private:
  class TextValues;

  void AddRecord(std::string_view type, const RecordLayout& layout, RecordValues& values,
                 std::string_view body);
  void AddFirst(std::string_view type, const RecordLayout& layout, RecordValues& values);
  void AddNumbers(const RecordLayout& layout, RecordValues& values);
  void AddTexts(const RecordLayout& layout, RecordValues& values);
  void AddFiles(const RecordLayout& layout, RecordValues& values);
  void AddFile(FactText name, bool is_parent);
  void AddKeys(FactText keys);
  void AddSocket(std::string_view type, const RecordLayout& layout, RecordValues& values);
  void AddAccessVector(const audit::Record& record, Kind kind);
  std::string_view Decode(std::string_view record_type, const audit::Field& field);
  std::string_view Keep(std::string text);

  EventFacts facts_;
  size_t record_count_ = 0;
  size_t records_added_ = 0;
  std::string_view directory_;
  std::vector<audit::Field> fields_;  // Of the record being added. Kept for its memory.
  std::deque<std::string> texts_;     // What facts_ has views into.
  size_t texts_used_ = 0;
};

// The facts of a whole event. Valid as long as the event, until the builder's next event.
const EventFacts& FactsOf(const audit::Event& event, EventFactsBuilder* builder);

}  // namespace query
