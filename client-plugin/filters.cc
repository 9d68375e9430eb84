#include "client-plugin/filters.h"

#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"

#include "audit/record_type.h"

namespace client_plugin {

namespace {

// Types from here on have no names, and filters take all of them or none.
constexpr uint16_t kTypesEnd = 3000;

// Events that are remembered: those of the last 0.8 s of a host that has ten thousand a second.
// Serials count up, so each has a place of its own until so many others have begun.
constexpr size_t kEventsMax = 8192;
static_assert(std::has_single_bit(kEventsMax));

// An event is taken for over when its host is so much further, as by audit::Assembler.
constexpr uint64_t kEndOfEventMs = 2000;

}  // namespace

absl::StatusOr<Filters> Filters::Parse(std::span<const std::string> texts) {
  if (texts.size() > kFiltersMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter ", kFiltersMax + 1, ": there can be no more than ", kFiltersMax));
  }
  Filters made;
  for (const std::string& text : texts) {
    absl::StatusOr<Filter> filter = Filter::Parse(text);
    if (!filter.ok()) {
      return absl::Status(filter.status().code(), absl::StrCat("filter ", made.filters_.size() + 1,
                                                               ": ", filter.status().message()));
    }
    const uint64_t bit = uint64_t{1} << made.filters_.size();
    (filter->is_of_types_only() ? made.of_types_only_ : made.of_events_) |= bit;
    if (filter->keeps()) made.keeps_ |= bit;
    made.filters_by_type_.resize(kTypesEnd + size_t{1});
    for (uint16_t type = 0; type <= kTypesEnd; ++type) {
      if (filter->TakesType(type)) made.filters_by_type_[type] |= bit;
    }
    made.counters_.push_back({.text = text});
    made.filters_.push_back(*std::move(filter));
  }
  if (!made.empty()) made.events_.resize(kEventsMax);
  return made;
}

uint64_t Filters::FiltersOfType(uint16_t message_type) const {
  return filters_by_type_[message_type < kTypesEnd ? message_type : kTypesEnd];
}

Filters::Event& Filters::FindEvent(const audit::Stamp& stamp) {
  Event& event = events_[stamp.serial & (kEventsMax - 1)];
  if (event.stamp == stamp) return event;
  // The difference is large where the time has gone back, and the event is over, too.
  const bool is_over = event.has_ended || stamp.time_ms - event.stamp.time_ms > kEndOfEventMs;
  if (!is_over && of_events_ != 0) ++events_forgotten_;
  event = {.stamp = stamp, .has_ended = false};
  return event;
}

void Filters::Decide(uint64_t of_type, const audit::Record& record, Event* event) {
  uint64_t met = 0;
  if (of_events_ != 0) {
    const ProcessFields fields = ReadProcessFields(record);
    for (uint64_t left = of_events_; left != 0; left &= left - 1) {
      const auto index = static_cast<size_t>(std::countr_zero(left));
      if (filters_[index].Matches(record.type, fields, &scratch_)) met |= uint64_t{1} << index;
    }
  }
  const uint64_t candidates = of_type & (of_types_only_ | met);
  const uint64_t first = candidates & -candidates;
  if ((first & of_types_only_ & keeps_) != 0) met = 0;
  const bool is_dropped_for_type = (first & of_types_only_ & ~keeps_) != 0;
  event->filters = met;
  event->is_decided = met != 0 || !is_dropped_for_type;
}

Verdict Filters::JudgeByFilters(uint16_t message_type, std::string_view line) {
  const uint64_t of_type = FiltersOfType(message_type);
  if (of_type == 0 && of_events_ == 0) return {};
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
  if (!record.ok()) return {};

  Event& event = FindEvent(record->stamp);
  if (!event.is_decided) Decide(of_type, *record, &event);
  if (audit::EndsEvent(message_type) || audit::StandsAlone(message_type)) event.has_ended = true;

  const uint64_t met = of_type & (of_types_only_ | event.filters);
  if (met == 0) return {};
  const auto index = static_cast<size_t>(std::countr_zero(met));
  const uint64_t bit = uint64_t{1} << index;
  FilterCounters& counters = counters_[index];
  ++counters.records;
  counters.bytes += line.size();
  if ((event.counted & bit) == 0) ++counters.events;
  event.counted |= bit;
  return {.is_dropped = (keeps_ & bit) == 0, .filter = index};
}

}  // namespace client_plugin
