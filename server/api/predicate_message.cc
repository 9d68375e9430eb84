#include "server/api/predicate_message.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace server {

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
        return ReadTime(message.time());
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

  static absl::StatusOr<query::Predicate> ReadTime(const v1::TimeRange& message) {
    query::TimeRange range;
    if (message.has_from_ms()) range.from_ms = message.from_ms();
    if (message.has_to_ms()) range.to_ms = message.to_ms();
    return query::Predicate(query::TimeIn{range});
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

}  // namespace

absl::StatusOr<query::Predicate> PredicateOf(const Predicate& message) {
  return PredicateReader().Read(message);
}

}  // namespace server
