#include "api/predicate_message.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

namespace api {

namespace {

namespace v1 = auspex::v1;
using v1::Predicate;

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError("predicate: " + what);
}

absl::StatusOr<query::TermMatch> MatchOf(v1::Match match) {
  if (match == v1::MATCH_IS) return query::TermMatch::kIs;
  if (match == v1::MATCH_CONTAINS) return query::TermMatch::kContains;
  return Wrong(absl::StrCat("match ", static_cast<int>(match), " is not defined"));
}

absl::StatusOr<query::Attribute> AttributeOf(const std::string& name) {
  if (const auto attribute = query::ParseAttribute(name)) return *attribute;
  return Wrong(absl::StrCat("no attribute \"", name, "\""));
}

class PredicateReader {
 public:
  absl::StatusOr<query::Predicate> Read(const Predicate& message) {
    if (++conditions_ > kPredicateConditionsMax) {
      return Wrong(absl::StrCat("more than ", kPredicateConditionsMax, " conditions"));
    }
    switch (message.condition_case()) {
      case Predicate::CONDITION_NOT_SET:
        // Else a condition that a newer client knows would be met by all.
        if (message.ByteSizeLong() > 0) return Wrong("a condition that is not defined");
        return query::Predicate();
      case Predicate::kAllOf:
        return ReadParts<query::AllOf>(message.all_of());
      case Predicate::kAnyOf:
        return ReadParts<query::AnyOf>(message.any_of());
      case Predicate::kNoneOf:
        return ReadParts<query::NoneOf>(message.none_of());
      case Predicate::kTime:
        return query::Predicate(query::TimeIn{TimeRangeOf(message.time())});
      case Predicate::kSerial:
        return query::Predicate(query::SerialIs{message.serial()});
      case Predicate::kRecordTypes: {
        const auto& types = message.record_types().types();
        return query::Predicate(query::TypeIn{{types.begin(), types.end()}});
      }
      case Predicate::kNode:
        if (message.node().empty()) return Wrong("an empty node");
        return query::Predicate(query::NodeIs{message.node()});
      case Predicate::kTerm:
        return ReadTerm(message.term());
      case Predicate::kAttribute:
        return ReadAttribute(message.attribute());
      case Predicate::kName:
        return ReadName(message.name());
      case Predicate::kSuccess:
        return query::Predicate(query::SuccessIs{message.success()});
      case Predicate::kSyscall:
        return ReadSyscall(message.syscall());
    }
    return Wrong("a condition that is not defined");
  }

 private:
  template <typename Branch>
  absl::StatusOr<query::Predicate> ReadParts(const Predicate::Parts& message) {
    if (++depth_ > kPredicateDepthMax) {
      return Wrong(absl::StrCat("more than ", kPredicateDepthMax, " levels"));
    }
    Branch branch;
    for (const Predicate& part : message.parts()) {
      absl::StatusOr<query::Predicate> read = Read(part);
      if (!read.ok()) return read;
      branch.parts.push_back(*std::move(read));
    }
    --depth_;
    return query::Predicate(std::move(branch));
  }

  static absl::StatusOr<query::Predicate> ReadTerm(const v1::TermIs& message) {
    const auto field = query::ParseTermField(message.field());
    if (!field) return Wrong(absl::StrCat("no field \"", message.field(), "\""));
    const absl::StatusOr<query::TermMatch> match = MatchOf(message.match());
    if (!match.ok()) return match.status();
    return query::Predicate(query::HasTerm{*field, message.text(), *match});
  }

  static absl::StatusOr<query::Predicate> ReadAttribute(const v1::AttributeIs& message) {
    const absl::StatusOr<query::Attribute> attribute = AttributeOf(message.attribute());
    if (!attribute.ok()) return attribute.status();
    const absl::StatusOr<query::TermMatch> match = MatchOf(message.match());
    if (!match.ok()) return match.status();
    return query::Predicate(query::AttributeIs{*attribute, message.text(), *match});
  }

