#include "query/report/event_facts.h"

#include <utility>

#include "audit/record_type.h"
#include "base/number.h"
#include "query/attribute_source.h"
#include "query/outcome.h"
#include "query/report/event_class.h"
#include "query/term.h"

namespace query {

namespace {

using audit::Field;

// Up to a blank: behind a context AppArmor writes its mode.
FactText ContextOf(const audit::Record& record, std::string_view name) {
  const std::optional<Field> field = FindOwn(record, name);
  if (!field) return {};
  return {.text = field->value.substr(0, field->value.find(' '))};
}

}  // namespace

// The fields of a record that is text.
class EventFactsBuilder::TextValues : public RecordValues {
 public:
  TextValues(EventFactsBuilder& builder, const audit::Record& record, const RecordLayout& layout)
      : builder_(builder), record_(record), layout_(layout) {}

  FactText Text(Role role) override {
    return {.text = builder_.Decode(record_.type, FieldOf(role))};
  }

  FactText Written(Role role) override { return {.text = FieldOf(role).value}; }

 private:
  const Field& FieldOf(Role role) const {
    return builder_.fields_[static_cast<size_t>(layout_.place(role))];
  }

  EventFactsBuilder& builder_;
  const audit::Record& record_;
  const RecordLayout& layout_;
};

void EventFactsBuilder::Begin(uint64_t time_ms, uint32_t serial, std::string_view node,
                              size_t record_count) {
  EventFacts next;
  next.files.swap(facts_.files);  // For their memory.
  next.keys.swap(facts_.keys);
  next.access_vectors.swap(facts_.access_vectors);
  next.files.clear();
  next.keys.clear();
  next.access_vectors.clear();
  facts_ = std::move(next);
  facts_.time_ms = time_ms;
  facts_.serial = serial;
  facts_.node = node;
  record_count_ = record_count;
  records_added_ = 0;
  directory_ = {};
  texts_used_ = 0;
}

void EventFactsBuilder::AddRecord(std::string_view type, const RecordLayout& layout,
                                  RecordValues& values, std::string_view body) {
  if (records_added_++ == 0) AddFirst(type, layout, values);
  facts_.classes |= layout.classes;
  const auto find = [&](std::string_view name) -> std::optional<std::string_view> {
    const Role role = name == "success" ? Role::kSuccess
                      : name == "res"   ? Role::kRes
                                        : Role::kResult;
    if (!layout.has(role)) return std::nullopt;
    return values.Written(role).text;
  };
  if (const std::optional<bool> success = SuccessOf(layout.kind, body, find)) {
    facts_.outcome = *success ? Outcome::kSucceeded : Outcome::kFailed;
  }
  AddNumbers(layout, values);
  AddTexts(layout, values);
  AddFiles(layout, values);
  if (layout.kind == kSocket) AddSocket(type, layout, values);
  if (layout.has(Role::kKey) && !audit::IsAbsent(values.Written(Role::kKey).text)) {
    AddKeys(values.Text(Role::kKey));
  }
}

void EventFactsBuilder::AddFirst(std::string_view type, const RecordLayout& layout,
                                 RecordValues& values) {
  facts_.type = type;
  facts_.type_number = layout.type_number;
  if (layout.has(Role::kKeystrokes)) facts_.keystrokes = values.Written(Role::kKeystrokes);
  if (record_count_ != 1 && layout.kind != kSyscall) return;
  const auto looked_up = [&](Role role) -> FactText {
    // What is unknown newer libraries than those of the host may know.
    if (!layout.has(role) || values.Written(role).text.starts_with("unknown-")) return {};
    return values.Text(role);
  };
  facts_.auid_name = looked_up(Role::kAuidName);
  facts_.uid_name = looked_up(Role::kUidName);
  facts_.syscall_name = looked_up(Role::kSyscallName);
}

void EventFactsBuilder::AddNumbers(const RecordLayout& layout, RecordValues& values) {
  const auto read = [&](Role role, std::optional<uint32_t>* number) {
    if (!layout.has(role)) return;
    if (number->has_value() && (layout.first_wins & SetOf(role)) != 0) return;
    // aureport reads numbers by strtoul(3): -1 is the highest.
    const auto parsed = base::ParseNumber<int64_t>(values.Written(role).text);
    if (parsed) *number = static_cast<uint32_t>(*parsed);
  };
  read(Role::kPid, &facts_.pid);
  read(Role::kUid, &facts_.uid);
  read(Role::kAuid, &facts_.auid);
  read(Role::kSession, &facts_.session);
  if (layout.kind != kNetfilter) return;
  // Without a process it is the kernel's own.
  if (!facts_.auid) facts_.auid = UINT32_MAX;
  if (!facts_.uid) facts_.uid = 0;
  if (!facts_.session) facts_.session = UINT32_MAX;
}

void EventFactsBuilder::AddTexts(const RecordLayout& layout, RecordValues& values) {
  const auto read = [&](Role role, FactText* text) {
    if (!layout.has(role)) return;
    if (!text->is_absent() && (layout.first_wins & SetOf(role)) != 0) return;
    *text = values.Text(role);
  };
  read(Role::kExe, &facts_.exe);
  read(Role::kComm, &facts_.comm);
  read(Role::kTerminal, &facts_.terminal);
  read(Role::kAccount, &facts_.account);
  if (layout.has(Role::kSyscall)) {
    facts_.syscall = values.Written(Role::kSyscall);
    if (layout.has(Role::kArch)) facts_.arch = values.Written(Role::kArch);
  }
  if (layout.kind == kNetfilter) {
    if (facts_.terminal.is_absent()) facts_.terminal.text = "(none)";
    if (facts_.exe.is_absent()) facts_.exe.text = "(null)";
  }
  if (!layout.has(Role::kHost) || layout.kind == kSocket) return;
  facts_.host = values.Text(Role::kHost);
  if (facts_.host.text == "?" && layout.has(Role::kOtherHost)) {
    facts_.host = values.Text(Role::kOtherHost);
  }
  if (layout.kind == kConnection) {
    facts_.host = {.text = facts_.host.text.substr(0, facts_.host.text.find(':'))};  // The port.
  }
}

void EventFactsBuilder::AddFiles(const RecordLayout& layout, RecordValues& values) {
  if (layout.has(Role::kCwd)) {
    const bool is_first_kept = (layout.first_wins & SetOf(Role::kCwd)) != 0;
    if (!is_first_kept || directory_.empty()) directory_ = values.Text(Role::kCwd).text;
  }
  if (layout.has(Role::kFile) && layout.kind != kSocket) {
    const bool is_parent =
        layout.has(Role::kNameType) && values.Written(Role::kNameType).text == "PARENT";
    AddFile(values.Text(Role::kFile), is_parent);
  }
}

void EventFactsBuilder::AddFile(FactText name, bool is_parent) {
  // An abstract socket has a zero in front of its name.
  if (name.text.starts_with('\0')) name = {.text = name.text.substr(1)};
  if (!directory_.empty() && IsBehindDirectory(name.text)) {
    std::string whole(directory_);
    whole.append("/").append(name.text);
    name = {.text = Keep(std::move(whole))};
  }
  facts_.files.push_back({.name = name, .is_parent = is_parent});
}

void EventFactsBuilder::AddKeys(FactText keys) {
  std::string_view rest = keys.text;
  std::string_view key;
  while (audit::TakeKey(&rest, &key)) {
    const bool is_only_one = key.size() == keys.text.size();
    facts_.keys.push_back(is_only_one ? keys : FactText{.text = key});
  }
}

void EventFactsBuilder::AddSocket(std::string_view type, const RecordLayout& layout,
                                  RecordValues& values) {
  if (!layout.has(Role::kFile) && !layout.has(Role::kHost)) return;
  Field field;
  field.name = "saddr";
  field.value = values.Written(layout.has(Role::kFile) ? Role::kFile : Role::kHost).text;
  if (layout.has(Role::kFile)) {
    ForEachTermValue(type, TermField::kFile, field, [&](std::string_view value) {
      AddFile({.text = Keep(std::string(value))}, false);
    });
  }
  if (layout.has(Role::kHost)) {
    ForEachTermValue(type, TermField::kAddress, field, [&](std::string_view value) {
      facts_.host = {.text = Keep(std::string(value))};
    });
  }
}

void EventFactsBuilder::Add(const audit::Record& record) {
  fields_.clear();
  audit::FieldReader reader(record.body);
  Field field;
  while (reader.Next(&field)) fields_.push_back(field);
  RecordLayout layout = LayOutRecord(record.type, fields_);
  // A record may have more than one field of keys.
  layout.places[static_cast<size_t>(Role::kKey)] = -1;
  if (layout.has(Role::kNameType)) {
    const std::string_view last = fields_[static_cast<size_t>(layout.place(Role::kNameType))].text;
    const std::string_view own = record.body.substr(0, record.body.find('\x1d'));
    const bool is_at_end = last.data() + last.size() == own.data() + own.size();
    if (!is_at_end) layout.places[static_cast<size_t>(Role::kNameType)] = -1;
  }
  TextValues values(*this, record, layout);
  AddRecord(record.type, layout, values, record.body);
  if ((layout.kind & (kAvc | kUserAvc)) != 0) AddAccessVector(record, layout.kind);
  for (const Field& one : fields_) {
    if (one.name != "key" || audit::IsAbsent(one.value)) continue;
    AddKeys({.text = Decode(record.type, one)});
  }
}

void EventFactsBuilder::AddCopy(std::string_view line) {
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(Keep(std::string(line)));
  if (record.ok()) Add(*record);
}

// avc:  denied  { read write } for ... scontext=... tcontext=... tclass=file
void EventFactsBuilder::AddAccessVector(const audit::Record& record, Kind kind) {
  AccessVector vector;
  const std::string_view body = record.body;
  const size_t begin = body.find("avc: ");
  const size_t brace = begin == std::string_view::npos ? begin : body.find('{', begin);
  if (brace != std::string_view::npos) {
    const std::string_view verdict = body.substr(begin, brace - begin);
    vector.granted = verdict.find("denied") == std::string_view::npos;
    std::string_view permissions = body.substr(brace + 1);
    permissions = permissions.substr(0, permissions.find('}'));
    while (permissions.starts_with(' ')) permissions.remove_prefix(1);
    while (permissions.ends_with(' ')) permissions.remove_suffix(1);
    vector.permissions.text = permissions;
  }
  vector.subject = ContextOf(record, kind == kUserAvc ? "subj" : "scontext");
  vector.object = ContextOf(record, "tcontext");
  vector.object_class = ContextOf(record, "tclass");
  facts_.access_vectors.push_back(vector);
}

// A view of the field's value, or of what is kept.
std::string_view EventFactsBuilder::Decode(std::string_view record_type, const Field& field) {
  std::string decoded;
  const std::string_view value = audit::DecodeValue(record_type, field, &decoded);
  return decoded.empty() ? value : Keep(std::move(decoded));
}

std::string_view EventFactsBuilder::Keep(std::string text) {
  if (texts_used_ == texts_.size()) texts_.emplace_back();
  std::string& kept = texts_[texts_used_++];
  kept = std::move(text);
  return kept;
}

bool IsAuthentication(const EventFacts& facts) {
  return (facts.classes & kIsAuthentication) != 0 ||
         ((facts.classes & kIsUserManagement) != 0 && facts.outcome == Outcome::kFailed);
}

KeptFacts::KeptFacts(const EventFacts& facts) : facts_(facts) {
  size_t size = facts.node.size() + facts.type.size();
  facts_.ForEachText([&](const FactText& text) { size += text.text.size(); });
  // Never empty: a text without bytes is there, too.
  texts_ = std::make_unique_for_overwrite<char[]>(size + 1);
  char* next = texts_.get();
  const auto keep = [&](std::string_view* text) {
    const size_t copied = text->copy(next, text->size());
    *text = std::string_view(next, copied);
    next += copied;
  };
  keep(&facts_.node);
  keep(&facts_.type);
  facts_.ForEachText([&](FactText& text) {
    text.code = FactText::kNoCode;
    if (!text.is_absent()) keep(&text.text);
  });
  bytes_ = sizeof(KeptFacts) + size + facts_.files.capacity() * sizeof(FileFact) +
           facts_.keys.capacity() * sizeof(FactText) +
           facts_.access_vectors.capacity() * sizeof(AccessVector);
}

const EventFacts& FactsOf(const audit::Event& event, EventFactsBuilder* builder) {
  builder->Begin(event.stamp().time_ms, event.stamp().serial, event.node(), event.record_count());
  for (size_t i = 0; i < event.record_count(); ++i) builder->Add(event.record(i));
  return builder->facts();
}

}  // namespace query