  static absl::StatusOr<query::Predicate> ReadName(const v1::NameIs& message) {
    const absl::StatusOr<query::Attribute> attribute = AttributeOf(message.attribute());
    if (!attribute.ok()) return attribute.status();
    if (*attribute < query::Attribute::kUid || *attribute > query::Attribute::kEgid) {
      return Wrong(absl::StrCat("no user or group is the attribute \"", message.attribute(), "\""));
    }
    query::NameIs name{.attribute = *attribute, .name = message.name()};
    if (message.has_number()) name.number = message.number();
    return query::Predicate(std::move(name));
  }

  static absl::StatusOr<query::Predicate> ReadSyscall(const v1::SyscallIs& message) {
    query::SyscallIs syscall;
    if (message.has_machine()) syscall.machine = message.machine();
    if (message.has_number()) syscall.number = message.number();
    return query::Predicate(syscall);
  }

  int conditions_ = 0;
  int depth_ = 0;
};

v1::Match MessageOf(query::TermMatch match) {
  return match == query::TermMatch::kIs ? v1::MATCH_IS : v1::MATCH_CONTAINS;
}

// Fills in an empty message, with the condition that it is called with.
class PredicateWriter {
 public:
  explicit PredicateWriter(Predicate& message) : message_(message) {}

  void operator()(const query::Everything&) const {}
  void operator()(const query::SerialIs& is) const { message_.set_serial(is.serial); }
  void operator()(const query::TypeIn& in) const {
    *message_.mutable_record_types()->mutable_types() = {in.types.begin(), in.types.end()};
  }
  void operator()(const query::NodeIs& is) const { message_.set_node(is.node); }
  void operator()(const query::HasTerm& term) const {
    v1::TermIs& message = *message_.mutable_term();
    message.set_field(std::string(query::TermFieldName(term.field)));
    message.set_text(term.text);
    message.set_match(MessageOf(term.match));
  }
  void operator()(const query::AttributeIs& is) const {
    v1::AttributeIs& message = *message_.mutable_attribute();
    message.set_attribute(std::string(query::AttributeName(is.attribute)));
    message.set_text(is.text);
    message.set_match(MessageOf(is.match));
  }
  void operator()(const query::NameIs& is) const {
    v1::NameIs& message = *message_.mutable_name();
    message.set_attribute(std::string(query::AttributeName(is.attribute)));
    message.set_name(is.name);
    if (is.number) message.set_number(*is.number);
  }
  void operator()(const query::SuccessIs& is) const { message_.set_success(is.success); }
  void operator()(const query::SyscallIs& is) const {
    v1::SyscallIs& message = *message_.mutable_syscall();
    if (is.machine) message.set_machine(*is.machine);
    if (is.number) message.set_number(*is.number);
  }
  void operator()(const query::TimeIn& in) const {
    *message_.mutable_time() = api::MessageOf(in.range);
  }
  void operator()(const query::AllOf& of) const { Write(of.parts, *message_.mutable_all_of()); }
  void operator()(const query::AnyOf& of) const { Write(of.parts, *message_.mutable_any_of()); }
  void operator()(const query::NoneOf& of) const { Write(of.parts, *message_.mutable_none_of()); }

 private:
  static void Write(const std::vector<query::Predicate>& parts, Predicate::Parts& message) {
    for (const query::Predicate& part : parts) {
      std::visit(PredicateWriter(*message.add_parts()), part.condition());
    }
  }

  Predicate& message_;
};

}  // namespace

absl::StatusOr<query::Predicate> PredicateOf(const Predicate& message) {
  return PredicateReader().Read(message);
}

query::TimeRange TimeRangeOf(const v1::TimeRange& message) {
  query::TimeRange range;
  if (message.has_from_ms()) range.from_ms = message.from_ms();
  if (message.has_to_ms()) range.to_ms = message.to_ms();
  return range;
}

v1::TimeRange MessageOf(const query::TimeRange& range) {
  constexpr query::TimeRange kAllTime;
  v1::TimeRange message;
  if (range.from_ms != kAllTime.from_ms) message.set_from_ms(range.from_ms);
  if (range.to_ms != kAllTime.to_ms) message.set_to_ms(range.to_ms);
  return message;
}

Predicate MessageOf(const query::Predicate& predicate) {
  Predicate message;
  std::visit(PredicateWriter(message), predicate.condition());
  return message;
}

}  // namespace api
